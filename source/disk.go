package source

import (
	"os"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
)

// interrupt is asked before and after each change of a file. The tests of what a full
// disk or a kill leaves behind answer with an error; nobody else does.
var interrupt = func(after bool, path string) error { return nil }

// alter makes one change of the file or directory.
func alter(path string, do func() error) error {
	if err := interrupt(false, path); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return interrupt(true, path)
}

func removeAll(path string) error { return alter(path, func() error { return os.RemoveAll(path) }) }

func remove(path string) error { return alter(path, func() error { return os.Remove(path) }) }

// openFS is the file system that go-git keeps a repository in. Those tests have one
// that can be interrupted.
var openFS = func(dir string) billy.Filesystem { return osfs.New(dir, osfs.WithBoundOS()) }
