package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/harness/gittest"
)

// stranger is the user whose repository it is in these tests, where the agent is root.
const stranger = 65534

// secret is what root can read, and the owner of the repository cannot.
const secret = "s3cr3t-of-root"

// trap is a repository that somebody owns, and what must not be touched.
type trap struct {
	*world
	outside string
}

// newTrap is made of a repository with a first commit.
func newTrap(t *testing.T, first *world) *trap {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "deploy.git")
	must(t, os.CopyFS(path, os.DirFS(first.bare.Path)))
	w := &world{bare: gittest.OpenBare(t, path)}
	chown(t, w.bare.Path, stranger)
	w.repo = open(t, Options{URL: w.bare.Path, Logger: slog.New(slog.DiscardHandler)})
	outside := filepath.Join(dir, "outside")
	for _, name := range append(objectDirs(), "heads", "pack", "hooks", "tags") {
		must(t, os.MkdirAll(filepath.Join(outside, filepath.Base(name)), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(outside, "shadow"), []byte(secret+"\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(outside, "hooks", "pre-receive"), []byte("#!/bin/sh\n"), 0o700))
	return &trap{w, outside}
}

// firstCommit is a repository with one.
func firstCommit(t *testing.T) *world {
	t.Helper()
	w := openLocal(t, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "x"})
	return w
}

// replace puts something into the place of a file or directory of the repository.
func (w *trap) replace(t *testing.T, name string, put func(path string) error) {
	t.Helper()
	path := w.file(name)
	must(t, os.RemoveAll(path))
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, put(path))
}

func leadsTo(target string) func(string) error {
	return func(path string) error { return os.Symlink(target, path) }
}

func pipe(path string) error { return syscall.Mkfifo(path, 0o644) }

// endless is a file of eight terabytes that takes no room.
func endless(path string) error {
	return errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, 8<<40))
}

// snapshotOf is all that can be told of what is below a directory.
func snapshotOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		var content []byte
		if info.Mode().IsRegular() {
			content, err = os.ReadFile(path)
		}
		is := info.Sys().(*syscall.Stat_t)
		all[path] = fmt.Sprintf("%v %d:%d %q", info.Mode(), is.Uid, is.Gid, content)
		return err
	}))
	return all
}

// work does all that the agent does with a repository, and returns what it said.
func (w *trap) work(t *testing.T, status string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told, err := w.repo.Watch(ctx)
	must(t, err)
	rev, pollErr := w.repo.Poll(ctx)
	exportErr := w.repo.Export(ctx, rev.Commit.Hash, ".", filepath.Join(t.TempDir(), "dest"))
	// Git, which is the owner's here, may wait for a pipe of theirs as it may for a hook.
	short, end := context.WithTimeout(ctx, 5*time.Second)
	defer end()
	publishErr := w.repo.Publish(short, "status", map[string][]byte{"deep/shop.yaml": []byte(status)})
	must(t, w.repo.publishing.Acquire(ctx, 1)) // else something of it goes on
	w.repo.publishing.Release(1)
	select {
	case <-told:
	default:
	}
	if ctx.Err() != nil {
		t.Error("it hangs")
	}
	return fmt.Sprint(rev, pollErr, exportErr, publishErr)
}

