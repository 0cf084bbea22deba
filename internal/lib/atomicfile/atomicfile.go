package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write replaces path with data: a reader sees the old bytes or the new ones,
// also after a power cut. The directory must exist. The permissions are perm
// exactly (no umask).
func Write(path string, data []byte, perm fs.FileMode) error {
	return Change(path, func() error {
		if err := renameio.WriteFile(path, data, perm, renameio.WithStaticPermissions(perm)); err != nil {
			return err
		}
		return SyncDir(filepath.Dir(path))
	})
}

// Remove deletes path; a path that does not exist is no error.
func Remove(path string) error {
	return Change(path, func() error {
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return errors.Join(err, SyncDir(filepath.Dir(path)))
	})
}

// SyncDir makes a change of the directory itself, a name that came or went, durable:
// without it a crash can bring the old name back.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
