package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/gittest"
	"tandem/reconciler/deploy"
)

func TestStatusOnTheWatchedBranch_ChangesNoTree(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, func(o *Options) {
			o.StatusBranch = gittest.Main
			o.StatusPaths = func(f deploy.AppFile) []string {
				if f.Dir == "." {
					return []string{"status/*/root.yaml"}
				}
				return []string{f.Dir + "/status.yaml"}
			}
		})
		w.push(t, "first", map[string]string{
			"tandem.yaml": "tag: one\n", "compose.yaml": "services: {}\n",
			"shop/tandem.yaml": "tag: one\n", "shop/compose.yaml": "services: {}\n",
			"shop/deep/app/tandem.yaml": "tag: one\n",
		})
		before := w.poll(t)
		err := w.repo.Publish(within(t), "status", map[string][]byte{
			"status/vps-1/root.yaml": []byte("live"), "status/vps-2/root.yaml": []byte("live"), "shop/status.yaml": []byte("live"),
		})
		if err != nil {
			t.Fatal(err)
		}
		after := w.poll(t)
		if after.Commit.Hash == before.Commit.Hash {
			t.Fatal("the status made no commit")
		}
		for _, dir := range []string{".", "shop", "shop/deep/app"} {
			if b, a := file(t, before, dir).Tree, file(t, after, dir).Tree; b != a {
				t.Errorf("%s: the status changed the tree from %s to %s", dir, b, a)
			}
		}
		dest := filepath.Join(t.TempDir(), "shop")
		if err := w.repo.Export(within(t), after.Commit.Hash, "shop", dest); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"tandem.yaml": "-rw-r--r-- tag: one\n", "compose.yaml": "-rw-r--r-- services: {}\n", "deep": "drwxr-xr-x ",
		}
		if diff := cmp.Diff(want, listing(t, dest)); diff != "" {
			t.Error("the export holds more than the tree says: ", diff)
		}
	})
}

func TestTree_ChangesWithTheAppAndWithNoOther(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		w.push(t, "first", map[string]string{
			"tandem.yaml": "r", "lib/x": "x", "a/tandem.yaml": "a", "a/b/tandem.yaml": "b", "ab/tandem.yaml": "ab",
		})
		dirs := []string{".", "a", "a/b", "ab"}
		for _, c := range []struct {
			change  string
			changed string
		}{
			{"lib/x", "."}, {"tandem.yaml", "."}, {"a/new", "a"}, {"a/b/c/d", "a/b"}, {"ab/y", "ab"}, {"a/b/tandem.yaml", "a/b"},
		} {
			before := w.poll(t)
			w.push(t, c.change, map[string]string{c.change: "changed"})
			after := w.poll(t)
			for _, dir := range dirs {
				same := file(t, before, dir).Tree == file(t, after, dir).Tree
				if same == (dir == c.changed) {
					t.Errorf("a change of %s: the tree of %s is the same: %v", c.change, dir, same)
				}
			}
		}
	})
}

func TestPublish_TouchesNothingElse(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, func(o *Options) { o.StatusBranch = gittest.Main })
		w.ada.Write(t, map[string]string{"run.sh": "#!/bin/sh\n", "a.b/x": "1", "a/x": "2", "a0": "3", "status/old": "4"})
		if err := os.Chmod(filepath.Join(w.ada.Dir, "run.sh"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("run.sh", filepath.Join(w.ada.Dir, "link")); err != nil {
			t.Fatal(err)
		}
		w.push(t, "first", nil)
		w.ada.Git(t, "update-index", "--add", "--cacheinfo", "160000,"+w.ada.Head(t)+",module")
		w.ada.Git(t, "commit", "-q", "-m", "a submodule")
		w.ada.Push(t)
		before := w.bare.Git(t, "ls-tree", "-r", "main")
		if err := w.repo.Publish(within(t), "status", map[string][]byte{"a/status.yaml": []byte("x"), "status/new/y": []byte("y")}); err != nil {
			t.Fatal(err)
		}
		var rest []string
		for _, line := range strings.Split(w.bare.Git(t, "ls-tree", "-r", "main"), "\n") {
			if !strings.HasSuffix(line, "a/status.yaml") && !strings.HasSuffix(line, "status/new/y") {
				rest = append(rest, line)
			}
		}
		if diff := cmp.Diff(before, strings.Join(rest, "\n")); diff != "" {
			t.Error(diff)
		}
		if got := w.bare.Git(t, "log", "-1", "--format=%an %cn %s", "main"); got != "tandem tandem status" {
			t.Errorf("the commit is %q", got)
		}
		for name, want := range map[string]string{
			"run.sh/x": "run.sh is not a directory", "link": "not a regular file", "a": "not a regular file",
			"../x": "not allowed", "/x": "not allowed", "a/.git/config": "not allowed", "": "not allowed",
		} {
			err := w.repo.Publish(within(t), "status", map[string][]byte{name: []byte("x")})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", name, err, want)
			}
		}
		w.bare.Git(t, "fsck", "--strict")
	})
}