// TestLocalOwner_LeadsRootNowhere puts into the place of each part of a repository what
// its owner could put there. Nothing outside is made, changed, given away or told.
func TestLocalOwner_LeadsRootNowhere(t *testing.T) {
	first := firstCommit(t)
	for name, set := range map[string]func(t *testing.T, w *trap){
		"refs":                 func(t *testing.T, w *trap) { w.replace(t, "refs", leadsTo(w.outside)) },
		"refs/heads":           func(t *testing.T, w *trap) { w.replace(t, "refs/heads", leadsTo(filepath.Join(w.outside, "heads"))) },
		"refs/heads, relative": func(t *testing.T, w *trap) { w.replace(t, "refs/heads", leadsTo(w.fromRefs(t))) },
		"objects":              func(t *testing.T, w *trap) { w.replace(t, "objects", leadsTo(w.outside)) },
		"each objects/xx": func(t *testing.T, w *trap) {
			for i := range 256 {
				name := fmt.Sprintf("objects/%02x", i)
				if _, err := os.Lstat(w.file(name)); err != nil { // else there is an object of the first commit
					w.replace(t, name, leadsTo(filepath.Join(w.outside, filepath.Base(name))))
				}
			}
		},
		"objects/pack":      func(t *testing.T, w *trap) { w.replace(t, "objects/pack", leadsTo(filepath.Join(w.outside, "pack"))) },
		"the status branch": func(t *testing.T, w *trap) { w.replace(t, statusRef, leadsTo(filepath.Join(w.outside, "shadow"))) },
		"the watched branch": func(t *testing.T, w *trap) {
			w.replace(t, "refs/heads/main", leadsTo(filepath.Join(w.outside, "shadow")))
		},
		"packed-refs": func(t *testing.T, w *trap) { w.replace(t, "packed-refs", leadsTo(filepath.Join(w.outside, "shadow"))) },
		"config":      func(t *testing.T, w *trap) { w.replace(t, "config", leadsTo(filepath.Join(w.outside, "shadow"))) },
		"HEAD":        func(t *testing.T, w *trap) { w.replace(t, "HEAD", leadsTo(filepath.Join(w.outside, "shadow"))) },
		"hooks":       func(t *testing.T, w *trap) { w.replace(t, "hooks", leadsTo(filepath.Join(w.outside, "hooks"))) },
		"core.hooksPath": func(t *testing.T, w *trap) {
			must(t, os.WriteFile(w.file("config"), []byte("[core]\nbare = true\nhooksPath = "+filepath.Join(w.outside, "hooks")+"\n"), 0o644))
		},
		"a pipe as HEAD":         func(t *testing.T, w *trap) { w.replace(t, "HEAD", pipe) },
		"a pipe as config":       func(t *testing.T, w *trap) { w.replace(t, "config", pipe) },
		"a pipe as packed-refs":  func(t *testing.T, w *trap) { w.replace(t, "packed-refs", pipe) },
		"a pipe as the branch":   func(t *testing.T, w *trap) { w.replace(t, "refs/heads/main", pipe) },
		"a pipe as refs/heads":   func(t *testing.T, w *trap) { w.replace(t, "refs/heads", pipe) },
		"a pipe as objects":      func(t *testing.T, w *trap) { w.replace(t, "objects", pipe) },
		"a pipe as alternates":   func(t *testing.T, w *trap) { w.replace(t, "objects/info/alternates", pipe) },
		"a pipe as each object":  func(t *testing.T, w *trap) { w.eachObject(t, pipe) },
		"no end of packed-refs":  func(t *testing.T, w *trap) { w.replace(t, "packed-refs", endless) },
		"no end of the config":   func(t *testing.T, w *trap) { w.replace(t, "config", endless) },
		"no end of the branch":   func(t *testing.T, w *trap) { w.replace(t, "refs/heads/main", endless) },
		"no end of each object":  func(t *testing.T, w *trap) { w.eachObject(t, endless) },
		"a hard link as branch":  func(t *testing.T, w *trap) { w.replace(t, "refs/heads/main", w.secondName) },
		"a hard link as packed":  func(t *testing.T, w *trap) { w.replace(t, "packed-refs", w.secondName) },
		"a hard link as config":  func(t *testing.T, w *trap) { w.replace(t, "config", w.secondName) },
		"a hard link as objects": func(t *testing.T, w *trap) { w.eachObject(t, w.secondName) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTrap(t, first)
			set(t, w)
			before := snapshotOf(t, w.outside)
			said := w.work(t, "1")
			if after := snapshotOf(t, w.outside); !maps.Equal(before, after) {
				t.Errorf("outside was\n%v\nand is\n%v", before, after)
			}
			if strings.Contains(said, secret) {
				t.Errorf("it tells root's secret: %s", said)
			}
			t.Log(said)
		})
	}
}

func (w *trap) secondName(path string) error {
	return os.Link(filepath.Join(w.outside, "shadow"), path)
}

// fromRefs is the way out as a relative link.
func (w *trap) fromRefs(t *testing.T) string {
	t.Helper()
	rel, err := filepath.Rel(w.file("refs"), filepath.Join(w.outside, "heads"))
	must(t, err)
	return rel
}

// eachObject replaces each object of the repository, and the ones that the first status
// would have: where they are there already, they are not written again.
func (w *trap) eachObject(t *testing.T, put func(string) error) {
	t.Helper()
	names, err := filepath.Glob(w.file("objects/??/*"))
	must(t, err)
	rel := func(path string) string { return strings.TrimPrefix(path, w.bare.Path+"/") }
	for _, name := range names {
		w.replace(t, rel(name), put)
	}
	blob := makeObject(plumbing.BlobObject, []byte("1")).hash.String()
	w.replace(t, "objects/"+blob[:2]+"/"+blob[2:], put)
}

// TestLocalOwner_BorrowedObjectsAreNotRead: another repository's, which only root may
// read, would be deployed in the name of this one.
func TestLocalOwner_BorrowedObjectsAreNotRead(t *testing.T) {
	w, other := newTrap(t, firstCommit(t)), openLocal(t, nil)
	hash := other.push(t, "private", map[string]string{"tandem.yaml": "private"})
	for name, text := range map[string]string{
		"absolute": filepath.Join(other.bare.Path, "objects") + "\n",
		"relative": "../../../../../../../../../../.." + filepath.Join(other.bare.Path, "objects") + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			must(t, os.WriteFile(w.file("objects/info/alternates"), []byte(text), 0o644))
			must(t, os.WriteFile(w.file("refs/heads/main"), []byte(hash+"\n"), 0o644))
			rev, err := w.repo.Poll(within(t))
			if err == nil || !strings.Contains(err.Error(), "alternates") {
				t.Errorf("%+v, %v; want that nothing is borrowed", rev, err)
			}
		})
	}
}

