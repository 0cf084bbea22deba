package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/reconciler/deploy"
)

// Revert commits to the watched branch, on top of its newest head, that dir is as
// it was at commit good, and pushes without force; see reconciler.Reverter. What
// is outside in the sense of AppFile.Tree, the directories of other apps and the
// status files, stays as it is at the head and is not compared. A dir that is not
// what it was at bad any more is somebody's newer decision, and nothing happens.
func (r *Repo) Revert(ctx context.Context, dir, bad, good, message string) error {
	v, err := newReversal(ctx, r.reader, dir, bad, good)
	if err != nil {
		return r.sanitizer.plain("revert in", err)
	}
	_, err = await(ctx, func() (struct{}, error) {
		if err := r.publishing.Acquire(ctx, 1); err != nil {
			return struct{}{}, err
		}
		defer r.publishing.Release(1)
		return struct{}{}, r.submit(ctx, proposal{
			branch: r.options.Branch, message: message, edit: v.edit, older: []plumbing.Hash{v.bad, v.good},
		})
	})
	if err != nil {
		return r.reverted(fmt.Sprintf("revert %s to %.8s in", v.dir, good), err)
	}
	return nil
}

// reverted tells a branch that does not accept a commit, and what nobody can do,
// from a remote that is away.
func (r *Repo) reverted(verb string, err error) error {
	var said *kindError
	refused := (errors.Is(err, ErrRefused) && !errors.Is(err, errLocked)) || errors.Is(err, errForbidden)
	switch {
	case refused && errors.As(err, &said):
		return &deploy.RevertRefusedError{Words: printable(r.sanitizer.redact(said.text))}
	case errors.Is(err, errNoWay), errors.Is(err, errLost):
		return r.sanitizer.plain(verb, err)
	default:
		return r.sanitizer.away(verb, err)
	}
}

// reversal is the edit that takes a directory back.
type reversal struct {
	ctx       context.Context // of the one call that the reversal is made for
	reader    reader
	dir       string
	bad, good plumbing.Hash
}

func newReversal(ctx context.Context, r reader, dir, bad, good string) (reversal, error) {
	for _, commit := range []string{bad, good} {
		if !plumbing.IsHash(commit) {
			return reversal{}, fmt.Errorf("%q is not a commit", commit)
		}
	}
	dir = path.Clean(dir)
	if dir != "." {
		if err := checkPath(dir); err != nil {
			return reversal{}, err
		}
	}
	return reversal{ctx: ctx, reader: r, dir: dir, bad: plumbing.NewHash(bad), good: plumbing.NewHash(good)}, nil
}

func (v reversal) edit(b *builder, o *objects, base, root plumbing.Hash) (plumbing.Hash, error) {
	head, err := v.versionAt(o, base)
	if err == nil {
		var bad version
		if bad, err = v.versionAt(o, v.bad); err == nil && head.content != bad.content {
			return root, nil
		}
	}
	if errors.Is(err, errNoDir) {
		return root, nil // it came or went since, which is a change too
	}
	if err != nil {
		return root, err
	}
	good, err := v.versionAt(o, v.good)
	if errors.Is(err, errNoDir) || (err == nil && good.content == emptyTree) {
		return root, kindf(errNoWay, "there was no directory %q at commit %s, so there is nothing to go back to", v.dir, v.good)
	}
	if err != nil || good.content == head.content {
		return root, err
	}
	return v.restore(b, o, root, head, good)
}

// restore returns the root tree in which dir holds good's files, and what is
// outside as it is at the head.
func (v reversal) restore(b *builder, o *objects, root plumbing.Hash, head, good version) (plumbing.Hash, error) {
	g := overlayTree{ctx: v.ctx, builder: b, objects: o, paths: head.paths.with(good.paths)}
	for _, side := range []version{head, good} {
		content, err := g.paths.content(v.ctx, o, side.tree, v.dir)
		if err != nil {
			return root, err
		}
		if content != side.content {
			return root, kindf(errNoWay, "other apps begin below %q than at commit %s: take it back by hand", v.dir, v.good)
		}
	}
	tree, err := g.overlay(head.tree, good.tree, v.dir)
	if err != nil || v.dir == "." {
		return tree, err
	}
	return b.replace(o, root, v.dir, func(e entry, _ bool) (entry, error) {
		e.hash = tree
		return e, nil
	})
}

// version is a directory as of one commit.
type version struct {
	tree    plumbing.Hash // all of it
	content plumbing.Hash // without what is outside
	paths   appPaths
}

func (v reversal) versionAt(o *objects, commit plumbing.Hash) (version, error) {
	_, paths, err := v.reader.revision(v.ctx, o, commit)
	if err != nil {
		return version{}, err
	}
	c, err := o.commit(commit)
	if err != nil {
		return version{}, err
	}
	tree, err := o.dir(c.TreeHash, v.dir)
	if err != nil {
		return version{}, err
	}
	content, err := paths.content(v.ctx, o, tree, v.dir)
	return version{tree, content, paths}, err
}

// with are the paths of both: what is outside for one of them.
func (b appPaths) with(other appPaths) appPaths {
	apps := maps.Clone(b.apps)
	maps.Copy(apps, other.apps)
	return appPaths{apps: apps, status: slices.Concat(b.status, other.status)}
}
