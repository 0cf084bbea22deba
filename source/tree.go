package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// The modes of a tree's entries, as Git writes them.
const (
	modeDir       = "40000"
	modeFile      = "100644"
	modeExec      = "100755"
	modeLink      = "120000"
	modeSubmodule = "160000"
)

// entry is one line of a tree. The mode is kept as it is written, so that a tree
// of an old program can be rewritten without touching entries that are not ours.
type entry struct {
	mode string
	name string
	hash plumbing.Hash
}

func (e entry) isDir() bool { return strings.TrimLeft(e.mode, "0") == modeDir }

// isFile also accepts the group-writable mode of ancient repositories.
func (e entry) isFile() bool {
	return e.mode == modeFile || e.mode == modeExec || e.mode == "100664"
}

// tree is a directory of a commit.
type tree []entry

func parseTree(data []byte) (tree, error) {
	var t tree
	seen := map[string]bool{}
	for len(data) > 0 {
		mode, rest, ok := bytes.Cut(data, []byte{' '})
		name, rest, ok2 := bytes.Cut(rest, []byte{0})
		if !ok || !ok2 || len(rest) < len(plumbing.Hash{}) {
			return nil, errors.New("malformed tree")
		}
		if _, err := strconv.ParseUint(string(mode), 8, 32); err != nil {
			return nil, errors.New("malformed tree: mode")
		}
		e := entry{mode: string(mode), name: string(name)}
		copy(e.hash[:], rest)
		data = rest[len(e.hash):]
		if seen[e.name] {
			return nil, fmt.Errorf("malformed tree: %q twice", e.name)
		}
		seen[e.name] = true
		t = append(t, e)
	}
	return t, nil
}

// encode writes the tree as Git does: sorted, a directory as if its name ended
// with a slash.
func (t tree) encode() []byte {
	sorted := slices.Clone(t)
	slices.SortFunc(sorted, func(a, b entry) int { return cmp.Compare(a.sortName(), b.sortName()) })
	var b bytes.Buffer
	for _, e := range sorted {
		b.WriteString(e.mode + " " + e.name + "\x00")
		b.Write(e.hash[:])
	}
	return b.Bytes()
}

func (e entry) sortName() string {
	if e.isDir() {
		return e.name + "/"
	}
	return e.name
}

func (t tree) find(name string) (entry, bool) {
	for _, e := range t {
		if e.name == name {
			return e, true
		}
	}
	return entry{}, false
}

// with returns a copy in which e stands for whatever had its name.
func (t tree) with(e entry) tree {
	out := slices.DeleteFunc(slices.Clone(t), func(x entry) bool { return x.name == e.name })
	return append(out, e)
}

// checkName refuses names that would leave the directory or be Git's own.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || strings.EqualFold(name, ".git") {
		return fmt.Errorf("the file name %q is not allowed", name)
	}
	return nil
}
