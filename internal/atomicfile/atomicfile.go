package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// interrupt is asked before and after each change of a file. The tests of what a
// full disk or a kill leaves behind answer with an error; nobody else does.
var interrupt = func(after bool, path string) error { return nil }

// Write replaces path with data: a reader sees the old bytes or the new ones,
// also after a power cut. The directory must exist. The permissions are perm
// exactly (no umask).
func Write(path string, data []byte, perm fs.FileMode) error {
	if err := interrupt(false, path); err != nil {
		return err
	}
	if err := renameio.WriteFile(path, data, perm, renameio.WithStaticPermissions(perm)); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(path)), interrupt(true, path))
}

// Remove deletes path; a path that does not exist is no error.
func Remove(path string) error {
	if err := interrupt(false, path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return errors.Join(syncDir(filepath.Dir(path)), interrupt(true, path))
}

// syncDir makes the change of the directory itself durable: without it a
// crash can bring the old name back.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
