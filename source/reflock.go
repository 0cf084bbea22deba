package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// lockPatience is how often the lock file of a branch is tried for before it is
// taken to be left over from a crash.
const lockPatience = 50

// moveRef moves a branch from old to tip under the lock file that git uses
// (refs/heads/<branch>.lock, made exclusively and renamed into place), so that
// it and any git process see each other. go-git's own file server compares
// nothing and would lose a push.
func moveRef(ctx context.Context, s *filesystem.Storage, dir string, name plumbing.ReferenceName, old, tip plumbing.Hash) error {
	file := filepath.Join(dir, filepath.FromSlash(name.String()))
	lock, err := lockRef(ctx, dir, file)
	if err != nil {
		return err
	}
	err = underLock(ctx, s, lock, dir, name, old, tip)
	if err != nil {
		return errors.Join(err, closeIgnored(lock), os.Remove(lock.Name()))
	}
	return syncDir(filepath.Dir(file))
}

// closeIgnored closes a file that is thrown away; it may be closed already.
func closeIgnored(f *os.File) error {
	_ = f.Close()
	return nil
}

func underLock(ctx context.Context, s *filesystem.Storage, lock *os.File, dir string, name plumbing.ReferenceName, old, tip plumbing.Hash) error {
	file := strings.TrimSuffix(lock.Name(), ".lock")
	if err := compareRef(s, dir, name, old); err != nil {
		return err
	}
	if _, err := lock.WriteString(tip.String() + "\n"); err != nil {
		return err
	}
	if err := lock.Sync(); err != nil {
		return err
	}
	if err := adopt(lock.Name(), filepath.Dir(file), false); err != nil {
		return err
	}
	if err := lock.Close(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if old.IsZero() {
		removeEmpty(file) // what deleted branches such as <branch>/x leave behind
	}
	return os.Rename(lock.Name(), file)
}

// compareRef is the compare of compare-and-swap.
func compareRef(s *filesystem.Storage, dir string, name plumbing.ReferenceName, old plumbing.Hash) error {
	ref, err := storer.ResolveReference(s, name)
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound):
		if !old.IsZero() {
			return errRaced
		}
	case err != nil:
		return err
	case ref.Hash() != old:
		return errRaced
	case ref.Name() != name:
		return kindf(ErrRefused, "%s is a symbolic ref", name)
	default:
		return nil
	}
	return checkNeighbours(s, dir, name)
}

// checkNeighbours refuses a new branch whose name, or a part of it, would have
// to be a file and a directory at once. Where both are loose refs the file
// system refuses it; packed ones have to be looked up.
func checkNeighbours(s *filesystem.Storage, dir string, name plumbing.ReferenceName) error {
	for above := path.Dir(name.String()); above != "refs/heads" && above != "."; above = path.Dir(above) {
		if _, err := s.Reference(plumbing.ReferenceName(above)); err == nil {
			return kindf(ErrRefused, "there is a ref %s already, so %s cannot be made", above, name)
		}
	}
	packed, err := os.ReadFile(filepath.Join(dir, "packed-refs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.Contains(string(packed), " "+name.String()+"/") {
		return kindf(ErrRefused, "there are refs below %s/ already, so %s cannot be made", name, name)
	}
	return nil
}

// lockRef makes the lock file, and waits for whoever holds it.
func lockRef(ctx context.Context, dir, file string) (*os.File, error) {
	var err error
	for try := range lockPatience {
		if err := makeRefDir(dir, filepath.Dir(file)); err != nil {
			return nil, err
		}
		var lock *os.File
		lock, err = os.OpenFile(file+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil {
			return lock, nil
		}
		// Not existing: git took the empty directory away that was just made.
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
	return nil, kindf(errLocked, "%v: another git process seems to hold the branch; if none does, it crashed: remove the file", err)
}

// makeRefDir makes the directories of a branch with slashes in its name, owned
// like the ones above them.
func makeRefDir(top, dir string) error {
	if _, err := os.Stat(dir); err == nil || dir == top {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := makeRefDir(top, parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
			return nil // somebody was faster, with making or removing; the lock will tell
		}
		if errors.Is(err, syscall.ENOTDIR) {
			return kindf(ErrRefused, "there is a branch that is a directory of this one: %v", err)
		}
		return err
	}
	return adopt(dir, parent, true)
}

// removeEmpty removes a tree of empty directories. It stops at the first file,
// and the rename that follows says what is in the way.
func removeEmpty(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			removeEmpty(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir) // see above
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return closing(f, f.Sync())
}

// pause waits a jittered moment that grows with the number of tries, up to about
// a second.
func pause(ctx context.Context, try int) error {
	most := min(time.Second, 20*time.Millisecond<<min(try, 10))
	t := time.NewTimer(most/4 + rand.N(most))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
