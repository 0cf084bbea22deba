package source

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"tandem/internal/lib/rootfile"
)

const (
	// maxRefDirs is how many directories of branches are looked at.
	maxRefDirs = 1000
	// maxRefEntries is how many branches and directories one of them may have for that.
	maxRefEntries = 100_000
)

// moveRef moves a branch from old to tip, under its lock. go-git's own file server
// compares nothing and would lose a push.
func moveRef(ctx context.Context, s *filesystem.Storage, dir *gitDir, name plumbing.ReferenceName, old, tip plumbing.Hash) error {
	lock, err := lockRef(ctx, dir, name, tip)
	if err != nil {
		return err
	}
	if err := underLock(ctx, s, lock, dir, name, old); err != nil {
		return errors.Join(err, lock.release())
	}
	return dir.syncDir(path.Dir(lock.ref))
}

func underLock(ctx context.Context, s *filesystem.Storage, lock *refLock, dir *gitDir, name plumbing.ReferenceName, old plumbing.Hash) error {
	if err := compareRef(s, dir, name, old); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if old.IsZero() {
		dir.removeEmpty(lock.ref, 0) // what deleted branches such as <branch>/x leave behind
	}
	return lock.commit()
}

// compareRef is the compare of compare-and-swap.
func compareRef(s *filesystem.Storage, dir *gitDir, name plumbing.ReferenceName, old plumbing.Hash) error {
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
func checkNeighbours(s *filesystem.Storage, dir *gitDir, name plumbing.ReferenceName) error {
	for above := path.Dir(name.String()); above != "refs/heads" && above != "."; above = path.Dir(above) {
		if _, err := s.Reference(plumbing.ReferenceName(above)); err == nil {
			return kindf(ErrRefused, "there is a ref %s already, so %s cannot be made", above, name)
		}
	}
	packed, err := dir.open("packed-refs")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return closeErr(packed, checkPacked(packed, name))
}

// checkPacked looks for refs below the new one's name.
func checkPacked(packed io.Reader, name plumbing.ReferenceName) error {
	lines := bufio.NewScanner(packed)
	for lines.Scan() {
		if strings.Contains(lines.Text(), " "+name.String()+"/") {
			return kindf(ErrRefused, "there are refs below %s/ already, so %s cannot be made", name, name)
		}
	}
	return lines.Err()
}

// makeRefDir makes the directories of a branch with slashes in its name, owned
// like the ones above them.
func (d *gitDir) makeRefDir(name string) error {
	if name == "." {
		return nil
	}
	if _, err := d.stat(name); err == nil || errors.Is(err, rootfile.ErrOutside) {
		return err
	}
	if err := d.makeRefDir(path.Dir(name)); err != nil {
		return err
	}
	err := d.makeDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody was faster with removing; the lock will tell
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return kindf(ErrRefused, "there is a branch that is a directory of this one: %v", err)
	}
	return err
}

// removeEmpty removes a tree of empty directories. It stops at the first file,
// and the rename that follows says what is in the way.
func (d *gitDir) removeEmpty(name string, depth int) {
	entries, err := d.entries(name, maxRefDirs)
	if err != nil || depth > maxDepth {
		return
	}
	for _, e := range entries {
		if !e.IsDir() {
			return
		}
		d.removeEmpty(path.Join(name, e.Name()), depth+1)
	}
	_ = d.remove(name) // see above
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
