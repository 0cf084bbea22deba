package source

import (
	"context"
	"path"

	"github.com/go-git/go-git/v5/plumbing"
)

// overlayTree puts the content of one tree in the place of another's, around what is
// outside of both.
type overlayTree struct {
	ctx     context.Context // of the one call that it is made for
	builder *builder
	objects *objects
	paths   appPaths
}

// overlay returns the tree of dir that has its content from content, and what is
// outside from old.
func (g overlayTree) overlay(old, content plumbing.Hash, dir string) (plumbing.Hash, error) {
	if old == content || g.paths.untouched(dir) {
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
	merged, err := g.inside(from, around, dir)
	if err != nil {
		return content, err
	}
	merged, err = g.outside(merged, around, dir)
	if err != nil {
		return content, err
	}
	if hash := plumbing.ComputeHash(plumbing.TreeObject, merged.encode()); hash == content || hash == emptyTree {
		return hash, nil
	}
	return g.builder.store(g.objects, merged), nil
}

// inside returns the entries of the content; a directory takes along what is
// outside below it.
func (g overlayTree) inside(from, around tree, dir string) (tree, error) {
	var merged tree
	for _, e := range from {
		name := path.Join(dir, e.name)
		if g.paths.outside(name, e) {
			continue
		}
		if e.isDir() {
			under, ok := around.find(e.name)
			if !ok || !under.isDir() {
				under.hash = emptyTree
			}
			inner, err := g.overlay(under.hash, e.hash, name)
			if err != nil {
				return nil, err
			}
			if inner == emptyTree && inner != e.hash {
				continue // it held nothing but status files
			}
			e.hash = inner
		}
		merged = append(merged, e)
	}
	return merged, nil
}

// outside adds what is outside, also where the content has no directory for it.
func (g overlayTree) outside(merged, around tree, dir string) (tree, error) {
	for _, e := range around {
		name := path.Join(dir, e.name)
		taken, ok := merged.find(e.name)
		if !g.paths.outside(name, e) {
			if !e.isDir() || (ok && taken.isDir()) {
				continue
			}
			left, err := g.overlay(e.hash, emptyTree, name)
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
		merged = append(merged, e)
	}
	return merged, nil
}
