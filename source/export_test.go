package source

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/gittest"
)

func TestExport_RefusesWhatWouldLeaveTheDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		links map[string]string
		want  string // empty: allowed
	}{
		"inside":                 {map[string]string{"app/a": "b/c", "app/b/c": "../d"}, ""},
		"to nothing":             {map[string]string{"app/a": "nothing/here"}, ""},
		"to the directory":       {map[string]string{"app/a": "."}, ""},
		"absolute":               {map[string]string{"app/a": "/etc/passwd"}, "app/a: the symbolic link"},
		"to the parent":          {map[string]string{"app/a": "../other"}, "app/a: the symbolic link"},
		"through another link":   {map[string]string{"app/d/e/up": "../..", "app/d/e/out": "up/../.."}, "app/d/e/out: the symbolic link"},
		"in a circle":            {map[string]string{"app/a": "b", "app/b": "a"}, "the symbolic link"},
		"to the git directory":   {map[string]string{"app/a": "../.git/config"}, "the symbolic link"},
		"absolute, to the proc":  {map[string]string{"app/a": "/proc/self/root"}, "the symbolic link"},
		"far above, to nowhere":  {map[string]string{"app/a": "../../../../../nowhere"}, "the symbolic link"},
		"elsewhere, not the app": {map[string]string{"other": "/etc"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := openLocal(t, nil)
			w.ada.Write(t, map[string]string{"app/tandem.yaml": "x", "app/keep": "x"})
			for link, target := range c.links {
				path := filepath.Join(w.ada.Dir, link)
				must(t, os.MkdirAll(filepath.Dir(path), 0o755))
				must(t, os.Symlink(target, path))
			}
			hash := w.push(t, "links", nil)
			dest := filepath.Join(t.TempDir(), "dest")
			err := w.repo.Export(within(t), hash, "app", dest)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if left := listing(t, filepath.Dir(dest)); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestExport_RefusesSubmodulesAndNamesOfGit(t *testing.T) {
	w := openLocal(t, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "x", "a/b": "x"})
	blob := w.ada.Git(t, "rev-parse", "HEAD:tandem.yaml")
	dir := w.ada.Git(t, "rev-parse", "HEAD:a")
	for entry, want := range map[string]string{
		"160000 " + w.ada.Head(t) + " module":                  "module: it is a submodule",
		"100644 " + blob + " .git":                             `".git" is not allowed`,
		"040000 " + dir + " .GIT":                              `".GIT" is not allowed`,
		"040000 " + dir + " ..":                                `".." is not allowed`,
		"100644 " + blob + " .":                                `"." is not allowed`,
		"100644 " + blob + " a/b":                              `"a/b" is not allowed`,
		"100644 " + blob + " twice\n120000 " + blob + " twice": `"twice" twice`,
	} {
		commit := plant(t, w.bare, entry)
		dest := filepath.Join(t.TempDir(), "dest")
		err := w.repo.Export(within(t), commit, ".", dest)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", entry, err, want)
		}
		if left := listing(t, filepath.Dir(dest)); len(left) != 0 {
			t.Errorf("%q: left behind: %v", entry, left)
		}
	}
	for name, c := range map[string]struct{ commit, dir, want string }{
		"no commit":      {"main", ".", "is not a commit"},
		"no directory":   {w.ada.Head(t), "b", "no directory"},
		"a file":         {w.ada.Head(t), "tandem.yaml", "no directory"},
		"above":          {w.ada.Head(t), "../x", "not allowed"},
		"unknown commit": {strings.Repeat("1", 40), ".", "no commit"},
	} {
		err := w.repo.Export(within(t), c.commit, c.dir, filepath.Join(t.TempDir(), "dest"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestExport_OfACommitThatIsNowhereSaysSo(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		first := w.push(t, "first", map[string]string{"tandem.yaml": "x"})
		if err := w.repo.Export(within(t), first, ".", filepath.Join(t.TempDir(), "a")); err != nil {
			t.Fatalf("the head, without a poll before: %v", err)
		}
		w.ada.Git(t, "commit", "-q", "--amend", "-m", "instead")
		w.ada.ForcePush(t)
		w.bare.Git(t, "gc", "-q", "--prune=now")
		must(t, os.RemoveAll(w.dir))
		err := w.repo.Export(within(t), first, ".", filepath.Join(t.TempDir(), "b"))
		if !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), first) {
			t.Errorf("got %v", err)
		}
	})
}

// What a killed agent left is not taken for an export, and does not hinder one.
func TestExport_AfterAnInterruptedOne(t *testing.T) {
	w := openLocal(t, nil)
	hash := w.push(t, "first", map[string]string{"tandem.yaml": "x", "a/b": "b"})
	dest := filepath.Join(t.TempDir(), "dest")
	must(t, os.MkdirAll(dest+".partial/a", 0o755))
	must(t, os.WriteFile(dest+".partial/a/b", []byte("half"), 0o644))
	if err := w.repo.Export(within(t), hash, ".", dest); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"dest": "drwxr-xr-x ", "dest/a": "drwxr-xr-x ", "dest/a/b": "-rw-r--r-- b", "dest/tandem.yaml": "-rw-r--r-- x"}
	if diff := cmp.Diff(want, listing(t, filepath.Dir(dest))); diff != "" {
		t.Error(diff)
	}
}

// plant makes a commit whose tree holds an entry that git itself would not add,
// and makes it the head of main, beside one good file.
func plant(t *testing.T, b *gittest.Bare, entries string) string {
	t.Helper()
	var data tree
	for _, line := range strings.Split(entries, "\n") {
		f := strings.Fields(line)
		data = append(data, entry{mode: strings.TrimLeft(f[0], "0"), name: f[2], hash: hashOf(f[1])})
	}
	file := filepath.Join(t.TempDir(), "tree")
	must(t, os.WriteFile(file, data.encode(), 0o644))
	hash := b.Git(t, "hash-object", "-t", "tree", "-w", "--literally", file)
	return b.Git(t, "commit-tree", "-m", "planted", hash)
}
