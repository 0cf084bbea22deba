package source

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"tandem/internal/lib/atomicfile"
)

// give gives a file that this process made in somebody else's repository to the owner
// of the directory it was made in. Without that, an agent that runs as root would leave
// files and directories in which the owner's next push fails. It is given by its
// descriptor: by then its name may be another file's.
func (d *gitDir) give(f *os.File, parent string) error {
	like, own, err := d.compare(f, parent)
	if err != nil || like == nil || os.Geteuid() != 0 || like.Uid == own.Uid && like.Gid == own.Gid {
		return err
	}
	return f.Chown(int(like.Uid), int(like.Gid))
}

// makeDir makes a directory like the one above it. One that is there already is left as
// it is, but for one of this process's own: an earlier one may have been killed before
// it gave it away.
func (d *gitDir) makeDir(name string) (err error) {
	if _, err := d.stat(name); err != nil {
		err := atomicfile.Change(d.full(name), func() error { return d.root.Mkdir(name, 0o755) })
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	f, err := d.openDir(name)
	if err != nil {
		return err
	}
	defer func() { err = closeErr(f, err) }()
	above := path.Dir(name)
	like, own, err := d.compare(f, above)
	// Somebody else's directory is already as its owner wants it, and what is mounted
	// there is none of the repository's.
	if err != nil || like == nil || int(own.Uid) != os.Geteuid() || own.Dev != like.Dev {
		return err
	}
	if err := d.give(f, above); err != nil {
		return err
	}
	// A shared repository is group-writable; a directory that is not would shut the
	// others out.
	if like.Mode != own.Mode {
		return f.Chmod(fileMode(like.Mode))
	}
	return nil
}

// compare looks at what was opened, and at the directory that it was made in. Where the
// system has no owners there is nothing to compare.
func (d *gitDir) compare(f *os.File, parent string) (like, own *syscall.Stat_t, err error) {
	above, err := d.stat(parent)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	like, ok := above.Sys().(*syscall.Stat_t)
	own, ok2 := info.Sys().(*syscall.Stat_t)
	if !ok || !ok2 {
		return nil, nil, nil
	}
	return like, own, nil
}

// fileMode is a directory's mode as package os has it. That it belongs to another user
// than its group (setgid) is kept, because a shared repository needs it.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	if mode&syscall.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if mode&syscall.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}
