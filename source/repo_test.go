package source

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/gittest"
)

func TestPoll_ReturnsTheAppsOfTheNewestCommit(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		hash := w.push(t, "Deploy shop\n\nand tell why", map[string]string{
			"tandem.yaml":       "tag: root\n",
			"shop/tandem.yaml":  "tag: one\n",
			"shop/compose.yaml": "services: {}\n",
			"other/readme":      "no app\n",
		})
		rev := w.poll(t)
		if rev.Commit.Hash != hash || rev.Commit.Author != "Ada" || rev.Commit.Subject != "Deploy shop" {
			t.Errorf("commit %+v, want %s by Ada", rev.Commit, hash)
		}
		if age := time.Since(rev.Commit.Time); age < 0 || age > time.Hour {
			t.Errorf("the commit's time is %v", rev.Commit.Time)
		}
		got := map[string]string{}
		for _, f := range rev.Files {
			got[f.Dir+" "+f.Path] = string(f.Data)
			if f.Commit != rev.Commit {
				t.Errorf("%s: commit %+v", f.Path, f.Commit)
			}
		}
		want := map[string]string{". tandem.yaml": "tag: root\n", "shop shop/tandem.yaml": "tag: one\n"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if tree := w.ada.Git(t, "rev-parse", "HEAD:shop"); file(t, rev, "shop").Tree != tree {
			t.Errorf("tree %s, want git's own %s", file(t, rev, "shop").Tree, tree)
		}

		for _, tag := range []string{"two", "three", "four"} {
			w.push(t, tag, map[string]string{"shop/tandem.yaml": "tag: " + tag + "\n"})
			if got := string(file(t, w.poll(t), "shop").Data); got != "tag: "+tag+"\n" {
				t.Errorf("after the push of %s: %q", tag, got)
			}
		}
	})
}

func TestExport_WritesTheFilesOfOneApp(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		w.ada.Write(t, map[string]string{
			"shop/tandem.yaml": "tag: one\n", "shop/run.sh": "#!/bin/sh\n", "shop/conf/a": "a", "top": "not the app's",
		})
		if err := os.Chmod(filepath.Join(w.ada.Dir, "shop/run.sh"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("conf/a", filepath.Join(w.ada.Dir, "shop/link")); err != nil {
			t.Fatal(err)
		}
		w.push(t, "first", nil)
		rev := w.poll(t)
		dest := filepath.Join(t.TempDir(), "a/b")
		for range 2 {
			if err := w.repo.Export(within(t), rev.Commit.Hash, "shop", dest); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]string{
			"tandem.yaml": "-rw-r--r-- tag: one\n", "run.sh": "-rwxr-xr-x #!/bin/sh\n", "conf": "drwxr-xr-x ",
			"conf/a": "-rw-r--r-- a", "link": "Lrwxrwxrwx conf/a",
		}
		if diff := cmp.Diff(want, listing(t, dest)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPublish_CommitsToABranchOfItsOwn(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"})
		for _, text := range []string{"one", "one", "two"} {
			if err := w.repo.Publish(within(t), "status: "+text, map[string][]byte{"hosts/shop.yaml": []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"status: two", "status: one"}, w.bare.Log(t, "tandem-status")); diff != "" {
			t.Error(diff)
		}
		if got, _ := w.bare.Show(t, "tandem-status", "hosts/shop.yaml"); got != "two" {
			t.Errorf("the file holds %q", got)
		}
		if diff := cmp.Diff([]string{"first"}, w.bare.Log(t, gittest.Main)); diff != "" {
			t.Error("the watched branch: ", diff)
		}
		w.bare.Git(t, "fsck", "--strict")
	})
}

// listing is every file below dir: its mode, and its content or target.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == dir {
			return err
		}
		var content []byte
		switch {
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			content = []byte(target)
		case info.Mode().IsRegular():
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		name, err := filepath.Rel(dir, path)
		files[name] = info.Mode().String() + " " + string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
