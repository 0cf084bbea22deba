package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"

	"tandem/source/gittest"
)

// fault is what happens to one change of a file. It has no context, so that one which
// hangs ends with a kill, before or after.
type fault string

const (
	diskFull    fault = "the disk is full"
	crashBefore fault = "the process is killed before, or in the middle of it"
	crashAfter  fault = "the process is killed after"
)

var errKilled = errors.New("killed")

// faultyDisk counts the changes of files in a story, and disturbs one of them. Once the
// process is killed nothing that it still tries has an effect.
type faultyDisk struct {
	roots []string
	n     int // the change that is disturbed
	what  fault

	mu          sync.Mutex
	points      []string // the changes so far, by name
	dead, fired bool
}

func (d *faultyDisk) interrupt(after bool, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := d.name(path)
	switch {
	case name == "":
		return nil // a file of the test's own
	case d.dead:
		return errKilled
	case !after:
		d.points = append(d.points, name)
	}
	if d.fired || len(d.points)-1 != d.n || after != (d.what == crashAfter) {
		return nil
	}
	d.fired = true
	if d.what == diskFull {
		return fmt.Errorf("write %s: %w", path, syscall.ENOSPC)
	}
	d.dead = true
	return errKilled
}

var hashes = regexp.MustCompile(`[0-9a-f]{40}|\b[0-9a-f]{38}\b|objects/[0-9a-f]{2}\b|\d{5,}`)

// name is the path as it is the same in each story; "" where it is none of the story's.
func (d *faultyDisk) name(path string) string {
	for _, root := range d.roots {
		if rel, err := filepath.Rel(root, path); err == nil && !strings.HasPrefix(rel, "..") {
			return hashes.ReplaceAllString(filepath.Join(filepath.Base(root), rel), "…")
		}
	}
	return ""
}

// revive starts a new process, whose changes go well.
func (d *faultyDisk) revive() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = false
}

func (d *faultyDisk) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// faultyFS is the file system of go-git, on such a disk.
type faultyFS struct {
	billy.Filesystem
	disk *faultyDisk
}

func (f faultyFS) alter(name string, do func() error) error {
	path := name
	if !filepath.IsAbs(path) { // as those of temporary files are
		path = filepath.Join(f.Root(), name)
	}
	if err := f.disk.interrupt(false, path); err != nil {
		return err
	}
	return errors.Join(do(), f.disk.interrupt(true, path))
}

func (f faultyFS) Create(name string) (billy.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

func (f faultyFS) OpenFile(name string, flag int, perm os.FileMode) (file billy.File, err error) {
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return f.Filesystem.OpenFile(name, flag, perm)
	}
	err = f.alter(name, func() error {
		file, err = f.Filesystem.OpenFile(name, flag, perm)
		return err
	})
	return f.file(file, name, err)
}

func (f faultyFS) TempFile(dir, prefix string) (file billy.File, err error) {
	name := filepath.Join(dir, prefix)
	err = f.alter(name, func() error {
		file, err = f.Filesystem.TempFile(dir, prefix)
		return err
	})
	return f.file(file, name, err)
}

func (f faultyFS) file(file billy.File, name string, err error) (billy.File, error) {
	if err != nil {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
		return nil, err
	}
	return &faultyFile{File: file, fs: f, name: name}, nil
}

func (f faultyFS) Rename(from, to string) error {
	return f.alter(to, func() error { return f.Filesystem.Rename(from, to) })
}

func (f faultyFS) Remove(name string) error {
	return f.alter(name, func() error { return f.Filesystem.Remove(name) })
}

func (f faultyFS) MkdirAll(name string, perm os.FileMode) error {
	return f.alter(name, func() error { return f.Filesystem.MkdirAll(name, perm) })
}

// faultyFile can be disturbed in its first write and in one of the others: an index
// has hundreds, which are all alike.
type faultyFile struct {
	billy.File
	fs     faultyFS
	name   string
	writes int
}

// Write writes a half of it where the process is killed in the middle of it.
func (f *faultyFile) Write(p []byte) (n int, err error) {
	dead := f.fs.disk.isDead()
	write := func() error {
		n, err = f.File.Write(p)
		return err
	}
	switch f.writes++; {
	case f.writes <= 2:
		err = f.fs.alter(f.name, write)
	case dead:
		err = errKilled
	default:
		err = write()
	}
	if errors.Is(err, errKilled) && !dead && n == 0 {
		n, _ = f.File.Write(p[:len(p)/2])
	}
	return n, err
}

