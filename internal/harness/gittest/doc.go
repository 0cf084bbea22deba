// Package gittest gives tests real Git repositories and real servers in front
// of them: a bare repository on disk, git http-backend behind basic
// authentication and a switch for faults, and an OpenSSH sshd on a loopback
// port. People are played by the git program itself.
//
// Start with NewBare, then Bare.Clone for a person's checkout, and ServeHTTP or
// ServeSSH for a remote. A missing git or sshd fails the test with a sentence
// that says so; nothing is skipped. Everything is removed when the test ends.
package gittest
