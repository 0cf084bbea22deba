// Package overlay lays the files of a private directory over a copy of other files. A
// manifest beside the copy says which they are, with a keyed digest of each, from which nobody
// learns a short password, and has their contents encrypted with the same key. Start with Dir.
package overlay
