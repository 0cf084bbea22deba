package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/lib/atomicfile"
	"tandem/reconciler/deploy"
)

// maxLink is how many bytes a symbolic link may have, as on Linux.
const maxLink = 4095

// Export writes what AppFile.Tree identifies: the files of dir without nested
// apps and status files, 0644 or 0755. A dest that exists already is taken to be
// what an earlier Export made and is left alone. Symbolic links must stay inside
// dir, and submodules are refused: such a fault of the commit is deploy.Faults.
// A commit that is no longer in the cache is
// fetched again if a branch is still there; otherwise the error is ErrGone.
func (r *Repo) Export(ctx context.Context, commit, dir, dest string) error {
	if !plumbing.IsHash(commit) {
		return r.sanitizer.plain("export from", fmt.Errorf("%q is not a commit", commit))
	}
	dir = path.Clean(dir)
	if dir != "." {
		if err := checkPath(dir); err != nil {
			return r.sanitizer.plain("export from", err)
		}
	}
	_, err := await(ctx, func() (struct{}, error) {
		if err := r.exporting.Acquire(ctx, 1); err != nil {
			return struct{}{}, err
		}
		defer r.exporting.Release(1)
		return struct{}{}, r.export(ctx, plumbing.NewHash(commit), dir, dest)
	})
	if faults, ok := deploy.AsFaults(err); ok {
		return faults
	}
	if err != nil {
		return r.sanitizer.plain(fmt.Sprintf("export %s as of %.8s from", dir, commit), err)
	}
	return nil
}

// faulty is the error for what the commit itself must not have: trying again
// would not help.
func faulty(name, format string, args ...any) error {
	return deploy.Faults{{File: printable(name), Text: printable(fmt.Sprintf(format, args...))}}
}

func (r *Repo) export(ctx context.Context, commit plumbing.Hash, dir, dest string) error {
	if _, err := os.Lstat(dest); err == nil {
		return nil
	}
	s, tip := r.snapshot(), commit
	if s.revision.Commit.Hash == commit.String() {
		tip = s.tip // of the two only this one is to be had again from any server
	}
	return r.remote.withCommit(ctx, tip, func(o *objects) error {
		if s.revision.Commit.Hash != commit.String() {
			var err error
			if s.revision, s.paths, err = r.reader.revision(ctx, o, commit); err != nil {
				return err
			}
		}
		c, err := o.commit(commit)
		if err != nil {
			return err
		}
		root, err := o.dir(c.TreeHash, dir)
		if err != nil {
			return err
		}
		x := exporter{objects: o, paths: s.paths, dir: dir}
		return x.export(ctx, root, dest)
	}, besides(tip, commit)...)
}

// exporter writes one directory of a commit to disk.
type exporter struct {
	objects *objects
	paths   appPaths
	dir     string
	root    *os.Root // of the directory that is being written: no name leads out of it
	links   []string
}

// export writes beside dest and renames, so that dest is whole or not there. The
// name is always the same: what an interrupted run left is found and removed.
func (x *exporter) export(ctx context.Context, tree plumbing.Hash, dest string) (err error) {
	if err := x.weigh(ctx, tree); err != nil {
		return err
	}
	partial := filepath.Clean(dest) + ".partial"
	if err := removeAll(partial); err != nil {
		return err
	}
	if err := atomicfile.Change(partial, func() error { return os.MkdirAll(partial, 0o755) }); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeAll(partial))
		}
	}()
	if err := x.fill(ctx, tree, partial); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := atomicfile.Change(dest, func() error { return os.Rename(partial, dest) }); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(filepath.Clean(dest)))
}

func (x *exporter) fill(ctx context.Context, tree plumbing.Hash, partial string) (err error) {
	x.root, err = os.OpenRoot(partial)
	if err != nil {
		return err
	}
	defer func() { err = closeErr(x.root, err) }()
	if err := x.root.Chmod(".", 0o755); err != nil {
		return err
	}
	x.links = nil
	err = x.objects.walk(ctx, tree, x.dir, func(name string, e entry) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if x.paths.outside(name, e) {
			return false, nil
		}
		err := atomicfile.Change(filepath.Join(partial, name), func() error { return x.write(name, e) })
		if errors.Is(err, syscall.ENAMETOOLONG) {
			err = faulty(x.dir, "the file name %.40q… is too long: give it a shorter one", e.name)
		}
		return e.isDir(), err
	})
	if err != nil {
		return err
	}
	return x.checkLinks()
}

// weigh looks at the size of everything before the first byte is written: a commit
// must not fill the disk.
func (x *exporter) weigh(ctx context.Context, tree plumbing.Hash) error {
	count, bytes := 0, int64(0)
	err := x.objects.walk(ctx, tree, x.dir, func(name string, e entry) (bool, error) {
		if x.paths.outside(name, e) {
			return false, nil
		}
		if count++; count > maxExported {
			return false, tooLarge("the app has more than %d files: let its directory have what is deployed only", maxExported)
		}
		if !e.isFile() {
			return e.isDir() && checkName(e.name) == nil, nil
		}
		size, err := x.objects.size(e.hash)
		if isOverLimit(err) {
			return false, faulty(name, "%s: take it out of the app's directory", err)
		}
		if bytes += size; bytes > maxExport {
			return false, tooLarge("the app's files are larger than %d MiB together: let its directory have what is deployed only", maxExport>>20)
		}
		return false, err
	})
	if isOverLimit(err) {
		return faulty(x.dir, "%s", err)
	}
	return err
}

func (x *exporter) write(name string, e entry) error {
	if err := checkName(e.name); err != nil {
		return faulty(x.dir, "%s", err)
	}
	inner := name
	if x.dir != "." {
		inner = strings.TrimPrefix(name, x.dir+"/")
	}
	switch {
	case e.isDir():
		if err := x.root.Mkdir(inner, 0o755); err != nil {
			return err
		}
		return x.root.Chmod(inner, 0o755) // see writeFile
	case e.isFile():
		return x.writeFile(inner, e)
	case e.mode == modeLink:
		if size, err := x.objects.size(e.hash); err != nil || size > maxLink {
			return cmp.Or(err, faulty(name, "the symbolic link has %d bytes: more than %d lead nowhere", size, maxLink))
		}
		target, err := x.objects.read(plumbing.BlobObject, e.hash, maxLink)
		if err != nil {
			return err
		}
		x.links = append(x.links, inner)
		return x.root.Symlink(string(target), inner)
	case e.mode == modeSubmodule:
		return faulty(name, "it is a submodule: only files of this repository are deployed, so put them into it")
	default:
		return faulty(name, "it has the unknown mode %s: commit it again with git", e.mode)
	}
}

func (x *exporter) writeFile(inner string, e entry) error {
	mode := fs.FileMode(0o644)
	if e.mode == modeExec {
		mode = 0o755
	}
	f, err := x.root.OpenFile(inner, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if err := x.objects.copy(f, plumbing.BlobObject, e.hash, math.MaxInt64); err != nil {
		return errors.Join(err, f.Close())
	}
	// Containers of other users read these files: the umask of the agent must not
	// decide whether they can.
	if err := f.Chmod(mode); err != nil {
		return errors.Join(err, f.Close())
	}
	return closeErr(f, f.Sync())
}

// checkLinks follows every link when all are there: one alone may look harmless
// and lead out through another.
func (x *exporter) checkLinks() error {
	for _, link := range x.links {
		_, err := x.root.Stat(link)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return faulty(path.Join(x.dir, link), "the symbolic link must lead to a file of the app's own directory: put the file there, and remove the link")
		}
	}
	return nil
}
