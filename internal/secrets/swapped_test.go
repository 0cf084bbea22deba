package secrets

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// TestOpen_WhatAContainerPutInTheFilesPlace is in the release's copy by the time that the
// file is read there. Nothing of it is read, and nothing waits for it.
func TestOpen_WhatAContainerPutInTheFilesPlace(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	write(t, filepath.Join(outside, "shadow"), "A=planted\n", 0o600)
	const odd = "cannot be read: it must be a file in the app's directory"
	for name, c := range map[string]struct {
		file string
		put  func(path string) error
		want string
	}{
		"a link out":               {"a.env", func(p string) error { return os.Symlink(filepath.Join(outside, "shadow"), p) }, odd},
		"a relative link out":      {"a.env", func(p string) error { return os.Symlink("../../../../../../../../etc/passwd", p) }, odd},
		"its directory, a link":    {"d/shadow", func(p string) error { return os.Symlink(outside, filepath.Dir(p)) }, odd},
		"a pipe":                   {"a.env", func(p string) error { return syscall.Mkfifo(p, 0o666) }, odd},
		"a device":                 {"a.env", func(p string) error { return syscall.Mknod(p, syscall.S_IFCHR|0o666, 1<<8|5) }, odd},
		"a directory":              {"a.env", func(p string) error { return os.Mkdir(p, 0o755) }, odd},
		"a link to itself":         {"a.env", func(p string) error { return os.Symlink("a.env", p) }, odd},
		"eight terabytes":          {"a.env", func(p string) error { return sparse(p, 8<<40) }, "larger than 1024 KiB"},
		"a byte more than allowed": {"a.env", func(p string) error { return sparse(p, 1<<20+1) }, "larger than 1024 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			a := app(t, c.file)
			if err := c.put(filepath.Join(a.Root, c.file)); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := New(keyFile(t, "key.txt")).Open(ctx, a)
			if _, ok := deploy.AsFaults(err); !ok || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "planted") {
				t.Errorf("%v, want a fault with %s", err, c.want)
			}
		})
	}
}

// TestOpen_ThatIsCutShortIsNoFault: a stop of the agent must not refuse the release.
func TestOpen_ThatIsCutShortIsNoFault(t *testing.T) {
	t.Parallel()
	ctx := &endsAfter{Context: t.Context(), asked: 1}
	if _, err := New(keyFile(t, "key.txt")).Open(ctx, app(t, "all.env")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cut short", err)
	}
}

// endsAfter is a context that ends when it was asked so many times.
type endsAfter struct {
	context.Context
	asked int
}

// Err implements context.Context.
func (e *endsAfter) Err() error {
	if e.asked--; e.asked < 0 {
		return context.Canceled
	}
	return nil
}

// sparse is a file that takes no room.
func sparse(path string, size int64) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(path, size)
}
