package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// maxMetadata is the size in bytes up to which a commit or a tree is read.
const maxMetadata = 64 << 20

// objects reads a repository and checks what it reads: a cache on a disk that
// lies must not decide what is deployed. Every failure is a *damagedError.
type objects struct {
	store    storer.EncodedObjectStorer
	unstored map[plumbing.Hash][]byte // trees that are not in the store yet
	fresh    bool                     // the store was filled just now: what it lacks was left out because of its size
}

func (o *objects) read(kind plumbing.ObjectType, hash plumbing.Hash, most int64) ([]byte, error) {
	if data, ok := o.unstored[hash]; ok {
		return data, nil
	}
	var b bytes.Buffer
	if err := o.copy(&b, kind, hash, most); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// copy writes the object's content to w. When it fails, w may have got some of
// it.
func (o *objects) copy(w io.Writer, kind plumbing.ObjectType, hash plumbing.Hash, most int64) error {
	damaged := func(err error) error {
		return &damagedError{fmt.Errorf("read %s %s: %w", kind, hash, err)}
	}
	obj, err := o.store.EncodedObject(kind, hash)
	if err != nil {
		return damaged(err)
	}
	if obj.Size() > most {
		return fmt.Errorf("read %s %s: %d bytes are too many", kind, hash, obj.Size())
	}
	r, err := obj.Reader()
	if err != nil {
		return damaged(err)
	}
	h := plumbing.NewHasher(kind, obj.Size())
	tee := io.TeeReader(io.LimitReader(r, obj.Size()), h)
	if err := copyTo(w, tee); err != nil {
		_ = r.Close() // the copy's error says more
		return err
	}
	if err := r.Close(); err != nil {
		return damaged(err)
	}
	if h.Sum() != hash {
		return damaged(fmt.Errorf("the content does not fit the hash"))
	}
	return nil
}

// copyTo tells a failing reader (damaged) from a failing writer (a full disk,
// which no fresh cache would mend).
func copyTo(w io.Writer, r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &damagedError{err}
		}
	}
}

func (o *objects) commit(hash plumbing.Hash) (*object.Commit, error) {
	data, err := o.read(plumbing.CommitObject, hash, maxMetadata)
	if err != nil {
		return nil, err
	}
	raw := &plumbing.MemoryObject{}
	raw.SetType(plumbing.CommitObject)
	if _, err := raw.Write(data); err != nil {
		return nil, err
	}
	c := &object.Commit{}
	if err := c.Decode(raw); err != nil {
		return nil, &damagedError{fmt.Errorf("read commit %s: %w", hash, err)}
	}
	return c, nil
}

func (o *objects) tree(hash plumbing.Hash) (tree, error) {
	data, err := o.read(plumbing.TreeObject, hash, maxMetadata)
	if err != nil {
		return nil, err
	}
	t, err := parseTree(data)
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", hash, err)
	}
	return t, nil
}

func (o *objects) size(hash plumbing.Hash) (int64, error) {
	n, err := o.store.EncodedObjectSize(hash)
	if o.fresh && errors.Is(err, plumbing.ErrObjectNotFound) {
		return 0, tooLarge("the file is larger than %d MiB, and was not fetched", maxObject>>20)
	}
	if err != nil {
		return 0, &damagedError{fmt.Errorf("read blob %s: %w", hash, err)}
	}
	return n, nil
}

// dir finds a directory below root; "." is root itself.
func (o *objects) dir(root plumbing.Hash, dir string) (plumbing.Hash, error) {
	if dir == "." {
		return root, nil
	}
	for _, name := range strings.Split(dir, "/") {
		t, err := o.tree(root)
		if err != nil {
			return root, err
		}
		e, ok := t.find(name)
		if !ok || !e.isDir() {
			return root, kindf(errNoDir, "the commit has no directory %q", dir)
		}
		root = e.hash
	}
	return root, nil
}

// visit is called with the path of every entry that is not a directory, and with
// every directory whose entries are then visited unless it says no.
type visit func(name string, e entry) (enter bool, err error)

// walk visits everything below a directory. What has too many directories, or is
// nested too deep, is a *limitError.
func (o *objects) walk(ctx context.Context, hash plumbing.Hash, dir string, v visit) error {
	w := walker{objects: o, visit: v}
	return w.walk(ctx, hash, dir, 0)
}

type walker struct {
	objects *objects
	visit   visit
	dirs    int
}

func (w *walker) walk(ctx context.Context, hash plumbing.Hash, dir string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		return tooLarge("there are more than %d directories in each other: keep them flatter", maxDepth)
	}
	if w.dirs++; w.dirs > maxDirs {
		return tooLarge("there are more than %d directories: keep what is deployed in a repository of its own", maxDirs)
	}
	t, err := w.objects.tree(hash)
	if err != nil {
		return err
	}
	for _, e := range t {
		name := path.Join(dir, e.name)
		enter, err := w.visit(name, e)
		if err != nil {
			return err
		}
		if e.isDir() && enter {
			if err := w.walk(ctx, e.hash, name, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
