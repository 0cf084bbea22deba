// Package plaintext makes text that comes from elsewhere (a commit, a container's log,
// an error of a server) fit to be shown. Whatever would move a terminal, turn the
// direction of what stands around it, or not be seen at all, becomes the escape that Go
// and JSON write for it. Start with Text.
package plaintext
