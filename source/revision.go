package source

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"tandem/reconciler/deploy"
)

// reader makes a Revision of a commit.
type reader struct {
	apps        []glob
	statusPaths func(deploy.AppFile) []string
}

// revision reads the app files of a commit and nothing else of its content. A
// symbolic link or a submodule is never an app file.
func (r reader) revision(ctx context.Context, o *objects, hash plumbing.Hash) (deploy.Revision, appPaths, error) {
	c, err := o.commit(hash)
	if err != nil {
		return deploy.Revision{}, appPaths{}, err
	}
	rev := deploy.Revision{Commit: describe(c, hash)}
	err = o.walk(ctx, c.TreeHash, ".", func(name string, e entry) (bool, error) {
		if checkName(e.name) != nil {
			return false, nil // Export refuses it where it matters
		}
		if !e.isFile() || !matchAny(r.apps, name) {
			return true, nil
		}
		if len(rev.Files) == maxApps {
			return false, tooLarge("the commit has more than %d app files: look for them in fewer places with repo.apps", maxApps)
		}
		data, err := appData(o, e.hash)
		if err != nil {
			return false, err
		}
		rev.Files = append(rev.Files, deploy.AppFile{
			Dir: path.Dir(name), Path: name, Commit: rev.Commit, Data: data,
		})
		return false, nil
	})
	if err != nil {
		return deploy.Revision{}, appPaths{}, err
	}
	slices.SortFunc(rev.Files, func(a, b deploy.AppFile) int {
		return cmp.Or(cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Path, b.Path))
	})
	b, err := r.paths(rev.Files)
	if err != nil {
		return deploy.Revision{}, appPaths{}, err
	}
	for i := range rev.Files {
		f := &rev.Files[i]
		root, err := o.dir(c.TreeHash, f.Dir)
		if err != nil {
			return deploy.Revision{}, appPaths{}, err
		}
		content, err := b.content(ctx, o, root, f.Dir)
		if err != nil {
			return deploy.Revision{}, appPaths{}, err
		}
		f.Tree = content.String()
	}
	return rev, b, nil
}

// appData is the content of an app file; nil when it is too large.
func appData(o *objects, hash plumbing.Hash) ([]byte, error) {
	size, err := o.size(hash)
	if isOverLimit(err) {
		return nil, nil
	}
	if err != nil || size > deploy.MaxFileSize {
		return nil, err
	}
	data, err := o.read(plumbing.BlobObject, hash, deploy.MaxFileSize)
	if err == nil && data == nil {
		data = []byte{} // nil would say that it is too large
	}
	return data, err
}

func describe(c *object.Commit, hash plumbing.Hash) deploy.Commit {
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return deploy.Commit{
		Hash:    hash.String(),
		Author:  printable(c.Author.Name),
		Subject: printable(subject),
		Time:    c.Committer.When.UTC(),
	}
}

func (r reader) paths(files []deploy.AppFile) (appPaths, error) {
	b := appPaths{apps: map[string]bool{}}
	for _, f := range files {
		b.apps[f.Dir] = true
		if r.statusPaths == nil {
			continue
		}
		globs, err := parseGlobs(r.statusPaths(f))
		if err != nil {
			return appPaths{}, err
		}
		b.status = append(b.status, globs...)
	}
	return b, nil
}
