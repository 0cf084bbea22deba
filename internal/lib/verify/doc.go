// Package verify tells whether a commit is signed by a key that a person listed.
// It knows nothing of branches and of what a verdict is for: raw commit and keys
// in, verdict out.
//
// Start with Files.Read, which reads who may sign, in the formats of git's own
// tools (OpenSSH's allowed signers, exported PGP keys), and Keys.Verify.
//
// What is verified are the bytes of the object whose hash is the commit's name,
// without the signature's own header, and never a commit that was decoded and
// encoded again: that could drop what it does not know (commit.go). Where git's
// readers could differ about what was signed, the commit is refused.
package verify
