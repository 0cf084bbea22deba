package source

import (
	"context"
	"path"

	"github.com/go-git/go-git/v5/plumbing"
)

// graft puts the content of one tree in the place of another's, around what is
// outside of both.
type graft struct {
	ctx     context.Context // of the one call that the graft is made for
	builder *builder
	objects *objects
	borders borders
}

// onto returns the tree of dir that has its content from content, and what is
// outside from old.
func (g graft) onto(old, content plumbing.Hash, dir string) (plumbing.Hash, error) {
	if old == content || g.borders.untouched(dir) {
		return content, nil
	}
	if err := g.ctx.Err(); err != nil {
		return content, err
	}
	from, err := g.objects.tree(content)
	if err != nil {
		return content, err
	}
	around, err := g.objects.tree(old)
	if err != nil {
		return content, err
	}
	grown, err := g.inside(from, around, dir)
	if err != nil {
		return content, err
	}
	grown, err = g.outside(grown, around, dir)
	if err != nil {
		return content, err
	}
	if hash := plumbing.ComputeHash(plumbing.TreeObject, grown.encode()); hash == content || hash == emptyTree {
		return hash, nil
	}
	return g.builder.store(g.objects, grown), nil
}

// inside returns the entries of the content; a directory takes along what is
// outside below it.
func (g graft) inside(from, around tree, dir string) (tree, error) {
	var grown tree
	for _, e := range from {
		name := path.Join(dir, e.name)
		if g.borders.outside(name, e) {
			continue
		}
		if e.isDir() {
			under, ok := around.find(e.name)
			if !ok || !under.isDir() {
				under.hash = emptyTree
			}
			inner, err := g.onto(under.hash, e.hash, name)
			if err != nil {
				return nil, err
			}
			if inner == emptyTree && inner != e.hash {
				continue // it held nothing but status files
			}
			e.hash = inner
		}
		grown = append(grown, e)
	}
	return grown, nil
}

// outside adds what is outside, also where the content has no directory for it.
func (g graft) outside(grown, around tree, dir string) (tree, error) {
	for _, e := range around {
		name := path.Join(dir, e.name)
		taken, ok := grown.find(e.name)
		if !g.borders.outside(name, e) {
			if !e.isDir() || (ok && taken.isDir()) {
				continue
			}
			left, err := g.onto(e.hash, emptyTree, name)
			if err != nil {
				return nil, err
			}
			if left == emptyTree {
				continue
			}
			e.hash = left
		}
		if ok {
			return nil, kindf(errNoWay, "%s was a file of the app, and now there are others' files: take it back by hand", name)
		}
		grown = append(grown, e)
	}
	return grown, nil
}
