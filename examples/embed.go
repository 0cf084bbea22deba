package examples

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
)

// FS holds every example, one a directory.
//
//go:embed */*
var FS embed.FS

// Copy writes the files of one example ("minimal") into the directory dst, which
// is made when it does not exist. A file that exists there is an error.
func Copy(dst, name string) error {
	sub, err := fs.Sub(FS, name)
	if err != nil {
		return fmt.Errorf("copy example %s: %w", name, err)
	}
	if err := os.CopyFS(dst, sub); err != nil {
		return fmt.Errorf("copy example %s: %w", name, err)
	}
	return nil
}

// Source is the source of the program of the minimal example, which needs only
// the standard library.
func Source() fs.FS {
	sub, err := fs.Sub(FS, "minimal/app")
	if err != nil {
		panic(err) // only for a name that is not a path
	}
	return sub
}
