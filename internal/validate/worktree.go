package validate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"tandem/internal/lib/gitindex"
	"tandem/reconciler/deploy"
)

// The agent deploys what git has. A file that lies beside it on this machine alone, such as
// a .env that nobody commits, must not make a check succeed. So in a Git work tree a copy is
// judged that has nothing else, with the content that the files have now.

// tree is the directory that is judged.
type tree struct {
	root   string   // with links followed
	of     string   // the person's own directory
	beside []string // what git does not have; directories end with a slash
	fresh  bool     // git has nothing of it yet
	copied bool
}

// copyTree makes a copy of what git has below a directory. Outside a work tree, where nothing
// lies beside it, and where git has nothing of it yet, that is the directory itself.
func copyTree(dir string) (*tree, error) {
	t := &tree{root: dir, of: dir}
	index, err := gitindex.Open(dir)
	if err != nil || index == nil {
		return t, err
	}
	if len(index.Files) == 0 {
		t.fresh = true
		return t, nil
	}
	if t.beside, err = untracked(dir, index); err != nil {
		return nil, fmt.Errorf("look at %s: %w", dir, err)
	}
	if len(t.beside) == 0 {
		return t, nil
	}
	temp, err := os.MkdirTemp("", "tandem-validate-")
	if err != nil {
		return nil, err
	}
	if t.root, err = filepath.EvalSymlinks(temp); err != nil {
		return nil, err
	}
	t.copied = true
	for name := range index.Files {
		if err := copyFile(filepath.Join(dir, filepath.FromSlash(name)), filepath.Join(t.root, filepath.FromSlash(name))); err != nil {
			t.remove()
			return nil, fmt.Errorf("copy %s: %w", name, err)
		}
	}
	return t, nil
}

func (t *tree) remove() {
	if t.copied {
		_ = os.RemoveAll(t.root) // what cannot be removed from /tmp is in nobody's way
	}
}

// untracked lists what git does not have; of a directory without anything that git has, the
// directory alone.
func untracked(dir string, index *gitindex.Tree) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, full)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case d.Name() == ".git":
			if d.IsDir() {
				return fs.SkipDir
			}
		case index.Has(name):
		case d.IsDir():
			found = append(found, name+"/")
			return fs.SkipDir
		default:
			found = append(found, name)
		}
		return nil
	})
	return found, err
}

// maxCopied is how much of a file is copied. Nothing that decides is larger; the rest
// becomes a hole of the same size.
const maxCopied = 8 << 20

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed, and that is not committed yet
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, maxCopied))
	if err == nil && info.Size() > maxCopied {
		err = out.Truncate(info.Size())
	}
	return errors.Join(err, out.Close())
}

// leftOut says what was not judged; empty for nothing. tandem.yaml itself is judged, also
// before it is committed.
func (t *tree) leftOut(file string) deploy.Note {
	const most = 8
	note := deploy.Note{File: file}
	if t.fresh {
		note.Text = "git has nothing of this directory yet, so it was judged as it lies: git add " + filepath.ToSlash(filepath.Dir(file))
		return note
	}
	names := slices.DeleteFunc(slices.Clone(t.beside), func(name string) bool { return name == path.Base(filepath.ToSlash(file)) })
	if len(names) < len(t.beside) {
		note.Text = "it is not in git yet: git add " + file
	}
	if len(names) == 0 {
		return note
	}
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	if note.Text != "" {
		note.Text += "; "
	}
	note.Text += "left out, because git does not have it: " + strings.Join(names, ", ") + more
	return note
}

// known is a text with the person's own directory in the place of the copy.
func (t *tree) known(text string) string { return strings.ReplaceAll(text, t.root, t.of) }

// relative is a mount with its source as a Compose file would have it.
func (t *tree) relative(mount string) string {
	if mount == t.root || strings.HasPrefix(mount, t.root+":") {
		return "." + strings.TrimPrefix(mount, t.root)
	}
	if rest, ok := strings.CutPrefix(mount, t.root+"/"); ok {
		return "./" + rest
	}
	return mount
}

// rename puts the person's own directory into faults.
func (t *tree) rename(err error) error {
	faults, ok := deploy.AsFaults(err)
	if !ok {
		return err
	}
	faults = slices.Clone(faults)
	for i := range faults {
		faults[i].Text = t.known(faults[i].Text)
	}
	return faults
}
