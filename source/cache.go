package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"golang.org/x/sync/semaphore"

	"tandem/internal/lib/atomicfile"
)

const (
	// maxPacks bounds the cache: each fetch adds a pack, and nobody repacks.
	maxPacks = 50
	// largeObject is the size in bytes from which a blob is streamed.
	largeObject = 1 << 20
)

// cached is where objects of another machine are kept: a bare repository whose
// refs/heads/<hash> name the commits it holds, each taken to be without its
// history.
type cached struct {
	parent string
	dir    string
	lock   *semaphore.Weighted
}

func newCached(dir string) *cached {
	return &cached{parent: dir, dir: filepath.Join(dir, "repo.git"), lock: semaphore.NewWeighted(1)}
}

// open returns the cache as it is on disk now, made if need be.
func (c *cached) open() (*filesystem.Storage, error) { return initStorage(c.dir) }

// fresh returns an empty cache beside the old one; keep puts it in its place.
func (c *cached) fresh() (*filesystem.Storage, string, error) {
	if err := os.MkdirAll(c.parent, 0o755); err != nil {
		return nil, "", err
	}
	dir := c.dir + ".new"
	if err := removeAll(dir); err != nil { // of an interrupted run
		return nil, "", err
	}
	s, err := initStorage(dir)
	return s, dir, err
}

func (c *cached) keep(dir string) error {
	if err := removeAll(c.dir); err != nil {
		return err
	}
	return atomicfile.Change(c.dir, func() error { return os.Rename(dir, c.dir) })
}

func initStorage(dir string) (*filesystem.Storage, error) {
	for _, d := range []string{"objects/pack", "refs/heads"} {
		d = filepath.Join(dir, d)
		if err := atomicfile.Change(d, func() error { return os.MkdirAll(d, 0o755) }); err != nil {
			return nil, fmt.Errorf("open the cache: %w", err)
		}
	}
	return openStorage(dir), nil
}

func openStorage(dir string) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(openFS(dir),
		cache.NewObjectLRU(8*cache.MiByte),
		filesystem.Options{LargeObjectThreshold: largeObject})
}

// has tells whether a fetch of the commit was completed.
func has(s *filesystem.Storage, commit plumbing.Hash) bool {
	_, err := s.Reference(plumbing.NewBranchReferenceName(commit.String()))
	return err == nil && s.HasEncodedObject(commit) == nil
}

func hasAll(s *filesystem.Storage, commits []plumbing.Hash) bool {
	for _, c := range commits {
		if !has(s, c) {
			return false
		}
	}
	return true
}

// held are the commits that the cache has, for the server to leave out.
func held(s *filesystem.Storage) ([]plumbing.Hash, error) {
	refs, err := s.IterReferences()
	if err != nil {
		return nil, err
	}
	var commits []plumbing.Hash
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		name, ok := strings.CutPrefix(ref.Name().String(), "refs/heads/")
		if ok && name == ref.Hash().String() {
			commits = append(commits, ref.Hash())
		}
		return nil
	})
	return commits, err
}

// timeOf is the time of a commit that the cache has; zero where it has not.
func timeOf(s *filesystem.Storage, commit plumbing.Hash) (time.Time, error) {
	if commit.IsZero() || !has(s, commit) {
		return time.Time{}, nil
	}
	c, err := object.GetCommit(s, commit)
	if err != nil {
		return time.Time{}, fmt.Errorf("read commit %s: %w", commit, err)
	}
	return c.Committer.When, nil
}

func full(s *filesystem.Storage) bool {
	packs, err := s.ObjectPacks()
	return err != nil || len(packs) >= maxPacks
}

// errFull is why a cache is replaced that is in order.
var errFull = errors.New("the cache has grown")

func removeAll(path string) error {
	return atomicfile.Change(path, func() error { return os.RemoveAll(path) })
}

// openFS is the file system that go-git keeps the cache in. The tests of what a full
// disk or a kill leaves behind have one that can be interrupted.
var openFS = func(dir string) billy.Filesystem { return osfs.New(dir, osfs.WithBoundOS()) }