// TestFaults_NoChangeOfAFileLosesACommitOrAStatus lets a full disk and a kill happen at
// each change of a file of the cache, of the exported files, and of a repository on
// this machine, while commits are read and statuses published. The next process ends
// up with what one has that nothing happened to.
func TestFaults_NoChangeOfAFileLosesACommitOrAStatus(t *testing.T) {
	before := openFS
	t.Cleanup(func() {
		interrupt = func(bool, string) error { return nil }
		openFS = before
	})
	bare := gittest.NewBare(t)
	ada := bare.Clone(t)
	var commits []string
	for i := range 2 {
		commits = append(commits, ada.Commit(t, "deploy", map[string]string{
			"shop/tandem.yaml": fmt.Sprintf("app: shop\ntag: \"%d\"\n", i), "shop/conf/nested/app.conf": "x",
			fmt.Sprintf("shop/only-%d", i): strings.Repeat("y", 100_000),
		}))
		ada.Git(t, "push", "-q", "origin", fmt.Sprintf("HEAD:refs/heads/at-%d", i))
	}
	for _, way := range []string{"local", "http"} {
		t.Run(way, func(t *testing.T) {
			eachChange(t, func(t *testing.T, d *faultyDisk) { tell(t, d, way, bare, commits) })
		})
	}
}

// eachChange tells the story again and again, each time with one fault more to the
// end: n is counted up until there is no n-th change any more.
func eachChange(t *testing.T, story func(t *testing.T, d *faultyDisk)) {
	t.Helper()
	names := map[string]bool{}
	points, cases := 0, 0
	for i, what := range []fault{diskFull, crashBefore, crashAfter} {
		first, step := 0, 1
		if testing.Short() { // a few, in one way and not in all three
			first, step = 4*i, 12
		}
		for n, fired := first, true; fired; n += step {
			t.Run(fmt.Sprintf("%d %s", n, what), func(t *testing.T) {
				d := &faultyDisk{n: n, what: what}
				interrupt = d.interrupt
				plain := openFS
				openFS = func(dir string) billy.Filesystem { return faultyFS{plain(dir), d} }
				defer func() { openFS = plain }()
				story(t, d)
				fired = d.fired
				for _, p := range d.points {
					names[p] = true
				}
			})
			if t.Failed() {
				return
			}
			if fired {
				points, cases = max(points, n+1), cases+1
			}
		}
	}
	t.Logf("%d changes of %d files in %d cases: %s", points, len(names), cases, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
	if points < 20 {
		t.Errorf("only %d changes were disturbed", points)
	}
}

// tell is the story: two commits are read and exported, and a status is published of each.
func tell(t *testing.T, d *faultyDisk, way string, original *gittest.Bare, commits []string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "deploy.git")
	must(t, os.CopyFS(path, os.DirFS(original.Path)))
	bare := gittest.OpenBare(t, path)
	o := Options{URL: path, CacheDir: filepath.Join(dir, "cache"), Logger: slog.New(slog.DiscardHandler)}
	trees := filepath.Join(dir, "trees")
	must(t, os.Mkdir(trees, 0o755))
	d.roots = []string{o.CacheDir, trees, path}
	if way == "http" {
		o.URL = gittest.ServeHTTP(t, bare, gittest.HTTPOptions{}).URL
		d.roots = d.roots[:2] // the repository is another machine's
	}
	for i, commit := range commits {
		o.Branch = fmt.Sprintf("at-%d", i)
		dest := filepath.Join(trees, commit)
		d.until(t, func(ctx context.Context) error {
			r, err := New(o)
			if err != nil {
				return err
			}
			rev, err := r.Poll(ctx)
			if err == nil && rev.Commit.Hash != commit {
				t.Errorf("%s is at %s, want %s", o.Branch, rev.Commit.Hash, commit)
			}
			if err == nil {
				err = r.Export(ctx, commit, "shop", dest)
			}
			if err == nil {
				err = r.Publish(ctx, "status", map[string][]byte{"shop.yaml": fmt.Appendf(nil, "%d", i)})
			}
			return err
		})
		wantTree(t, dest, "conf/nested/app.conf", "only-0", fmt.Sprintf("only-%d", i), "tandem.yaml")
	}
	if got := bare.Log(t, "tandem-status"); len(got) != len(commits) {
		t.Errorf("commits of the status branch: %q, want one for each status", got)
	}
	if got, _ := bare.Show(t, "tandem-status", "shop.yaml"); got != "1" {
		t.Errorf("the status is %q, want the last one", got)
	}
	bare.Git(t, "fsck", "--strict")
	// A mark may be left: it holds nobody up, and the next publish removes it.
	for _, left := range []string{"deploy.git/*.lock", "deploy.git/refs/heads/*.lock", "trees/*.partial"} {
		if found, _ := filepath.Glob(filepath.Join(dir, left)); len(found) > 0 {
			t.Errorf("left behind: %v", found)
		}
	}
}

// until lets processes try, one after the other, until one has done it.
func (d *faultyDisk) until(t *testing.T, try func(context.Context) error) {
	t.Helper()
	var errs []error
	for range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := try(ctx)
		cancel()
		if err == nil && !d.isDead() {
			return
		}
		errs = append(errs, err)
		d.revive()
	}
	t.Fatalf("does not come to rest: %v", errors.Join(errs...))
}

// wantTree wants these files in a directory, and no others, with what was committed.
func wantTree(t *testing.T, dir string, want ...string) {
	t.Helper()
	slices.Sort(want)
	want = slices.Compact(want)
	var got []string
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		got = append(got, name)
		if info, _ := e.Info(); strings.HasPrefix(name, "only") && info.Size() != 100_000 {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
		return err
	}))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("exported %q, want %q", got, want)
	}
}
