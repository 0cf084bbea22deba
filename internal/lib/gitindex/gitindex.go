package gitindex

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// Tree is what git has below a directory.
type Tree struct {
	Top   string          // the directory of the work tree
	Files map[string]bool // relative to the directory that Open was given, slash-separated
	dirs  map[string]bool // that have one of Files in them
}

// Open reads the index of the Git work tree that a directory is in. It returns nil where
// there is no work tree.
func Open(dir string) (*Tree, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	top, gitDir, err := find(dir)
	if err != nil || gitDir == "" {
		return nil, err
	}
	t := &Tree{Top: top, Files: map[string]bool{}, dirs: map[string]bool{".": true}}
	f, err := os.Open(filepath.Join(gitDir, "index"))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil // nothing was ever added
	}
	if err != nil {
		return nil, err
	}
	var entries index.Index
	err = errors.Join(index.NewDecoder(f).Decode(&entries), f.Close())
	if err != nil {
		return nil, fmt.Errorf("read git's index in %s: %w", gitDir, err)
	}
	prefix, err := filepath.Rel(top, dir)
	if err != nil {
		return nil, err
	}
	prefix = filepath.ToSlash(prefix) + "/"
	for _, e := range entries.Entries {
		name := e.Name
		if prefix != "./" {
			below, ok := strings.CutPrefix(name, prefix)
			if !ok {
				continue
			}
			name = below
		}
		if e.Mode == filemode.Submodule {
			continue // another repository
		}
		t.Files[name] = true
		for d := path.Dir(name); !t.dirs[d]; d = path.Dir(d) {
			t.dirs[d] = true
		}
	}
	return t, nil
}

// Has tells whether git has a file, or something in a directory.
func (t *Tree) Has(name string) bool {
	name = path.Clean(filepath.ToSlash(name))
	return t.Files[name] || t.dirs[name]
}

// find goes up to the directory that has .git in it. In a worktree that was added, .git is
// a file that names another directory.
func find(dir string) (top, gitDir string, err error) {
	for top = dir; ; top = filepath.Dir(top) {
		candidate := filepath.Join(top, ".git")
		info, err := os.Stat(candidate)
		switch {
		case err == nil && info.IsDir():
			return top, candidate, nil
		case err == nil:
			data, err := os.ReadFile(candidate)
			if err != nil {
				return "", "", err
			}
			named, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
			if !ok {
				return "", "", fmt.Errorf("%s names no Git directory", candidate)
			}
			if !filepath.IsAbs(named) {
				named = filepath.Join(top, named)
			}
			return top, named, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", "", err
		case top == filepath.Dir(top):
			return "", "", nil
		}
	}
}
