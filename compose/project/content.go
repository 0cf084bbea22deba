package project

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"tandem/compose/project/composefile"
	"tandem/internal/lib/overlay"
	"tandem/internal/lib/rootfile"
)

// What a release may mount of its own files. More than that is no copy of a commit:
// see the bounds of the source.
const (
	maxContent = 1 << 30   // bytes, each file once
	maxEntries = 1_000_000 // files and directories, each as often as it is in what is mounted
)

// tooMuch says that an app's own files are too much to be a release.
type tooMuch string

func (e tooMuch) Error() string { return string(e) }

// contents reads the files that an app's services mount, below a descriptor of the
// app's directory: nothing leads out of it, and nothing but a regular file is opened.
type contents struct {
	root    string
	bytes   int64                  // that may still be read
	entries int                    // that may still be looked at
	digests map[string]string      // path -> digest, of those that were read
	lfs     []string               // paths of those that are pointers of Git LFS
	absent  func(full string) bool // tells whether a path need not exist; nil: each has to
	hostDir string                 // the app's host directory
	host    map[string]string      // name -> keyed digest, of what is in it
}

func newContents(root string) *contents {
	host, _ := overlay.Manifest(root)
	return &contents{host: host, root: filepath.Clean(root), bytes: maxContent, entries: maxEntries, digests: map[string]string{}}
}

// add adds the content of the paths below the root to h: of a directory every file
// in it. Paths elsewhere on the host are no part of a release.
func (c *contents) add(ctx context.Context, h hash.Hash, paths []string) (err error) {
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return errors.New("read the app's files: its directory cannot be opened")
	}
	defer func() { err = closeErr(root, err) }()
	paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	for _, full := range paths {
		if sum := c.host[rootfile.Relative(c.hostDir, full)]; sum != "" && rootfile.Below(c.hostDir, full) {
			// The hash of a release is published, and the file may be a password.
			writePart(h, []byte("host file "+rootfile.Relative(c.hostDir, full)))
			writePart(h, []byte(sum))
			continue
		}
		if !rootfile.Below(c.root, full) {
			continue
		}
		if _, err := rootfile.Inside(c.root, full); errors.Is(err, rootfile.ErrOutside) {
			continue // the host's policy allows it, or it would have been refused
		} else if errors.Is(err, fs.ErrNotExist) && c.absent != nil && c.absent(full) {
			continue
		}
		name := rootfile.Relative(c.root, full)
		writePart(h, []byte(name))
		if err := c.tree(ctx, h, root, filepath.Clean(name)); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return nil
}

// tree adds one line for every file below top, in the order of their names. The path
// itself may be a link: Docker mounts what it leads to. Those in it are what they are.
func (c *contents) tree(ctx context.Context, h hash.Hash, root *os.Root, top string) (err error) {
	info, err := root.Stat(top)
	if err != nil {
		return plain(err)
	}
	if !info.IsDir() {
		sum, err := c.digest(ctx, root, top, top, info.Mode())
		if err != nil {
			return err
		}
		writePart(h, []byte("."))
		writePart(h, []byte(sum))
		return nil
	}
	dir, err := root.OpenRoot(top)
	if err != nil {
		return plain(err)
	}
	defer func() { err = closeErr(dir, err) }()
	return fs.WalkDir(dir.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return plain(err)
		}
		sum, err := c.digest(ctx, dir, name, path.Join(filepath.ToSlash(top), name), entry.Type())
		if err != nil {
			return err
		}
		writePart(h, []byte(name))
		writePart(h, []byte(sum))
		return nil
	})
}

// digest describes one directory entry: its kind, whether it may be executed,
// and its content. Owners and times are left out, because an export of the same
// commit gives new ones. known is its name below the root.
func (c *contents) digest(ctx context.Context, dir *os.Root, name, known string, mode fs.FileMode) (string, error) {
	if c.entries--; c.entries < 0 {
		return "", tooMuch(fmt.Sprintf("what the services mount and are built from has more than %d files: mount and build directories that hold less, and each once", maxEntries))
	}
	switch {
	case mode.IsDir():
		return "dir", nil
	case mode&fs.ModeSymlink != 0:
		to, err := dir.Readlink(name)
		return "link " + to, plain(err)
	case !mode.IsRegular():
		return mode.Type().String(), nil
	}
	if sum, ok := c.digests[known]; ok {
		return sum, nil
	}
	sum, err := c.fileDigest(ctx, dir, name, known)
	c.digests[known] = sum
	return sum, err
}

func (c *contents) fileDigest(ctx context.Context, dir *os.Root, name, known string) (_ string, err error) {
	f, err := rootfile.Open(dir, name)
	if err != nil {
		return "", plain(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return "", plain(err)
	}
	h := sha256.New()
	// The size is no promise: what is read counts, and a file may have no end.
	n := int64(0)
	if info.Size() <= c.bytes {
		content := bufio.NewReader(io.LimitReader(&endingReader{ctx, f}, c.bytes+1))
		start, peekErr := content.Peek(len(composefile.LFSStart))
		if n, err = io.Copy(h, content); err != nil {
			return "", plain(err)
		}
		if peekErr == nil && composefile.IsLFSPointer(string(start), n) {
			c.lfs = append(c.lfs, known)
		}
	}
	if c.bytes -= max(n, info.Size()); c.bytes < 0 {
		return "", tooMuch(fmt.Sprintf("what the services mount and are built from has more than %d MiB: keep in git what a release needs, and the rest in a volume", maxContent>>20))
	}
	return fmt.Sprintf("file %t %s", info.Mode()&0o111 != 0, hex.EncodeToString(h.Sum(nil))), nil
}

// endingReader ends with its context.
type endingReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *endingReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func closeErr(c io.Closer, err error) error {
	if closeErr := c.Close(); err == nil {
		return closeErr
	}
	return err
}

// plain is an error without the path, which its caller says better.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
