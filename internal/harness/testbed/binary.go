package testbed

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// built holds the paths of what this process has built: go needs half a second of
// both cores to find out that nothing has changed, and every test asks.
var built sync.Map

// GoBinary builds the main package in dir as a static Linux program and
// returns its path in the cache. A process builds a program once; in another
// process, building the same again costs a look at what has changed.
func GoBinary(ctx context.Context, dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return goBuild(ctx, filepath.Base(dir), []byte(dir), dir, ".")
}

// GoSource builds a main package that needs only the standard library from
// its source files, for instance embedded ones. The program gets the name.
func GoSource(ctx context.Context, name string, source fs.FS) (string, error) {
	files, err := fs.Glob(source, "*.go")
	if err != nil {
		return "", err
	}
	// files that are named on the command line of go are all compiled.
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
	if len(files) == 0 {
		return "", fmt.Errorf("build %s: no Go file in the source", name)
	}
	dir, err := os.MkdirTemp("", "tandem-source-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // only litter is left behind when this fails
	content := sha256.New()
	for _, f := range files {
		data, err := fs.ReadFile(source, f)
		if err != nil {
			return "", err
		}
		content.Write(fmt.Appendf(nil, "%s %d\n%s", f, len(data), data))
		if err := os.WriteFile(filepath.Join(dir, f), data, 0o644); err != nil {
			return "", err
		}
	}
	return goBuild(ctx, name, content.Sum(nil), dir, files...)
}

// goBuild builds what args name in dir into <cache>/bin/<hash of key>/<name>.
func goBuild(ctx context.Context, name string, key []byte, dir string, args ...string) (_ string, err error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, "bin", fmt.Sprintf("%x", sha256.Sum256(key))[:16])
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(home, "lock"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	out := filepath.Join(home, name)
	if _, done := built.Load(out); done {
		return out, nil
	}
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out}, args)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, output)
	}
	built.Store(out, true)
	return out, nil
}
