package agent

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/rogpeppe/go-internal/txtar"
)

// node is a tree of a commit: names and what is behind them. It is made object by
// object, because no git program would make some of these.
type node map[string]leaf

type leaf struct {
	mode string // as Git writes it
	data string // of a file, or where a link leads to
	tree node
}

func (n node) put(path, data string) { n.set(path, leaf{mode: "100644", data: data}) }

func (n node) set(path string, l leaf) {
	dir, rest, nested := strings.Cut(path, "/")
	if !nested {
		n[path] = l
		return
	}
	if n[dir].tree == nil {
		n[dir] = leaf{mode: "40000", tree: node{}}
	}
	n[dir].tree.set(rest, l)
}

// hostileTree reads an archive: its files are those of the repository. A line of
// its comment adds what no text can be: "link PATH TARGET", "submodule PATH",
// "fill PATH BYTES" (a file of one letter) or "repeat PATH TIMES TEXT". A
// tandem.yaml in shop, and a Compose file beside it, are added if there are none.
func hostileTree(t *testing.T, archive *txtar.Archive) (tree node, want string) {
	t.Helper()
	tree = node{}
	tree.put("shop/tandem.yaml", defaultApp)
	for _, f := range archive.Files {
		if f.Name == "want" {
			want = string(f.Data)
			continue
		}
		tree.put(f.Name, string(f.Data))
	}
	for line := range strings.Lines(string(archive.Comment)) {
		tree.direct(t, strings.Fields(line))
	}
	return tree, want
}

func (n node) direct(t *testing.T, words []string) {
	t.Helper()
	switch {
	case len(words) == 0 || words[0] == "#":
	case words[0] == "link":
		n.set(words[1], leaf{mode: "120000", data: words[2]})
	case words[0] == "submodule":
		n.set(words[1], leaf{mode: "160000"})
	case words[0] == "repeat":
		var times int
		if _, err := fmt.Sscan(words[2], &times); err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer(`\n`, "\n", `\s`, " ").Replace(strings.Join(words[3:], " "))
		old := n.get(words[1])
		n.put(words[1], old+strings.Repeat(text, times))
	default:
		t.Fatalf("unknown line %q", words)
	}
}

func (n node) get(path string) string {
	dir, rest, nested := strings.Cut(path, "/")
	if nested {
		return n[dir].tree.get(rest)
	}
	return n[path].data
}

// commit makes a bare repository with this one commit and returns its path.
func (n node) commit(t *testing.T, fill func(string) string) string {
	t.Helper()
	dir := t.TempDir()
	repo, err := git.PlainInit(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	hash := n.write(t, repo.Storer, fill)
	when := time.Unix(1_700_000_000, 0).UTC().Unix()
	text := fmt.Sprintf("tree %s\nauthor Mallory <m@example.com> %d +0000\ncommitter Mallory <m@example.com> %d +0000\n\nA gift\n", hash, when, when)
	commit := store(t, repo.Storer, plumbing.CommitObject, text)
	if err := repo.Storer.SetReference(plumbing.NewHashReference("refs/heads/main", commit)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (n node) write(t *testing.T, s storer.EncodedObjectStorer, fill func(string) string) plumbing.Hash {
	t.Helper()
	var names []string
	for name, l := range n {
		if l.tree != nil {
			name += "/" // as Git sorts it
		}
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		l, ok := n[name]
		if !ok {
			name = strings.TrimSuffix(name, "/")
			l = n[name]
		}
		hash := plumbing.NewHash(strings.Repeat("5", 40))
		switch {
		case l.tree != nil:
			hash = l.tree.write(t, s, fill)
		case l.mode != "160000":
			hash = store(t, s, plumbing.BlobObject, fill(l.data))
		}
		b.WriteString(l.mode + " " + name + "\x00" + string(hash[:]))
	}
	return store(t, s, plumbing.TreeObject, b.String())
}

func store(t *testing.T, s storer.EncodedObjectStorer, kind plumbing.ObjectType, data string) plumbing.Hash {
	t.Helper()
	o := s.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	hash, err := s.SetEncodedObject(o)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// show returns a file as of a branch, "" when there is none.
func show(t *testing.T, dir, branch, path string) string {
	t.Helper()
	repo, err := git.PlainOpen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := repo.Reference(plumbing.NewBranchReferenceName(branch), true)
	if err != nil {
		return ""
	}
	c, err := repo.CommitObject(ref.Hash())
	if err != nil {
		t.Fatal(err)
	}
	var f *object.File
	if f, err = c.File(path); err != nil {
		return ""
	}
	text, err := f.Contents()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
