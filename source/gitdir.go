package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"tandem/internal/lib/rootfile"
)

// gitDir is the directory of a repository on this machine, open. Its owner may be
// nobody whom root should obey, and can put anything in the place of anything in it,
// at any moment. So everything that is read there is read by the methods here: below a
// descriptor of the directory, and never out of it. What is written there is written by
// git (receivepack.go). Names are relative to it, with slashes.
type gitDir struct {
	root *os.Root
	path string      // for people and for the watcher; nothing is opened by it
	info fs.FileInfo // of the directory itself

	mu      sync.Mutex
	refused error // the first thing that was not opened because of what it is
}

// Limits of what is read of a repository besides its objects.
const (
	// maxGitFile is the size in bytes up to which a ref or the config is read.
	maxGitFile = 1 << 20
	// maxGitIndex is the size in bytes up to which packed refs and the index of a pack
	// are read: those of some ten million refs or objects.
	maxGitIndex = 1 << 30
	// maxGitEntries is how many files a directory of a repository may have.
	maxGitEntries = 1_000_000
)

// errForeign: the owner of the repository may not read the file, and made a second
// name for it.
var errForeign = errors.New("is a second name of a file that the repository's owner may not read")

func (d *gitDir) close() error { return d.root.Close() }

// full is the name as people and the watcher know it.
func (d *gitDir) full(name string) string { return filepath.Join(d.path, filepath.FromSlash(name)) }

// open opens a file for reading.
func (d *gitDir) open(name string) (*os.File, error) {
	f, err := rootfile.Open(d.root, name)
	if err != nil {
		return nil, d.refuse(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case d.foreign(info):
		err = &fs.PathError{Op: "read", Path: name, Err: errForeign}
	case info.Size() > mostOf(name):
		err = &fs.PathError{Op: "read", Path: name, Err: rootfile.ErrTooLarge}
	default:
		return f, nil
	}
	return nil, errors.Join(d.refuse(err), f.Close())
}

// mostOf is how large the file of that name may be. An object may have any size: what
// reads it knows how much it wants.
func mostOf(name string) int64 {
	switch name = path.Clean(filepath.ToSlash(name)); {
	case name == "packed-refs" || strings.HasSuffix(name, ".idx"):
		return maxGitIndex
	case strings.HasPrefix(name, "objects/"):
		return 1 << 62
	default:
		return maxGitFile
	}
}

// foreign tells whether the file is one that the repository's owner could not read,
// but give a name in it: where fs.protected_hardlinks is off, that is any file of the
// same file system.
func (d *gitDir) foreign(info fs.FileInfo) bool {
	is, ok := info.Sys().(*syscall.Stat_t)
	owner, ok2 := d.info.Sys().(*syscall.Stat_t)
	if !ok || !ok2 || is.Nlink < 2 {
		return false
	}
	return is.Uid != owner.Uid && is.Mode&0o004 == 0 && (is.Gid != owner.Gid || is.Mode&0o040 == 0)
}

// refuse remembers an error that no repository of good will leads to: what reads it
// by way of go-git may take a ref that cannot be read for one that is not there.
func (d *gitDir) refuse(err error) error {
	for _, odd := range []error{rootfile.ErrOutside, rootfile.ErrNotRegular, rootfile.ErrTooLarge, errForeign} {
		if errors.Is(err, odd) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.refused == nil {
				d.refused = err
			}
		}
	}
	return err
}

// refusal is that error, for people.
func (d *gitDir) refusal() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refused == nil {
		return nil
	}
	var p *fs.PathError
	if errors.As(d.refused, &p) {
		return fmt.Errorf("%s %w: a repository on this machine is not used while it has that", p.Path, p.Err)
	}
	return d.refused
}

func (d *gitDir) stat(name string) (fs.FileInfo, error)  { return d.looked(d.root.Stat(name)) }
func (d *gitDir) lstat(name string) (fs.FileInfo, error) { return d.looked(d.root.Lstat(name)) }

func (d *gitDir) looked(info fs.FileInfo, err error) (fs.FileInfo, error) {
	if rootfile.IsOutside(err) {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = &fs.PathError{Op: p.Op, Path: p.Path, Err: rootfile.ErrOutside}
		}
		return nil, d.refuse(err)
	}
	return info, err
}

// openDir opens a directory to list it. What is none, a pipe too, is not opened.
func (d *gitDir) openDir(name string) (*os.File, error) {
	return d.root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// entries lists a directory, up to that many of its entries.
func (d *gitDir) entries(name string, most int) (_ []fs.DirEntry, err error) {
	f, err := d.openDir(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = closeErr(f, err) }()
	entries, err := f.ReadDir(most + 1)
	if len(entries) > most {
		return nil, &fs.PathError{Op: "read", Path: name, Err: rootfile.ErrTooLarge}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return entries, err
}
