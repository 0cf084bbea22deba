package composefile

import (
	"fmt"
	"path"
	"strings"

	"tandem/reconciler/deploy"
)

// A file in Git LFS is a pointer of some 130 bytes in git, and the content is on another
// server, which tandem does not ask. A container that mounts it would be given the pointer.

// LFSStart is how each pointer begins (git-lfs/docs/spec.md), and maxPointer how many
// bytes one has at most.
const (
	LFSStart   = "version https://git-lfs.github.com/spec/"
	maxPointer = 1 << 10
)

// IsLFSPointer tells whether a file of that size which begins with start is a pointer.
func IsLFSPointer(start string, size int64) bool {
	return size <= maxPointer && strings.HasPrefix(start, LFSStart)
}

const pointerAdvice = "the file is in Git LFS, and tandem does not fetch its content: commit the file itself, or put it into the image"

// maxPointers is how many are named: a directory may be full of them.
const maxPointers = 10

// LFSFaults refuses the files of the app that are pointers.
func LFSFaults(app deploy.App, names []string) deploy.Faults {
	var faults deploy.Faults
	for i, name := range names {
		if i == maxPointers {
			faults = append(faults, deploy.Fault{File: path.Join(app.Dir, name), Text: fmt.Sprintf("%s (and %d more files are)", pointerAdvice, len(names)-i-1)})
			break
		}
		faults = append(faults, deploy.Fault{File: path.Join(app.Dir, name), Text: pointerAdvice})
	}
	return faults
}
