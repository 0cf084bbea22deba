package source

import (
	"os"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"

	"tandem/internal/lib/atomicfile"
)

func removeAll(path string) error {
	return atomicfile.Change(path, func() error { return os.RemoveAll(path) })
}

// openFS is the file system that go-git keeps the cache in. The tests of what a full
// disk or a kill leaves behind have one that can be interrupted.
var openFS = func(dir string) billy.Filesystem { return osfs.New(dir, osfs.WithBoundOS()) }
