package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// local is a repository on this machine. It is opened anew for each question:
// git may repack it at any moment.
type local struct{ path string }

// gitDir finds the repository in a bare directory or below a checkout.
func (l *local) gitDir() (string, error) {
	for _, dir := range []string{filepath.Join(l.path, ".git"), l.path} {
		if info, err := os.Stat(filepath.Join(dir, "objects")); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	if info, err := os.Lstat(filepath.Join(l.path, ".git")); err == nil && !info.IsDir() {
		return "", errors.New("this is a linked work tree: name the repository that it belongs to")
	}
	if _, err := os.Stat(l.path); err != nil {
		return "", err
	}
	return "", errors.New("there is no git repository")
}

func (l *local) open() (*filesystem.Storage, string, error) {
	dir, err := l.gitDir()
	if err != nil {
		return nil, "", err
	}
	s := openStorage(dir)
	config, err := s.Config()
	if err != nil {
		return nil, "", fmt.Errorf("read its config: %w", err)
	}
	extensions := config.Raw.Section("extensions")
	if f := extensions.Option("objectformat"); f != "" && f != "sha1" {
		return nil, "", fmt.Errorf("the object format %s is not supported: only sha1 is", f)
	}
	if f := extensions.Option("refstorage"); f != "" && f != "files" {
		return nil, "", fmt.Errorf("the ref format %s is not supported: convert it with git refs migrate --ref-format=files", f)
	}
	return s, dir, nil
}

func (l *local) head(ctx context.Context, branch string) (plumbing.Hash, error) {
	if err := ctx.Err(); err != nil {
		return plumbing.ZeroHash, err
	}
	s, _, err := l.open()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	ref, err := storer.ResolveReference(s, plumbing.NewBranchReferenceName(branch))
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return plumbing.ZeroHash, kindf(ErrBranchMissing, "there is no branch %q; nothing is changed until there is one", branch)
	}
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("read the branch %q: %w", branch, err)
	}
	return ref.Hash(), nil
}

func (l *local) view(ctx context.Context, commit plumbing.Hash, read func(*objects) error, older ...plumbing.Hash) error {
	once := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, _, err := l.open()
		if err != nil {
			return err
		}
		if err := s.HasEncodedObject(commit); err != nil {
			return &damagedError{kindf(ErrGone, "the repository has no commit %s any more", commit)}
		}
		for _, c := range older {
			if err := s.HasEncodedObject(c); err != nil {
				return &damagedError{kindf(errLost, "the repository has no commit %s any more", c)}
			}
		}
		return read(&objects{store: s})
	}
	err := once()
	if isDamaged(err) {
		// A repack by git takes packs away under a reader's feet; the same objects are
		// in a new pack then.
		err = once()
	}
	return err
}

func (l *local) push(ctx context.Context, branch string, old, tip plumbing.Hash, objs []made) error {
	s, dir, err := l.open()
	if err != nil {
		return err
	}
	if err := checkReceive(s, dir, branch); err != nil {
		return err
	}
	// The objects come first: a branch must never name what is not there.
	for _, m := range objs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := storeObject(s, dir, m); err != nil {
			return fmt.Errorf("store %s %s: %w", m.kind, m.hash, err)
		}
	}
	return moveRef(ctx, s, dir, plumbing.NewBranchReferenceName(branch), old, tip)
}

// checkReceive refuses what git-receive-pack would refuse, and what only it could
// decide.
func checkReceive(s *filesystem.Storage, dir, branch string) error {
	config, err := s.Config()
	if err != nil {
		return fmt.Errorf("read its config: %w", err)
	}
	hooks := filepath.Join(dir, "hooks")
	if p := config.Raw.Section("core").Option("hooksPath"); p != "" {
		if !filepath.IsAbs(p) {
			p = filepath.Join(dir, p)
		}
		hooks = p
	}
	for _, name := range []string{"pre-receive", "update", "reference-transaction"} {
		info, err := os.Stat(filepath.Join(hooks, name))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return kindf(ErrRefused, "the repository has a %s hook, which only git may run: reach it over ssh, so that the hook is asked", name)
		}
	}
	if config.Core.IsBare || filepath.Base(dir) != ".git" {
		return nil
	}
	checkedOut, err := s.Reference(plumbing.HEAD)
	if err == nil && checkedOut.Target() == plumbing.NewBranchReferenceName(branch) {
		return kindf(ErrRefused, "the branch %q is checked out there: publish to another branch, or use a bare repository", branch)
	}
	return nil
}

// storeObject writes a loose object. A repack by git may take the object's
// directory away between its making and its use, so it is tried a few times.
func storeObject(s *filesystem.Storage, dir string, m made) error {
	const tries = 10
	var err error
	for range tries {
		if err = storeOnce(s, dir, m); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// storeOnce writes an object that survives a power cut, and that the
// repository's owner can handle as if git had written it.
func storeOnce(s *filesystem.Storage, dir string, m made) error {
	obj, err := m.encoded()
	if err != nil {
		return err
	}
	hash, err := s.SetEncodedObject(obj)
	if err != nil {
		return err
	}
	name := hash.String()
	objectsDir := filepath.Join(dir, "objects")
	file := filepath.Join(objectsDir, name[:2], name[2:])
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	if err := closing(f, f.Sync()); err != nil {
		return err
	}
	if err := adopt(filepath.Dir(file), objectsDir, true); err != nil {
		return err
	}
	return adopt(file, objectsDir, false)
}
