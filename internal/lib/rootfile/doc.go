// Package rootfile reads files of directories that somebody else may write: a
// repository's files, a release's copy. Nothing that is put in a file's place leads
// the reader out of the directory, makes it wait, or fills its memory.
// Start with Read.
package rootfile
