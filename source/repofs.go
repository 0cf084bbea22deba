package source

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/go-git/go-billy/v5"
)

// repoFS is a repository on this machine as go-git reads it. It cannot be written by
// it: what go-git does to files it does by path, which in somebody else's directory is
// not good enough.
type repoFS struct{ dir *gitDir }

// Open implements billy.Basic.
func (f repoFS) Open(name string) (billy.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile implements billy.Basic.
func (f repoFS) OpenFile(name string, flag int, _ os.FileMode) (billy.File, error) {
	if flag != os.O_RDONLY {
		return nil, billy.ErrReadOnly
	}
	file, err := f.dir.open(name)
	if err != nil {
		return nil, err
	}
	return repoFile{file, name}, nil
}

// Stat implements billy.Basic.
func (f repoFS) Stat(name string) (os.FileInfo, error) { return f.dir.stat(name) }

// Lstat implements billy.Symlink.
func (f repoFS) Lstat(name string) (os.FileInfo, error) { return f.dir.lstat(name) }

// ReadDir implements billy.Dir.
func (f repoFS) ReadDir(name string) ([]os.FileInfo, error) {
	entries, err := f.dir.entries(name, maxGitEntries)
	if err != nil {
		return nil, err
	}
	var infos []fs.FileInfo
	for _, e := range entries {
		if info, err := f.dir.lstat(path.Join(filepath.ToSlash(name), e.Name())); err == nil { // else it is gone
			infos = append(infos, info)
		}
	}
	return infos, nil
}

// Join implements billy.Basic.
func (f repoFS) Join(elem ...string) string { return filepath.Join(elem...) }

// Root implements billy.Chroot.
func (f repoFS) Root() string { return f.dir.path }

// Readlink implements billy.Symlink.
func (f repoFS) Readlink(string) (string, error) { return "", billy.ErrNotSupported }

// Chroot implements billy.Chroot. Only alternates would need it.
func (f repoFS) Chroot(string) (billy.Filesystem, error) { return nil, billy.ErrNotSupported }

// Create implements billy.Basic, as the others do that follow.
func (f repoFS) Create(string) (billy.File, error) { return nil, billy.ErrReadOnly }

// TempFile implements billy.TempFile.
func (f repoFS) TempFile(string, string) (billy.File, error) { return nil, billy.ErrReadOnly }

// Rename implements billy.Basic.
func (f repoFS) Rename(string, string) error { return billy.ErrReadOnly }

// Remove implements billy.Basic.
func (f repoFS) Remove(string) error { return billy.ErrReadOnly }

// MkdirAll implements billy.Dir.
func (f repoFS) MkdirAll(string, os.FileMode) error { return billy.ErrReadOnly }

// Symlink implements billy.Symlink.
func (f repoFS) Symlink(string, string) error { return billy.ErrReadOnly }

// repoFile is a file that is open for reading.
type repoFile struct {
	*os.File
	name string
}

// Name implements billy.File. It is the name in the repository: go-git opens a pack
// again by it.
func (f repoFile) Name() string { return f.name }

// Lock implements billy.File.
func (f repoFile) Lock() error { return billy.ErrNotSupported }

// Unlock implements billy.File.
func (f repoFile) Unlock() error { return billy.ErrNotSupported }
