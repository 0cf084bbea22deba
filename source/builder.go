package source

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// builder makes a commit of files on top of another one, from objects alone.
type builder struct {
	author  Author
	message string
	files   map[string][]byte

	tip  plumbing.Hash // zero: nothing would change
	made []made
}

// build may be called again: it starts anew. o is nil when base is zero.
func (b *builder) build(o *objects, base plumbing.Hash) error {
	b.tip, b.made = plumbing.ZeroHash, nil
	root := emptyTree
	if o == nil {
		o = &objects{}
	} else {
		c, err := o.commit(base)
		if err != nil {
			return err
		}
		root = c.TreeHash
	}
	o.made = map[plumbing.Hash][]byte{emptyTree: {}}
	before := root
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		var err error
		if root, err = b.put(o, root, strings.Split(name, "/"), name); err != nil {
			return err
		}
	}
	if root == before {
		return nil
	}
	commit, err := b.commit(root, base)
	if err != nil {
		return err
	}
	b.made = append(b.made, commit)
	b.tip = commit.hash
	return nil
}

// put returns the tree in which the file at the path has its new content.
func (b *builder) put(o *objects, hash plumbing.Hash, path []string, name string) (plumbing.Hash, error) {
	t, err := o.tree(hash)
	if err != nil {
		return hash, err
	}
	e, exists := t.find(path[0])
	if len(path) == 1 {
		if exists && !e.isFile() {
			return hash, fmt.Errorf("write %s: it is not a regular file there, and is left as it is", name)
		}
		blob := newMade(plumbing.BlobObject, b.files[name])
		if exists && e.hash == blob.hash {
			return hash, nil
		}
		b.made = append(b.made, blob)
		if !exists {
			e = entry{mode: modeFile, name: path[0]}
		}
		e.hash = blob.hash
		return b.store(o, t.with(e)), nil
	}
	if exists && !e.isDir() {
		return hash, fmt.Errorf("write %s: %s is not a directory there, and is left as it is", name, path[0])
	}
	if !exists {
		e = entry{mode: modeDir, name: path[0], hash: emptyTree}
	}
	inner, err := b.put(o, e.hash, path[1:], name)
	if err != nil || (exists && inner == e.hash) {
		return hash, err
	}
	e.hash = inner
	return b.store(o, t.with(e)), nil
}

func (b *builder) store(o *objects, t tree) plumbing.Hash {
	m := newMade(plumbing.TreeObject, t.encode())
	o.made[m.hash] = m.data
	b.made = append(b.made, m)
	return m.hash
}

func (b *builder) commit(root, base plumbing.Hash) (made, error) {
	who := object.Signature{Name: b.author.Name, Email: b.author.Email, When: time.Now().UTC()}
	c := &object.Commit{
		Author: who, Committer: who, TreeHash: root,
		Message: strings.TrimRight(b.message, "\n") + "\n",
	}
	if !base.IsZero() {
		c.ParentHashes = []plumbing.Hash{base}
	}
	obj := &plumbing.MemoryObject{}
	if err := c.Encode(obj); err != nil {
		return made{}, err
	}
	r, err := obj.Reader()
	if err != nil {
		return made{}, err
	}
	data := make([]byte, obj.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return made{}, err
	}
	return newMade(plumbing.CommitObject, data), nil
}

// checkPath refuses a path that is not one of a file below the root.
func checkPath(name string) error {
	for _, segment := range strings.Split(name, "/") {
		if err := checkName(segment); err != nil {
			return fmt.Errorf("path %q: %w", name, err)
		}
	}
	return nil
}