func TestPublish_ToAProtectedBranchRepeatsTheServersWords(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		w.push(t, "first", map[string]string{"tandem.yaml": "x"})
		w.bare.Hook(t, "pre-receive", "echo 'GH006: the branch is protected' >&2; exit 1")
		err := w.repo.Publish(within(t), "status", map[string][]byte{"shop.yaml": []byte("x")})
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `"tandem-status"`) {
			t.Fatalf("got %v", err)
		}
		if !strings.Contains(err.Error(), "GH006: the branch is protected") || !strings.Contains(err.Error(), "hook declined") {
			t.Errorf("without the server's words: %v", err)
		}
		if w.bare.Head(t, "tandem-status") != "" {
			t.Error("the branch was made")
		}
	})
}

func TestPublish_BranchNamesThatAreInEachOthersWay(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, func(o *Options) { o.StatusBranch = "status/host/one" })
		w.push(t, "first", map[string]string{"tandem.yaml": "x"})
		publish := func() error {
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			return w.repo.Publish(ctx, "status", map[string][]byte{"shop.yaml": []byte("x")})
		}
		for _, packed := range []bool{false, true} {
			w.bare.Git(t, "update-ref", "refs/heads/status", "main")
			if packed {
				w.bare.Git(t, "pack-refs", "--all")
			}
			if err := publish(); err == nil {
				t.Errorf("packed %v: status/host/one was made beside status", packed)
			}
			w.bare.DeleteBranch(t, "status")
		}
		if err := publish(); err != nil {
			t.Fatal(err)
		}
		w.bare.DeleteBranch(t, "status/host/one")

		w.repo.options.StatusBranch = "status/host"
		w.bare.Git(t, "update-ref", "refs/heads/status/host/one", "main")
		w.bare.Git(t, "pack-refs", "--all")
		if err := publish(); err == nil {
			t.Error("status/host was made beside status/host/one")
		}
		w.bare.DeleteBranch(t, "status/host/one")
		if err := publish(); err != nil {
			t.Error(err)
		}
		w.bare.Git(t, "fsck", "--strict")
	})
}

func TestLocalPublish_LeavesEverythingToTheRepositorysOwner(t *testing.T) {
	w := openLocal(t, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "x"})
	owner := os.Getuid()
	if owner == 0 {
		owner = 65534
		chown(t, w.bare.Path, owner)
	}
	w.repo.options.StatusBranch = "status/one"
	if err := w.repo.Publish(within(t), "status", map[string][]byte{"a/shop.yaml": []byte("x")}); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(w.bare.Path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != owner {
			t.Errorf("%s belongs to %d, want %d", path, uid, owner)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLocalPublish_RefusesTheCheckedOutBranch(t *testing.T) {
	w := openLocal(t, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "x"})
	checkout := open(t, Options{URL: "file://" + w.ada.Dir, StatusBranch: gittest.Main})
	err := checkout.Publish(within(t), "status", map[string][]byte{"shop.yaml": []byte("x")})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "checked out") {
		t.Errorf("got %v", err)
	}
	other := open(t, Options{URL: w.ada.Dir})
	if err := other.Publish(within(t), "status", map[string][]byte{"shop.yaml": []byte("x")}); err != nil {
		t.Error(err)
	}
	if rev, err := other.Poll(within(t)); err != nil || rev.Commit.Hash != w.ada.Head(t) {
		t.Errorf("a checkout as the repository: %v, %v", rev.Commit, err)
	}
}

// chown gives the repository to a user, who can also go to it from then on.
func chown(t *testing.T, top string, uid int) {
	t.Helper()
	for dir := filepath.Dir(top); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
	if err != nil {
		t.Fatal(err)
	}
}
