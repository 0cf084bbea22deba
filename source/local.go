package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// local is a repository on this machine. It is opened anew for each question:
// git may repack it at any moment.
type local struct{ path string }

// open finds the repository in a bare directory or below a checkout.
func (l *local) open() (*gitDir, error) {
	for _, name := range []string{filepath.Join(l.path, ".git"), l.path} {
		dir, err := openGitDir(name)
		if errors.Is(err, errNotTheirs) || errors.Is(err, errSwapped) {
			return nil, err
		}
		if err != nil {
			continue
		}
		if info, err := dir.stat("objects"); err == nil && info.IsDir() {
			return dir, nil
		}
		if err := errors.Join(dir.refusal(), dir.close()); err != nil {
			return nil, err
		}
	}
	if info, err := os.Lstat(filepath.Join(l.path, ".git")); err == nil && !info.IsDir() {
		return nil, errors.New("this is a linked work tree: name the repository that it belongs to")
	}
	if _, err := os.Stat(l.path); err != nil {
		return nil, err
	}
	return nil, errors.New("there is no git repository")
}

// with lets do work on the repository. What was read is worth nothing where something
// in it is not what belongs there.
func (l *local) with(do func(*gitDir, *filesystem.Storage) error) (err error) {
	dir, err := l.open()
	if err != nil {
		return err
	}
	defer func() { err = closeErr(dir.root, err) }()
	s, err := dir.storage()
	if err == nil {
		err = do(dir, s)
	}
	if odd := dir.refusal(); odd != nil {
		return odd
	}
	return err
}

// storage is what go-git reads the repository with, and what says that it can.
func (d *gitDir) storage() (*filesystem.Storage, error) {
	s := filesystem.NewStorageWithOptions(repoFS{d}, cache.NewObjectLRU(8*cache.MiByte), filesystem.Options{LargeObjectThreshold: largeObject})
	config, err := s.Config()
	if err != nil {
		return nil, fmt.Errorf("read its config: %w", err)
	}
	extensions := config.Raw.Section("extensions")
	if f := extensions.Option("objectformat"); f != "" && f != "sha1" {
		return nil, fmt.Errorf("the object format %s is not supported: only sha1 is", f)
	}
	if f := extensions.Option("refstorage"); f != "" && f != "files" {
		return nil, fmt.Errorf("the ref format %s is not supported: convert it with git refs migrate --ref-format=files", f)
	}
	// They would be read with root's eyes, wherever its owner says that they are.
	if info, err := d.lstat("objects/info/alternates"); err == nil && info.Size() > 0 {
		return nil, errors.New("it borrows objects from another repository (objects/info/alternates), and only its own are read: run git repack -a -d there, then remove that file")
	}
	return s, nil
}

func (l *local) head(ctx context.Context, branch string) (plumbing.Hash, error) {
	if err := ctx.Err(); err != nil {
		return plumbing.ZeroHash, err
	}
	head := plumbing.ZeroHash
	err := l.with(func(_ *gitDir, s *filesystem.Storage) error {
		ref, err := storer.ResolveReference(s, plumbing.NewBranchReferenceName(branch))
		if errors.Is(err, plumbing.ErrReferenceNotFound) {
			return kindf(ErrBranchMissing, "there is no branch %q; nothing is changed until there is one", branch)
		}
		if err != nil {
			return fmt.Errorf("read the branch %q: %w", branch, err)
		}
		head = ref.Hash()
		return nil
	})
	return head, err
}

func (l *local) withCommit(ctx context.Context, commit plumbing.Hash, read func(*objects) error, older ...plumbing.Hash) error {
	once := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return l.with(func(_ *gitDir, s *filesystem.Storage) error {
			if err := s.HasEncodedObject(commit); err != nil {
				return &damagedError{kindf(ErrGone, "the repository has no commit %s any more", commit)}
			}
			for _, c := range older {
				if err := s.HasEncodedObject(c); err != nil {
					return &damagedError{kindf(errLost, "the repository has no commit %s any more", c)}
				}
			}
			return read(&objects{store: s})
		})
	}
	err := once()
	if isDamaged(err) {
		// A repack by git takes packs away under a reader's feet; the same objects are
		// in a new pack then.
		err = once()
	}
	return err
}

func (l *local) push(ctx context.Context, branch string, old, tip plumbing.Hash, objs []newObject) error {
	return l.with(func(dir *gitDir, _ *filesystem.Storage) error {
		return sendPack(ctx, dir.receivePack, branch, old, tip, objs)
	})
}
