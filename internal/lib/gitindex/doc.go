// Package gitindex tells which files of a directory git has, the staged ones included. It
// reads the index itself and needs no program git.
//
// Start with Open, which returns the Tree of a directory.
package gitindex
