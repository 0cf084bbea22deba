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

// builder makes a commit on top of another one, from objects alone.
type builder struct {
	author  Author
	message string
	edit    edit

	tip     plumbing.Hash // zero: nothing would change
	objects []newObject
}

// edit returns the root tree that a commit on top of base shall have, given the
// one that base has; the same one makes no commit. base is zero when there is no
// commit to build on, and root is empty then. It may run more than once, each
// time from the start.
type edit func(b *builder, o *objects, base, root plumbing.Hash) (plumbing.Hash, error)

// build may be called again: it starts anew. o is nil when base is zero.
func (b *builder) build(o *objects, base plumbing.Hash) error {
	b.tip, b.objects = plumbing.ZeroHash, nil
	before := emptyTree
	if o == nil {
		o = &objects{}
	} else {
		c, err := o.commit(base)
		if err != nil {
			return err
		}
		before = c.TreeHash
	}
	o.unstored = map[plumbing.Hash][]byte{emptyTree: {}}
	root, err := b.edit(b, o, base, before)
	if err != nil || root == before {
		return err
	}
	commit, err := b.commit(root, base)
	if err != nil {
		return err
	}
	b.objects = append(b.objects, commit)
	b.tip = commit.hash
	return nil
}

// put is the edit that gives files their new content.
func put(files map[string][]byte) edit {
	return func(b *builder, o *objects, _, root plumbing.Hash) (plumbing.Hash, error) {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			var err error
			if root, err = b.replace(o, root, name, b.file(name, files[name])); err != nil {
				return root, err
			}
		}
		return root, nil
	}
}

// change returns what an entry of a tree becomes; exists tells whether there is
// one.
type change func(e entry, exists bool) (entry, error)

// file changes a regular file, and keeps its mode.
func (b *builder) file(name string, data []byte) change {
	return func(e entry, exists bool) (entry, error) {
		if exists && !e.isFile() {
			return e, fmt.Errorf("write %s: it is not a regular file there, and is left as it is", name)
		}
		blob := makeObject(plumbing.BlobObject, data)
		if !exists {
			e.mode = modeFile
		}
		if e.hash != blob.hash {
			b.objects = append(b.objects, blob)
			e.hash = blob.hash
		}
		return e, nil
	}
}

// replace returns the root tree in which the entry of that name is changed.
func (b *builder) replace(o *objects, root plumbing.Hash, name string, to change) (plumbing.Hash, error) {
	return b.descend(o, root, strings.Split(name, "/"), name, to)
}

func (b *builder) descend(o *objects, hash plumbing.Hash, path []string, name string, to change) (plumbing.Hash, error) {
	t, err := o.tree(hash)
	if err != nil {
		return hash, err
	}
	old, exists := t.find(path[0])
	e := old
	if len(path) == 1 {
		e, err = to(old, exists)
	} else {
		e, err = b.below(o, old, exists, path, name, to)
	}
	if err != nil || (exists && e == old) {
		return hash, err
	}
	e.name = path[0]
	return b.store(o, t.with(e)), nil
}

func (b *builder) below(o *objects, e entry, exists bool, path []string, name string, to change) (entry, error) {
	if exists && !e.isDir() {
		return e, fmt.Errorf("write %s: %s is not a directory there, and is left as it is", name, path[0])
	}
	if !exists {
		e = entry{mode: modeDir, hash: emptyTree}
	}
	inner, err := b.descend(o, e.hash, path[1:], name, to)
	e.hash = inner
	return e, err
}

func (b *builder) store(o *objects, t tree) plumbing.Hash {
	m := makeObject(plumbing.TreeObject, t.encode())
	o.unstored[m.hash] = m.data
	b.objects = append(b.objects, m)
	return m.hash
}

func (b *builder) commit(root, base plumbing.Hash) (newObject, error) {
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
		return newObject{}, err
	}
	r, err := obj.Reader()
	if err != nil {
		return newObject{}, err
	}
	data := make([]byte, obj.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return newObject{}, err
	}
	return makeObject(plumbing.CommitObject, data), nil
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
