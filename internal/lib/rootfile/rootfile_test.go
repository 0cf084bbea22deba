package rootfile

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRead_Refuses puts in a file's place what would lead a reader astray. No error
// says where the directory is.
func TestRead_Refuses(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "secret"), "secret")
	tests := map[string]struct {
		make func(t *testing.T, root string)
		name string
		want error
	}{
		"a link to a file outside":      {link(filepath.Join(outside, "secret")), "file", ErrOutside},
		"a link upwards":                {link("../../etc/passwd"), "file", ErrOutside},
		"a link to a directory outside": {link(outside), "file/secret", ErrOutside},
		"an absolute link to itself": {func(t *testing.T, root string) {
			write(t, filepath.Join(root, "a"), "a")
			link(filepath.Join(root, "a"))(t, root)
		}, "file", ErrOutside},
		"a link through a link": {func(t *testing.T, root string) {
			link("there/secret")(t, root)
			check(t, os.Symlink(outside, filepath.Join(root, "there")))
		}, "file", ErrOutside},
		"a name that leads upwards": {nothing, "../secret", ErrOutside},
		"an absolute name":          {nothing, filepath.Join(outside, "secret"), ErrOutside},
		"a link to itself":          {link("file"), "file", syscall.ELOOP},
		"a pipe":                    {func(t *testing.T, root string) { check(t, syscall.Mkfifo(filepath.Join(root, "file"), 0o600)) }, "file", ErrNotRegular},
		"a link to a pipe": {func(t *testing.T, root string) {
			check(t, syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600))
			link("pipe")(t, root)
		}, "file", ErrNotRegular},
		"a socket": {func(t *testing.T, root string) {
			l, err := net.Listen("unix", filepath.Join(root, "file"))
			check(t, err)
			t.Cleanup(func() { check(t, l.Close()) })
		}, "file", ErrNotRegular},
		"a device": {func(t *testing.T, root string) {
			check(t, syscall.Mknod(filepath.Join(root, "file"), syscall.S_IFCHR|0o600, 1<<8|5))
		}, "file", ErrNotRegular},
		"a directory":              {func(t *testing.T, root string) { check(t, os.Mkdir(filepath.Join(root, "file"), 0o700)) }, "file", ErrNotRegular},
		"nothing":                  {nothing, "file", fs.ErrNotExist},
		"eight terabytes":          {sparse(8 << 40), "file", ErrTooLarge},
		"a byte more than allowed": {sparse(1025), "file", ErrTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "r")
			check(t, os.Mkdir(root, 0o700))
			tt.make(t, root)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			data, err := Read(ctx, root, tt.name, 1024)
			if !errors.Is(err, tt.want) || data != nil {
				t.Errorf("%q, %v; want %v", data, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), root) && tt.name != root {
				t.Errorf("%v tells where the directory is", err)
			}
		})
	}
}

// TestRead_TakesWhatIsInside reads files, and links that stay in the directory.
func TestRead_TakesWhatIsInside(t *testing.T) {
	root := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(root, "a", "b"), 0o700))
	write(t, filepath.Join(root, "a", "file"), "text")
	write(t, filepath.Join(root, "empty"), "")
	check(t, os.Symlink("a/file", filepath.Join(root, "link")))
	check(t, os.Symlink("../file", filepath.Join(root, "a", "b", "up")))
	check(t, os.Symlink("a", filepath.Join(root, "dir")))
	for name, want := range map[string]string{"a/file": "text", "link": "text", "a/b/up": "text", "dir/file": "text", "./a/../link": "text", "empty": ""} {
		data, err := Read(t.Context(), root, name, int64(len(want)))
		if err != nil || string(data) != want {
			t.Errorf("%s: %q, %v; want %q", name, data, err, want)
		}
	}
}

// TestRead_ADirectoryThatIsAPipe must not wait for it.
func TestRead_ADirectoryThatIsAPipe(t *testing.T) {
	root := filepath.Join(t.TempDir(), "pipe")
	check(t, syscall.Mkfifo(root, 0o600))
	if _, err := Read(t.Context(), root, "file", 1024); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%v, want that it is no directory", err)
	}
}

// TestRead_EndsWithItsContext reads a large file with a context that ended.
func TestRead_EndsWithItsContext(t *testing.T) {
	root := t.TempDir()
	sparse(8<<40)(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, root, "file", 16<<40); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that the context ended", err)
	}
}

// TestRead_WhileItIsSwapped swaps a file for a link and a pipe as fast as it can.
// Never is anything read but the file.
func TestRead_WhileItIsSwapped(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "secret"), "secret")
	write(t, filepath.Join(root, "good"), "good")
	check(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(root, "bad")))
	check(t, syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600))
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		for i := 0; err == nil; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			// A second name for each, renamed over the one that is read.
			from := filepath.Join(root, []string{"good", "bad", "pipe"}[i%3])
			if err = os.Link(from, from+".next"); err == nil {
				err = os.Rename(from+".next", filepath.Join(root, "file"))
			}
		}
		done <- err
	}()
	for range 2000 {
		data, err := Read(t.Context(), root, "file", 1024)
		if err == nil && string(data) != "good" {
			t.Fatalf("read %q", data)
		}
		if err != nil && !errors.Is(err, ErrOutside) && !errors.Is(err, ErrNotRegular) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ELOOP) {
			t.Fatal(err)
		}
	}
	close(stop)
	check(t, <-done)
}

func nothing(*testing.T, string) {}

func link(to string) func(*testing.T, string) {
	return func(t *testing.T, root string) { check(t, os.Symlink(to, filepath.Join(root, "file"))) }
}

func sparse(size int64) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		write(t, filepath.Join(root, "file"), "")
		check(t, os.Truncate(filepath.Join(root, "file"), size))
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	check(t, os.WriteFile(name, []byte(text), 0o600))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
