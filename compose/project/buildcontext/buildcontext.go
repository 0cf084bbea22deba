package buildcontext

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"tandem/internal/lib/rootfile"
)

// maxFile is how large a Dockerfile or a .dockerignore may be, in bytes.
const maxFile = 1 << 20

// ignoreName is the file that says what of a directory is no part of a build.
const ignoreName = ".dockerignore"

// Context is what one image is built from. Close it.
type Context struct {
	// Dockerfile is the text of the Dockerfile.
	Dockerfile []byte
	// Name is where the Dockerfile is in the context, slash-separated; empty: nowhere.
	Name string

	dir      *os.Root
	ignore   []byte // of the .dockerignore that counts; nil: there is none
	patterns *patternmatcher.PatternMatcher
	never    []string // files that are no part of it, whatever .dockerignore says
}

// Error says what is wrong with the files that an image is to be built from.
type Error struct {
	Key  string // of build that names them: context, dockerfile, …
	Text string
}

func (e *Error) Error() string { return "build." + e.Key + ": " + e.Text }

// Open reads the Dockerfile and the .dockerignore. The context of b is an absolute path;
// it and the Dockerfile must be below root, also where links are followed. never are
// files of the app that are no part of any context, absolute as well.
func Open(ctx context.Context, root string, b types.BuildConfig, never ...string) (_ *Context, err error) {
	root = filepath.Clean(root)
	full, err := rootfile.Inside(root, b.Context)
	if err != nil {
		return nil, failed(root, "context", b.Context, err)
	}
	top, err := os.OpenRoot(root)
	if err != nil {
		return nil, errors.New("read the app's files: its directory cannot be opened")
	}
	defer func() { err = errors.Join(err, top.Close()) }()
	dir, err := top.OpenRoot(filepath.FromSlash(rootfile.Relative(root, full)))
	if err != nil {
		return nil, &Error{"context", rootfile.Relative(root, full) + " is no directory: name the one that holds what the Dockerfile copies"}
	}
	c := &Context{dir: dir}
	for _, file := range never {
		if name := rootfile.Relative(full, file); !filepath.IsAbs(name) {
			c.never = append(c.never, name)
		}
	}
	if err := c.read(ctx, root, full, top, b); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return c, nil
}

// read reads the Dockerfile, and what is to be left out.
func (c *Context) read(ctx context.Context, root, full string, top *os.Root, b types.BuildConfig) error {
	c.Dockerfile = []byte(b.DockerfileInline)
	file := b.Dockerfile
	if b.DockerfileInline == "" {
		if file == "" {
			file = "Dockerfile"
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(full, file)
		}
		if _, err := rootfile.Inside(root, file); err != nil {
			return failed(root, "dockerfile", file, err)
		}
		var err error
		if c.Dockerfile, err = rootfile.ReadIn(ctx, top, rootfile.Relative(root, file), maxFile); err != nil {
			return failed(root, "dockerfile", file, err)
		}
		if name := rootfile.Relative(full, file); !filepath.IsAbs(name) {
			c.Name = name
		}
	}
	if len(bytes.TrimSpace(c.Dockerfile)) == 0 {
		return &Error{"dockerfile", "the Dockerfile is empty: it needs a FROM at least"}
	}
	// A Dockerfile may have one of its own, which wins, as with docker build.
	names := []string{ignoreName}
	if c.Name != "" {
		names = []string{c.Name + ignoreName, ignoreName}
	}
	for _, name := range names {
		data, err := rootfile.ReadIn(ctx, c.dir, filepath.FromSlash(name), maxFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return failed(root, "context", filepath.Join(full, name), err)
		}
		c.ignore = data
		break
	}
	lines, err := ignorefile.ReadAll(bytes.NewReader(c.ignore))
	if err == nil {
		c.patterns, err = patternmatcher.New(lines)
	}
	if err != nil {
		return &Error{"context", fmt.Sprintf("%s cannot be read: %v", ignoreName, err)}
	}
	return nil
}

// failed says what is wrong with a file that b names.
func failed(root, key, file string, err error) error {
	name := rootfile.Relative(root, filepath.Clean(file))
	if rel, err := filepath.Rel(root, file); err == nil {
		name = filepath.ToSlash(rel) // no message tells where the root is
	}
	switch {
	case errors.Is(err, rootfile.ErrOutside), rootfile.IsOutside(err):
		return &Error{key, name + " leads out of the app's directory: keep what an image is built from in git below tandem.yaml"}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{key, name + " is not in git: add it, or correct the name"}
	case errors.Is(err, rootfile.ErrTooLarge):
		return &Error{key, fmt.Sprintf("%s is larger than %d KiB", name, maxFile>>10)}
	}
	return &Error{key, fmt.Sprintf("%s cannot be read: %v", name, err)}
}

// Close releases the directory.
func (c *Context) Close() error { return c.dir.Close() }

// Ignore is the .dockerignore that counts, empty where there is none.
func (c *Context) Ignore() []byte { return c.ignore }

// Dir is the directory, for reading the files that Walk names.
func (c *Context) Dir() *os.Root { return c.dir }

// Walk calls visit for each directory entry of the context, in the order of their names,
// which are slash-separated and relative to it. Links are not followed.
func (c *Context) Walk(ctx context.Context, visit func(name string, mode fs.FileMode) error) error {
	return fs.WalkDir(c.dir.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || name == "." {
			return err
		}
		if slices.Contains(c.never, name) {
			return nil
		}
		out, err := c.patterns.MatchesOrParentMatches(filepath.FromSlash(name))
		switch {
		case err != nil:
			return &Error{"context", fmt.Sprintf("%s cannot be applied: %v", ignoreName, err)}
		case out && entry.IsDir() && !c.patterns.Exclusions():
			return fs.SkipDir // without "!" nothing below it comes back
		case out:
			return nil
		}
		return visit(name, entry.Type())
	})
}

// Addition is a file that an archive of the context has besides.
type Addition struct {
	Name string
	Data []byte
}

// WithDockerfile returns what makes an archive of the context build with text in place of
// its Dockerfile, and the name that text has there. The builder takes both files away
// before it copies, so that none of it is in the image.
func (c *Context) WithDockerfile(text []byte) (name string, more []Addition) {
	name = fmt.Sprintf(".dockerfile.%.10x", sha256.Sum256(text))
	ignore := append(slices.Clone(c.ignore), "\n"+name+"\n"...)
	if _, err := c.dir.Lstat(ignoreName); err != nil {
		ignore = append(ignore, ignoreName+"\n"...)
	}
	return name, []Addition{{name, text}, {ignoreName, ignore}}
}
