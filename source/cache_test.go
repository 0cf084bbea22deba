package source

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/harness/gittest"
)

// Whatever happens to the cache, the next call answers as if nothing had
// happened, with the memory of the last poll and without it.
func TestCache_MayBeDamagedAtAnyTime(t *testing.T) {
	eachFile := func(t *testing.T, dir, pattern string, change func(path string) error) {
		t.Helper()
		n := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if ok, _ := filepath.Match(pattern, d.Name()); !ok {
				return nil
			}
			n++
			if err := os.Chmod(path, 0o644); err != nil {
				return err
			}
			return change(path)
		})
		if err != nil || n == 0 {
			t.Fatalf("%d files of %s in the cache: %v", n, pattern, err)
		}
	}
	flip := func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i := len(data) / 3; i < len(data)-20; i += 7 {
			data[i] ^= 0x55
		}
		return os.WriteFile(path, data, 0o644)
	}
	for name, damage := range map[string]func(t *testing.T, dir string){
		"deleted": func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) },
		"a file in its place": func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, "repo.git")))
			must(t, os.WriteFile(filepath.Join(dir, "repo.git"), nil, 0o644))
		},
		"packs deleted":   func(t *testing.T, dir string) { eachFile(t, dir, "*.pack", os.Remove) },
		"indexes deleted": func(t *testing.T, dir string) { eachFile(t, dir, "*.idx", os.Remove) },
		"packs cut": func(t *testing.T, dir string) {
			eachFile(t, dir, "*.pack", func(p string) error { return os.Truncate(p, 100) })
		},
		"packs empty": func(t *testing.T, dir string) {
			eachFile(t, dir, "*.pack", func(p string) error { return os.Truncate(p, 0) })
		},
		"packs flipped":   func(t *testing.T, dir string) { eachFile(t, dir, "*.pack", flip) },
		"indexes flipped": func(t *testing.T, dir string) { eachFile(t, dir, "*.idx", flip) },
		"refs junk": func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "repo.git/refs/heads/junk"), []byte("junk"), 0o644))
		},
		"an interrupted run": func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, "repo.git")))
			must(t, os.WriteFile(filepath.Join(dir, "repo.git.new"), nil, 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWeb(t, gittest.HTTPOptions{}, nil)
			files := map[string]string{"tandem.yaml": "tag: one\n", "big": string(bytes.Repeat([]byte("0123456789"), 20_000))}
			hash := w.push(t, "first", files)
			w.poll(t)
			damage(t, w.dir)
			dest := filepath.Join(t.TempDir(), "a")
			if err := w.repo.Export(within(t), hash, ".", dest); err != nil {
				t.Errorf("export: %v", err)
			} else if got, err := os.ReadFile(filepath.Join(dest, "big")); err != nil || string(got) != files["big"] {
				t.Errorf("export wrote %d bytes: %v", len(got), err)
			}
			damage(t, w.dir)
			w.repo = open(t, w.repo.options) // a restarted agent
			if got := string(file(t, w.poll(t), ".").Data); got != "tag: one\n" {
				t.Errorf("the poll after a restart: %q", got)
			}
			damage(t, w.dir)
			w.push(t, "second", map[string]string{"tandem.yaml": "tag: two\n"})
			if got := string(file(t, w.poll(t), ".").Data); got != "tag: two\n" {
				t.Errorf("the poll after a push: %q", got)
			}
			damage(t, w.dir)
			if err := w.repo.Publish(within(t), "status", map[string][]byte{"x": nil}); err != nil {
				t.Errorf("publish: %v", err)
			}
		})
	}
}

// The cache is deleted again and again while the repository is polled. A poll
// may fail at such a moment, but it never says anything wrong, and the next one
// gets there.
func TestCache_MayBeDeletedWhileItIsUsed(t *testing.T) {
	w := openWeb(t, gittest.HTTPOptions{}, nil)
	stop := make(chan struct{})
	var deleter sync.WaitGroup
	deleter.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				// It fails when something is written at the same moment, which is the point.
				_ = os.RemoveAll(w.dir)
			}
		}
	})
	for _, tag := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		hash := w.push(t, tag, map[string]string{"tandem.yaml": tag})
		gittest.Wait(t, "the poll of "+tag, func() bool {
			rev, err := w.repo.Poll(within(t))
			if err == nil && (rev.Commit.Hash != hash || string(file(t, rev, ".").Data) != tag) {
				t.Fatalf("after the push of %s: %+v", tag, rev)
			}
			return err == nil
		})
	}
	close(stop)
	deleter.Wait()
}

