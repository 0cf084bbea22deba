package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links a path may lead through, as on Linux.
const maxLinks = 40

var (
	// errSwapped: the directory was replaced while it was opened.
	errSwapped = errors.New("it was replaced while it was opened")
	// errNotTheirs: somebody decides what is at the path, who does not own what is there.
	errNotTheirs = errors.New("not the owner's")
)

// openGitDir opens the directory of a repository. Links on the way are followed, but
// whoever could put another directory into its place, because a link or a directory on
// the way is theirs, must own it: else the owner of a link would have root work in any
// directory of the machine.
func openGitDir(name string) (*gitDir, error) {
	w := pathWalker{at: -1, rest: strings.Split(name, "/"), owners: map[uint32]string{}}
	defer w.close()
	at, err := w.walk()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	for uid, where := range w.owners {
		if uid != at.Uid {
			return nil, kindf(errNotTheirs, "%s belongs to the user %d, but the user %d decides what is there, because %s is theirs: give the repository to one of the two, or move it to where only root can replace it",
				name, at.Uid, uid, where)
		}
	}
	root, err := os.OpenRoot(name + "/.") // with the dot, what is no directory is not opened
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil {
		if is, ok := info.Sys().(*syscall.Stat_t); !ok || is.Dev != at.Dev || is.Ino != at.Ino {
			err = fmt.Errorf("open %s: %w", name, errSwapped)
		}
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &gitDir{root: root, path: filepath.Clean(name), info: info}, nil
}

// pathWalker goes from the root of the file system to a directory, one name after the
// other, so that nobody can change a part of the way that it has looked at.
type pathWalker struct {
	at     int // a descriptor
	rest   []string
	links  int
	done   []string
	owners map[uint32]string // whose what it went through is, besides root's and this process's, and where that began
}

// walk goes the whole way.
func (w *pathWalker) walk() (unix.Stat_t, error) {
	var at unix.Stat_t
	if err := w.top(&at); err != nil {
		return at, err
	}
	trusted := map[uint32]bool{0: true, at.Uid: true, uint32(os.Geteuid()): true}
	for len(w.rest) > 0 {
		name := w.rest[0]
		w.rest = w.rest[1:]
		if name == "" || name == "." {
			continue
		}
		next, err := w.next(name, &at)
		if err != nil {
			return at, err
		}
		if _, known := w.owners[at.Uid]; !known && !trusted[at.Uid] {
			w.owners[at.Uid] = "/" + strings.Join(append(w.done, name), "/")
		}
		if err := w.enter(next, name, &at); err != nil {
			return at, err
		}
	}
	return at, nil
}

// next opens what is there without following it, and without doing anything to it.
func (w *pathWalker) next(name string, at *unix.Stat_t) (int, error) {
	fd, err := openat(w.at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if err := unix.Fstat(fd, at); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// enter goes into a directory, or to where a link leads.
func (w *pathWalker) enter(next int, name string, at *unix.Stat_t) error {
	switch at.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		err := unix.Close(w.at)
		w.at, w.done = next, append(w.done, name)
		return err
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(next, "", buf)
		if err = errors.Join(err, unix.Close(next)); err != nil {
			return err
		}
		if w.links++; w.links > maxLinks {
			return unix.ELOOP
		}
		target := string(buf[:n])
		w.rest = append(strings.Split(target, "/"), w.rest...)
		if !strings.HasPrefix(target, "/") {
			return unix.Fstat(w.at, at)
		}
		if err := unix.Close(w.at); err != nil {
			return err
		}
		return w.top(at)
	default:
		return errors.Join(unix.ENOTDIR, unix.Close(next))
	}
}

// top begins at the root of the file system.
func (w *pathWalker) top(at *unix.Stat_t) (err error) {
	w.done = nil
	if w.at, err = openat(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC); err != nil {
		return err
	}
	return unix.Fstat(w.at, at)
}

func (w *pathWalker) close() {
	if w.at >= 0 {
		_ = unix.Close(w.at) // it was only looked through
	}
}

func openat(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
