package source

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/harness/gittest"
)

func hashOf(hex string) plumbing.Hash { return plumbing.NewHash(hex) }

func TestLocal_NeedsTheGitProgramToPublishOnly(t *testing.T) {
	for name, prefix := range map[string]string{"path": "", "url": "file://"} {
		t.Run(name, func(t *testing.T) {
			w := openLocal(t, func(o *Options) { o.URL = prefix + o.URL })
			hash := w.push(t, "first", map[string]string{"shop/tandem.yaml": "tag: one\n"})
			for _, content := range []string{"one", "two"} {
				if err := w.repo.Publish(within(t), content, map[string][]byte{"shop.yaml": []byte(content)}); err != nil {
					t.Errorf("publish: %v", err)
				}
			}
			if got, _ := w.bare.Show(t, "tandem-status", "shop.yaml"); got != "two" {
				t.Errorf("the status holds %q", got)
			}
			w.bare.Git(t, "fsck", "--strict")
			t.Setenv("PATH", "")
			if rev := w.poll(t); rev.Commit.Hash != hash || len(rev.Files) != 1 {
				t.Errorf("poll: %+v", rev)
			}
			if err := w.repo.Export(within(t), hash, "shop", filepath.Join(t.TempDir(), "dest")); err != nil {
				t.Errorf("export: %v", err)
			}
			if err := w.publish(within(t)); err == nil || !strings.Contains(err.Error(), "install the package git") {
				t.Errorf("publish without it: %v, want what to install", err)
			}
		})
	}
}

func TestLocal_SaysWhatIsWrongWithTheRepository(t *testing.T) {
	w := openLocal(t, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "x"})
	linked := filepath.Join(t.TempDir(), "linked")
	w.ada.Git(t, "worktree", "add", "-q", "--detach", linked)
	sha256, reftable := gittest.NewBare(t), gittest.NewBare(t)
	sha256.Git(t, "config", "extensions.objectFormat", "sha256")
	reftable.Git(t, "config", "extensions.refStorage", "reftable")
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "none"): "no such file",
		t.TempDir():                        "no git repository",
		linked:                             "linked work tree",
		sha256.Path:                        "object format sha256",
		reftable.Path:                      "ref format reftable",
	} {
		r := open(t, Options{URL: path})
		if _, err := r.Poll(within(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestWatch_TellsThatTheBranchMayHaveMoved(t *testing.T) {
	for _, branch := range []string{gittest.Main, "team/one/prod"} {
		t.Run(branch, func(t *testing.T) {
			w := openLocal(t, func(o *Options) { o.Branch = branch; o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil)) })
			told := w.listens(t)
			push := func(content string) {
				t.Helper()
				w.ada.Commit(t, content, map[string]string{"tandem.yaml": content})
				w.ada.Git(t, "push", "-q", "origin", "HEAD:refs/heads/"+branch)
			}
			push("1")
			told("the first push")
			push("2")
			told("the second push")
			w.bare.Git(t, "pack-refs", "--all")
			told("a repack")
			push("3")
			told("a push after a repack")
			w.bare.DeleteBranch(t, branch)
			told("a deletion")
			w.ada.Git(t, "push", "-q", "origin", "HEAD:refs/heads/"+branch)
			told("the branch that is back")

			must(t, os.Rename(w.bare.Path, w.bare.Path+".old"))
			must(t, os.CopyFS(w.bare.Path, os.DirFS(w.bare.Path+".old")))
			told("another repository in its place")
			push("4")
			told("a push to it")
		})
	}
}

// The repository is seen before its branches are there, as when it is copied slowly.
func TestWatch_HearsTheBranchesOfARepositoryThatIsBeingMade(t *testing.T) {
	w := openLocal(t, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "1"})
	told := w.listens(t)
	made, refs := w.bare.Path+".new", filepath.Join(w.bare.Path, "refs")
	must(t, os.CopyFS(made, os.DirFS(w.bare.Path)))
	must(t, os.Rename(filepath.Join(made, "refs"), made+"-refs"))
	must(t, os.Rename(w.bare.Path, w.bare.Path+".old"))
	told("a repository that went away")
	must(t, os.Rename(made, w.bare.Path))
	told("a repository without branches")
	must(t, os.Mkdir(refs, 0o755))
	told("a place for branches")
	must(t, os.CopyFS(refs, os.DirFS(made+"-refs")))
	told("the branches")
	w.push(t, "second", map[string]string{"tandem.yaml": "2"})
	told("a push")
}

// listens watches the repository; what it returns waits until that tells of something.
func (w *world) listens(t *testing.T) (told func(what string)) {
	t.Helper()
	moved, err := w.repo.Watch(t.Context())
	must(t, err)
	return func(what string) {
		t.Helper()
		select {
		case <-moved:
		case <-within(t).Done():
			t.Fatalf("not told of: %s", what)
		}
		// One change may be more than one event; the next step must not take a late one
		// for its own.
		gittest.Wait(t, "silence", func() bool {
			quiet := time.NewTimer(100 * time.Millisecond)
			defer quiet.Stop()
			select {
			case <-moved:
				return false
			case <-quiet.C:
				return true
			}
		})
	}
}

// The agent's own status must not wake it.
func TestWatch_HearsOnlyWhatCanMoveTheBranch(t *testing.T) {
	dir := gittest.NewBare(t).Path
	for name, c := range map[string]struct {
		op   fsnotify.Op
		want bool
	}{
		"refs/heads/team/prod":      {fsnotify.Create, true},
		"refs/heads/team":           {fsnotify.Remove, true},
		"packed-refs":               {fsnotify.Create, true},
		"HEAD":                      {fsnotify.Write, true},
		"refs/heads/team/prod.lock": {fsnotify.Create, false},
		"refs/heads/tandem-status":  {fsnotify.Create, false},
		"refs/heads/team/other":     {fsnotify.Create, false},
		"packed-refs.lock":          {fsnotify.Create, false},
		"config":                    {fsnotify.Write, false},
		"refs/heads/team/prod/x":    {fsnotify.Chmod, false},
	} {
		w := &watcher{local: &local{path: dir}, branch: "team/prod", dir: dir, moved: make(chan struct{}, 1)}
		w.handle(fsnotify.Event{Name: filepath.Join(dir, name), Op: c.op})
		if got := len(w.moved) == 1; got != c.want {
			t.Errorf("%s of %s wakes: %v", c.op, name, got)
		}
	}
}

func TestWatch_OfARemoteRepositoryIsNil(t *testing.T) {
	r := open(t, Options{URL: "https://git.example.com/a/b.git", CacheDir: t.TempDir()})
	if moved, err := r.Watch(t.Context()); moved != nil || err != nil {
		t.Errorf("%v, %v", moved, err)
	}
}
