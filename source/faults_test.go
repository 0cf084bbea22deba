package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"

	"tandem/internal/harness/gittest"
	"tandem/internal/harness/testbed/faultfs"
)

// faultyFS is the file system of go-git, on such a disk.
type faultyFS struct {
	billy.Filesystem
	disk *faultfs.Disk
}

func (f faultyFS) alter(name string, do func() error) error {
	path := name
	if !filepath.IsAbs(path) { // as those of temporary files are
		path = filepath.Join(f.Root(), name)
	}
	if err := f.disk.Interrupt(false, path); err != nil {
		return err
	}
	return errors.Join(do(), f.disk.Interrupt(true, path))
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
	dead := f.fs.disk.Dead()
	write := func() error {
		n, err = f.File.Write(p)
		return err
	}
	switch f.writes++; {
	case f.writes <= 2:
		err = f.fs.alter(f.name, write)
	case dead:
		err = faultfs.ErrKilled
	default:
		err = write()
	}
	if errors.Is(err, faultfs.ErrKilled) && !dead && n == 0 {
		n, _ = f.File.Write(p[:len(p)/2])
	}
	return n, err
}

// TestFaults_NoChangeOfAFileLosesACommitOrAStatus lets a full disk and a kill happen at
// each change of a file of the cache and of the exported files, while commits are read and
// statuses published. The next process ends
// up with what one has that nothing happened to.
func TestFaults_NoChangeOfAFileLosesACommitOrAStatus(t *testing.T) {
	plain := openFS
	t.Cleanup(func() { openFS = plain })
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
			faultfs.Each(t, 4, 15, func(t *testing.T, d *faultfs.Disk) {
				openFS = func(dir string) billy.Filesystem { return faultyFS{plain(dir), d} }
				tell(t, d, way, bare, commits)
			})
		})
	}
}

// tell is the story: two commits are read and exported, and a status is published of each.
func tell(t *testing.T, d *faultfs.Disk, way string, original *gittest.Bare, commits []string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "deploy.git")
	must(t, os.CopyFS(path, os.DirFS(original.Path)))
	bare := gittest.OpenBare(t, path)
	o := Options{URL: path, CacheDir: filepath.Join(dir, "cache"), Logger: slog.New(slog.DiscardHandler)}
	trees := filepath.Join(dir, "trees")
	must(t, os.Mkdir(trees, 0o755))
	d.Roots = []string{o.CacheDir, trees} // the repository itself is git's, or another machine's
	if way == "http" {
		o.URL = gittest.ServeHTTP(t, bare, gittest.HTTPOptions{}).URL
	}
	for i, commit := range commits {
		o.Branch = fmt.Sprintf("at-%d", i)
		dest := filepath.Join(trees, commit)
		until(t, d, func(ctx context.Context) error {
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
	for _, left := range []string{"deploy.git/*.lock", "deploy.git/refs/heads/*.lock", "trees/*.partial"} {
		if found, _ := filepath.Glob(filepath.Join(dir, left)); len(found) > 0 {
			t.Errorf("left behind: %v", found)
		}
	}
}

// until lets processes try, one after the other, until one has done it.
func until(t *testing.T, d *faultfs.Disk, try func(context.Context) error) {
	t.Helper()
	var errs []error
	for range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := try(ctx)
		cancel()
		if err == nil && !d.Dead() {
			return
		}
		errs = append(errs, err)
		d.Revive()
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
