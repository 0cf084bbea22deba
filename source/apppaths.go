package source

import (
	"context"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// appPaths say where an app's directory ends: at the directories of other apps
// and at the status files.
type appPaths struct {
	apps   map[string]bool // the directories of all apps of the commit
	status []glob
}

// outside tells whether an entry below an app's directory is not the app's.
func (b appPaths) outside(name string, e entry) bool {
	if e.isDir() {
		return b.apps[name]
	}
	return matchAny(b.status, name)
}

// untouched tells whether nothing below dir can be outside, so that Git's own
// hash of dir will do.
func (b appPaths) untouched(dir string) bool {
	if len(b.status) > 0 {
		return false
	}
	for app := range b.apps {
		if app != dir && (dir == "." || strings.HasPrefix(app, dir+"/")) {
			return false
		}
	}
	return true
}

// content is the hash of the tree without what is outside: the hash that Git
// would give a tree without those entries.
func (b appPaths) content(ctx context.Context, o *objects, hash plumbing.Hash, dir string) (plumbing.Hash, error) {
	if b.untouched(dir) {
		return hash, nil
	}
	if err := ctx.Err(); err != nil {
		return hash, err
	}
	t, err := o.tree(hash)
	if err != nil {
		return hash, err
	}
	var kept tree
	changed := false
	for _, e := range t {
		name := path.Join(dir, e.name)
		if b.outside(name, e) {
			changed = true
			continue
		}
		if e.isDir() {
			inner, err := b.content(ctx, o, e.hash, name)
			if err != nil {
				return hash, err
			}
			if inner != e.hash {
				changed = true
				if inner == emptyTree {
					continue // a directory of status files alone was not there before the first one
				}
				e.hash = inner
			}
		}
		kept = append(kept, e)
	}
	if !changed {
		return hash, nil
	}
	return plumbing.ComputeHash(plumbing.TreeObject, kept.encode()), nil
}

var emptyTree = plumbing.ComputeHash(plumbing.TreeObject, nil)
