package source

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/lib/atomicfile"
)

// lockPatience is how often the lock file of a branch is tried for, half a minute in
// all, before it is taken to be left over from a crash of git.
const lockPatience = 50

// refLock is a branch's lock file, held, with what the branch is to become in it. It
// is the one that git uses (refs/heads/<branch>.lock, made exclusively and renamed into
// place), so that tandem and any git process see each other.
//
// A process that gets SIGKILL leaves such a file for good, and nobody can tell it from
// one that is in use. So tandem's has a second name, its mark, in a directory of the
// repository that git does not know, and is held with flock, which the kernel gives
// back whatever becomes of the process. A lock that has a mark which nobody holds is
// left over and is removed; any other is left alone.
type refLock struct {
	dir  *gitDir
	file *os.File
	ref  string // the branch's own file
	mark string // empty where the file system knows no second names
}

func (l *refLock) name() string { return l.ref + ".lock" }

// errHeld: another tandem has the mark at this moment.
var errHeld = errors.New("the branch's mark is held")

// lockRef makes the lock file, and waits for whoever holds it.
func lockRef(ctx context.Context, dir *gitDir, branch plumbing.ReferenceName, tip plumbing.Hash) (*refLock, error) {
	ref := branch.String()
	mark := path.Join("tandem", url.PathEscape(ref))
	var err error
	for try := range lockPatience {
		var l *refLock
		if l, err = lockOnce(dir, ref, mark, tip); err == nil {
			return l, nil
		}
		// Not existing: git took the empty directory away that was just made.
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errHeld) {
			return nil, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
	return nil, kindf(errStuck, "%s: %v: another git process seems to hold the branch; if none does, it crashed: remove the file", dir.full(ref+".lock"), err)
}

func lockOnce(dir *gitDir, ref, mark string, tip plumbing.Hash) (*refLock, error) {
	if err := dir.makeRefDir(path.Dir(ref)); err != nil {
		return nil, err
	}
	l, err := markedLock(dir, ref, mark, tip)
	if unmarkable(err) {
		return plainLock(dir, ref, tip)
	}
	return l, err
}

// markedLock makes the mark first, whole, and then gives it the name of the lock.
func markedLock(dir *gitDir, ref, mark string, tip plumbing.Hash) (*refLock, error) {
	if err := dir.makeRefDir(path.Dir(mark)); err != nil {
		return nil, err
	}
	if err := dir.reclaim(mark, ref+".lock"); err != nil {
		return nil, err
	}
	file, err := dir.create(mark, path.Dir(ref)) // it becomes the branch's own file
	if err != nil {
		return nil, err
	}
	l := &refLock{dir, file, ref, mark}
	if err := l.hold(); err != nil {
		return nil, errors.Join(err, file.Close()) // it is another's by now
	}
	err = l.write(tip)
	if err == nil {
		err = dir.link(mark, l.name())
	}
	if err != nil {
		return nil, errors.Join(err, l.unmark())
	}
	return l, nil
}

// plainLock is the lock without a mark.
func plainLock(dir *gitDir, ref string, tip plumbing.Hash) (*refLock, error) {
	file, err := dir.create(ref+".lock", path.Dir(ref))
	if err != nil {
		return nil, err
	}
	l := &refLock{dir: dir, file: file, ref: ref}
	if err := l.write(tip); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

// unmarkable tells whether no mark can be made there: the file system has no second
// names or no flock, or the directory may not be written.
func unmarkable(err error) bool {
	for _, e := range []error{fs.ErrPermission, syscall.EXDEV, syscall.EMLINK, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.ENOLCK} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// hold takes the flock of the mark. Between its making and this another tandem may
// have taken it for one that is left over.
func (l *refLock) hold() error {
	held, err := flock(l.file)
	if err == nil && (!held || !l.dir.isNamed(l.file, l.mark)) {
		err = errHeld
	}
	return err
}

func (l *refLock) write(tip plumbing.Hash) error {
	err := atomicfile.Change(l.dir.full(cmp.Or(l.mark, l.name())), func() error {
		_, err := l.file.WriteString(tip.String() + "\n")
		return err
	})
	if err != nil {
		return err
	}
	return l.file.Sync()
}

// commit puts what was written into the place of the branch. The lock is free after it.
func (l *refLock) commit() error {
	if err := l.dir.rename(l.name(), l.ref); err != nil {
		return err
	}
	return l.unmark()
}

// release gives the lock back, and leaves the branch as it is.
func (l *refLock) release() error {
	err := l.dir.remove(l.name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // it took the branch's place
	}
	return errors.Join(err, l.unmark())
}

// unmark comes last: a lock without its mark would stay for good.
func (l *refLock) unmark() error {
	var err error
	if l.mark != "" {
		err = l.dir.remove(l.mark)
		l.mark = ""
	}
	if closed := l.file.Close(); !errors.Is(closed, os.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

// reclaim removes what a tandem left that is no more.
func (d *gitDir) reclaim(mark, lock string) error {
	file, err := d.open(mark)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	held, err := flock(file)
	switch {
	case err != nil:
		return err
	case !held:
		return errHeld
	case !d.isNamed(file, mark):
		return nil // another was faster
	}
	if d.isNamed(file, lock) {
		err = d.remove(lock)
	}
	return errors.Join(err, d.remove(mark))
}

// flock tells whether the file's lock could be had. It is given back with the file.
func flock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// isNamed tells whether the open file is the one of that name.
func (d *gitDir) isNamed(f *os.File, name string) bool {
	is, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := d.lstat(name)
	return err == nil && os.SameFile(is, named)
}
