package project_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// mounting is a Compose file with a directory of the app, and other files that count.
const mounting = "services:\n  api: {image: 'a:1', ports: ['${API_PORT}:3000'], env_file: [a.env, {path: none.env, required: false}], label_file: l.env, volumes: ['./d:/d:ro', './f:/f:ro', './l:/l:ro'], configs: [c]}\nconfigs: {c: {file: ./d/x}}\n"

func mounted(t *testing.T) deploy.App {
	t.Helper()
	app := shop(t)
	app.Tag = "1" // which the image has already
	put(t, app, map[string]string{
		"compose.yaml": mounting, "a.env": "A=${API_PORT}\nB='${A}'\nexport C=\"x y\"\n", "l.env": "one=1\ntwo=${one}\n", ".env": "E=1\nF=${E}2\n", "d/x": "x", "d/y/z": "z", "f": "f", "t/u": "u",
	})
	for name, to := range map[string]string{"l": "t", "d/away": "../../..", "d/to": "y/z"} {
		if err := os.Symlink(to, filepath.Join(app.Root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return app
}

// TestResolve_TheHashOfMountedFiles is what it always was: with another one, each agent
// would deploy all its apps again when it is replaced.
func TestResolve_TheHashOfMountedFiles(t *testing.T) {
	app := mounted(t)
	loader := newLoader(t, project.LoaderOptions{})
	hash := func() string {
		t.Helper()
		release, err := loader.Resolve(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		return release.Hash
	}
	const want = "4ee5d2aa9c6bd0ac7531d14b71e40f020068d0c525666d5f4307f7013d2de9a8"
	before := hash()
	if before != want {
		t.Errorf("the hash is %s, want %s", before, want)
	}
	for _, name := range []string{"d/x", "d/y/z", "f", "t/u", "a.env", "l.env"} {
		put(t, app, map[string]string{name: "K=" + name + "\n"})
		after := hash()
		if after == before {
			t.Errorf("%s changed, and not the hash", name)
		}
		before = after
	}
}

// TestResolve_FilesThatAreNone puts something else in the place of each file that is
// read or hashed: nothing waits for it, nothing leads out, and nothing is read without
// end. 8 TiB that are nowhere on the disk would take an hour.
func TestResolve_FilesThatAreNone(t *testing.T) {
	pipe := func(t *testing.T, path string) {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	huge := func(t *testing.T, path string) {
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 8<<40)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.Symlink(to, path); err != nil {
				t.Fatal(err)
			}
		}
	}
	const content = "what the services mount and are built from has more than 1024 MiB"
	for name, c := range map[string]struct {
		file string
		make func(t *testing.T, path string)
		want string // a part of the fault; empty: a pipe or a link is hashed as what it is
	}{
		"a pipe as the Compose file":   {"compose.yaml", pipe, "compose.yaml is not a file"},
		"a device as the Compose file": {"compose.yaml", link("/dev/zero"), "leads out of the app's directory"},
		"a huge Compose file":          {"compose.yaml", huge, "compose.yaml is larger than 1024 KiB"},
		"a pipe as .env":               {".env", pipe, ".env is not a file"},
		"a device as .env":             {".env", link("/dev/zero"), "it leads out of the app's directory"},
		"a huge .env":                  {".env", huge, "larger than 1024 KiB"},
		"a pipe as a file of env":      {"a.env", pipe, "a.env is not a file"},
		"a huge file of env":           {"a.env", huge, "a.env is larger than 1024 KiB"},
		"a device as a file of env":    {"a.env", link("/dev/zero"), "outside the app's directory"},
		"a pipe as a file of labels":   {"l.env", pipe, "l.env is not a file"},
		"a huge file of labels":        {"l.env", huge, "l.env is larger than 1024 KiB"},
		"a huge mounted file":          {"f", huge, content},
		"a huge file in a directory":   {"d/x", huge, content},
		"a huge file behind a link":    {"t/u", huge, content},
		"a pipe in a directory":        {"d/x", pipe, ""},
		"a device in a directory":      {"d/y/z", link("/dev/zero"), ""},
		"a mounted link that leads up": {"f", link("/usr/lib"), "outside the app's directory"},
	} {
		t.Run(name, func(t *testing.T) {
			app := mounted(t)
			path := filepath.Join(app.Root, c.file)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			c.make(t, path)
			_, err := newLoader(t, project.LoaderOptions{}).Resolve(t.Context(), app)
			if _, refused := deploy.AsFaults(err); c.want == "" && err != nil || c.want != "" && (!refused || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestResolve_HashingEndsWithItsContext reads files that are within the bounds.
func TestResolve_HashingEndsWithItsContext(t *testing.T) {
	app := mounted(t)
	if err := os.Truncate(filepath.Join(app.Root, "f"), 900<<20); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	loader := newLoader(t, project.LoaderOptions{})
	go func() {
		_, err := loader.Resolve(ctx, app)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