func TestCache_HoldsNoHistoryAndStaysBounded(t *testing.T) {
	w := openWeb(t, gittest.HTTPOptions{}, nil)
	for range 30 {
		w.ada.Commit(t, "old", nil)
	}
	big := make([]byte, 200_000)
	for i := range big {
		big[i] = byte(i * i >> 7)
	}
	w.push(t, "first", map[string]string{"tandem.yaml": "0", "big": string(big)})
	w.poll(t)
	first := len(commits(t, w))
	if first != 1 {
		t.Errorf("%d commits were fetched, want 1", first)
	}
	most := 0
	for i := range maxPacks + 5 {
		w.push(t, "more", map[string]string{"tandem.yaml": string(rune('a' + i))})
		w.poll(t)
		most = max(most, len(packs(t, w)))
	}
	if last := len(packs(t, w)); most > maxPacks || last >= most {
		t.Errorf("the cache grew to %d packs and holds %d", most, last)
	}
	// What did not change was fetched once: the cache is far smaller than 50 copies.
	var size int64
	must(t, filepath.WalkDir(w.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	}))
	if size > 3*int64(len(big)) {
		t.Errorf("the cache has %d bytes", size)
	}
}

// A file that did not change is fetched once, in a large repository above all.
func TestCache_FetchesWhatChanged(t *testing.T) {
	w := openWeb(t, gittest.HTTPOptions{}, nil)
	big := make([]byte, 200_000)
	if _, err := rand.NewChaCha8([32]byte{}).Read(big); err != nil { // it cannot be packed
		t.Fatal(err)
	}
	w.push(t, "first", map[string]string{"tandem.yaml": "0", "big": string(big)})
	w.poll(t)
	w.push(t, "bump", map[string]string{"tandem.yaml": "1"})
	w.poll(t)
	all := packs(t, w)
	var size int64
	for _, pack := range all {
		info, err := os.Stat(pack)
		must(t, err)
		size += info.Size()
	}
	if len(all) != 2 || size > int64(len(big))*3/2 {
		t.Errorf("%d packs have %d bytes, want 2 with one copy of %d", len(all), size, len(big))
	}
}

// Several commits between two polls, a branch that went back, and a commit that
// claims to be older than what is here, are read as any other.
func TestCache_FollowsABranchHoweverItMoves(t *testing.T) {
	w := openWeb(t, gittest.HTTPOptions{}, nil)
	check := func(what, hash, want string) {
		t.Helper()
		rev := w.poll(t)
		if got := string(file(t, rev, ".").Data); rev.Commit.Hash != hash || got != want {
			t.Errorf("%s: got %s with %q, want %s with %q", what, rev.Commit.Hash, got, hash, want)
		}
	}
	first := w.push(t, "1", map[string]string{"tandem.yaml": "1", "a": "1"})
	check("first", first, "1")
	w.ada.Commit(t, "2", map[string]string{"tandem.yaml": "2"})
	w.ada.Commit(t, "3", map[string]string{"tandem.yaml": "3", "a": "2"})
	check("three at once", w.push(t, "4", map[string]string{"tandem.yaml": "4"}), "4")
	w.ada.Git(t, "reset", "--hard", "HEAD~2")
	w.ada.ForcePush(t)
	check("back", w.ada.Head(t), "2")
	w.ada.Commit(t, "old", map[string]string{"tandem.yaml": "old"})
	w.ada.Git(t, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "filter-branch", "--env-filter", "GIT_COMMITTER_DATE='2001-01-01T00:00:00Z'; export GIT_COMMITTER_DATE", "HEAD~1..HEAD")
	w.ada.Push(t)
	check("old", w.ada.Head(t), "old")
}

func packs(t *testing.T, w *web) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(w.dir, "repo.git", "objects", "pack", "*.pack"))
	must(t, err)
	return all
}

func commits(t *testing.T, w *web) []plumbing.Hash {
	t.Helper()
	store, err := w.repo.remote.(*networkRemote).cache.open()
	must(t, err)
	iter, err := store.IterEncodedObjects(plumbing.CommitObject)
	must(t, err)
	var hashes []plumbing.Hash
	must(t, iter.ForEach(func(o plumbing.EncodedObject) error {
		hashes = append(hashes, o.Hash())
		return nil
	}))
	return hashes
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
