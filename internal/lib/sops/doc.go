// Package sops reads files that SOPS encrypted for age recipients: flat ones, as
// dotenv, YAML or JSON. It writes none.
//
// Read takes a file apart without any key: its names, whether all that should be
// encrypted is, and for whom. File.Open decrypts the values in memory, and returns
// none unless the MAC over all of them is right. No error repeats a value.
//
// # Where the format is described
//
// SOPS's README ("Encryption Protocol", "Message Authentication Code", "Encrypting
// only parts of a file") and, for the details, its source, of which each fact here
// names the place: sops.go (which values are encrypted, the MAC over them),
// aes/cipher.go (how one value is), stores/ (the three formats, the metadata),
// age/keysource.go (the data key). The fixtures in testdata were written by the
// sops program itself.
package sops
