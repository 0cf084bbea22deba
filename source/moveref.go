package source

import (
	"context"
	"errors"
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

	"tandem/internal/atomicfile"
)

// moveRef moves a branch from old to tip, under its lock. go-git's own file server
// compares nothing and would lose a push.
func moveRef(ctx context.Context, s *filesystem.Storage, dir string, name plumbing.ReferenceName, old, tip plumbing.Hash) error {
	lock, err := lockRef(ctx, dir, name, tip)
	if err != nil {
		return err
	}
	if err := underLock(ctx, s, lock, dir, name, old); err != nil {
		return errors.Join(err, lock.release())
	}
	return atomicfile.SyncDir(filepath.Dir(lock.ref))
}

func underLock(ctx context.Context, s *filesystem.Storage, lock *refLock, dir string, name plumbing.ReferenceName, old plumbing.Hash) error {
	if err := compareRef(s, dir, name, old); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if old.IsZero() {
		removeEmpty(lock.ref) // what deleted branches such as <branch>/x leave behind
	}
	return lock.commit()
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
	if err := atomicfile.Change(dir, func() error { return os.Mkdir(dir, 0o755) }); err != nil {
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
	_ = remove(dir) // see above
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