// TestLocalOwner_CannotLeadToAnotherRepository swaps the repository itself.
func TestLocalOwner_CannotLeadToAnotherRepository(t *testing.T) {
	first := firstCommit(t)
	for name, swap := range map[string]func(t *testing.T, w, roots *trap) string{
		"a link":           func(t *testing.T, w, roots *trap) string { return theirs(t, roots.bare.Path) },
		"a link to a link": func(t *testing.T, w, roots *trap) string { return theirs(t, theirs(t, roots.bare.Path)) },
		"a link on the way": func(t *testing.T, w, roots *trap) string {
			return filepath.Join(theirs(t, filepath.Dir(roots.bare.Path)), filepath.Base(roots.bare.Path))
		},
		"a link as .git": func(t *testing.T, w, roots *trap) string {
			dir := t.TempDir()
			must(t, os.Rename(theirs(t, roots.bare.Path), filepath.Join(dir, ".git")))
			must(t, os.Lchown(filepath.Join(dir, ".git"), stranger, stranger))
			return dir
		},
		"root's repository in their directory": func(t *testing.T, w, roots *trap) string {
			dir := t.TempDir()
			must(t, os.Chown(dir, stranger, stranger))
			must(t, os.Rename(roots.bare.Path, filepath.Join(dir, "deploy.git")))
			return filepath.Join(dir, "deploy.git")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, roots := newTrap(t, first), newTrap(t, first)
			chown(t, roots.bare.Path, 0)
			path := swap(t, w, roots)
			real, err := filepath.EvalSymlinks(path)
			must(t, err)
			before := snapshotOf(t, real)
			r := open(t, Options{URL: path, Logger: slog.New(slog.DiscardHandler)})
			if rev, err := r.Poll(within(t)); err == nil || !strings.Contains(err.Error(), fmt.Sprint("the user ", stranger)) {
				t.Errorf("%v, %v; want that it is told whose it is", rev, err)
			}
			if err := r.Publish(within(t), "status", map[string][]byte{"shop.yaml": nil}); err == nil {
				t.Error("a status was published")
			}
			if after := snapshotOf(t, real); !maps.Equal(before, after) {
				t.Error("root's repository was changed")
			}
		})
	}
	// A link that root made, and one of the owner's to what is theirs, lead on.
	w := newTrap(t, first)
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(theirs(t, w.bare.Path), link))
	if _, err := open(t, Options{URL: link}).Poll(within(t)); err != nil {
		t.Errorf("their own repository: %v", err)
	}
}

// theirs is a link of the stranger's.
func theirs(t *testing.T, target string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "theirs.git")
	must(t, os.Symlink(target, link))
	must(t, os.Lchown(link, stranger, stranger))
	return link
}

// TestLocalOwner_SwapsWhileTheAgentWorks swaps directories for links, and back, as fast
// as it goes, while statuses are published. Some are: the others are refused.
func TestLocalOwner_SwapsWhileTheAgentWorks(t *testing.T) {
	first := firstCommit(t)
	for name, dirs := range map[string][]string{
		"refs/heads": {"refs/heads"}, "refs": {"refs"},
		"objects": {"objects"}, "objects/xx": objectDirs(),
	} {
		t.Run(name, func(t *testing.T) {
			w := newTrap(t, first)
			for _, dir := range dirs {
				must(t, os.MkdirAll(w.file(dir), 0o755))
				must(t, os.Lchown(w.file(dir), stranger, stranger))
			}
			before := snapshotOf(t, w.outside)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- w.swap(ctx, dirs) }()
			published := 0
			for i := range 40 {
				short, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
				if w.repo.Publish(short, "status", map[string][]byte{"shop.yaml": fmt.Append(nil, i)}) == nil {
					published++
				}
				end()
			}
			cancel()
			must(t, <-done)
			if after := snapshotOf(t, w.outside); !maps.Equal(before, after) {
				t.Errorf("outside was\n%v\nand is\n%v", before, after)
			}
			t.Logf("%d of 40 were published", published)
		})
	}
}

func objectDirs() []string {
	var dirs []string
	for i := range 256 {
		dirs = append(dirs, fmt.Sprintf("objects/%02x", i))
	}
	return dirs
}

// swap does it with renames only, as an owner would who wants to be fast.
func (w *trap) swap(ctx context.Context, dirs []string) error {
	for i := 0; ctx.Err() == nil; i++ {
		dir := w.file(dirs[i%len(dirs)])
		target := w.outside
		if base := filepath.Base(dir); base != "refs" && base != "objects" {
			target = filepath.Join(w.outside, base)
		}
		if err := os.Rename(dir, dir+".real"); err != nil {
			return err
		}
		_ = errors.Join(os.Symlink(target, dir), os.Lchown(dir, stranger, stranger)) // the agent may have made it again
		for tries := 0; ; tries++ {
			_ = os.RemoveAll(dir) // see above
			err := os.Rename(dir+".real", dir)
			if err == nil {
				break
			}
			if tries == 100 {
				return err
			}
		}
	}
	return nil
}
