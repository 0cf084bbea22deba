package source

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"tandem/internal/harness/gittest"
	"tandem/reconciler/deploy"
)

// world is one bare repository, a person with a checkout, and one way to reach
// it.
type world struct {
	bare *gittest.Bare
	ada  *gittest.Clone
	repo *Repo
	dir  string // the cache
}

// ways are the three kinds of remote. Each test that is about a promise and not
// about a protocol runs over all of them.
func ways(t *testing.T, test func(t *testing.T, open func(t *testing.T, change func(*Options)) *world)) {
	reach := map[string]func(t *testing.T, b *gittest.Bare, o *Options){
		"local": func(_ *testing.T, b *gittest.Bare, o *Options) { o.URL = b.Path },
		"http": func(t *testing.T, b *gittest.Bare, o *Options) {
			o.URL = gittest.ServeHTTP(t, b, gittest.HTTPOptions{}).URL
		},
		"ssh": func(t *testing.T, b *gittest.Bare, o *Options) {
			s := gittest.ServeSSH(t, b)
			o.URL, o.Auth.SSHKey, o.Auth.KnownHosts = s.URL, s.KeyFile, s.KnownHosts
		},
	}
	for name, way := range reach {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, func(t *testing.T, change func(*Options)) *world {
				t.Helper()
				w := &world{bare: gittest.NewBare(t), dir: filepath.Join(t.TempDir(), "cache")}
				w.ada = w.bare.Clone(t)
				o := Options{CacheDir: w.dir, Logger: slog.New(slog.DiscardHandler)}
				way(t, w.bare, &o)
				if change != nil {
					change(&o)
				}
				w.repo = open(t, o)
				return w
			})
		})
	}
}

// openLocal is a world whose repository is a local path.
func openLocal(t *testing.T, change func(*Options)) *world {
	t.Helper()
	w := &world{bare: gittest.NewBare(t)}
	w.ada = w.bare.Clone(t)
	o := Options{URL: w.bare.Path, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	w.repo = open(t, o)
	return w
}

func open(t *testing.T, o Options) *Repo {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// push commits the files as Ada and pushes them.
func (w *world) push(t *testing.T, message string, files map[string]string) string {
	t.Helper()
	hash := w.ada.Commit(t, message, files)
	w.ada.Push(t)
	return hash
}

func (w *world) poll(t *testing.T) deploy.Revision {
	t.Helper()
	rev, err := w.repo.Poll(within(t))
	if err != nil {
		t.Fatalf("poll: %v", err)
	}
	return rev
}

// file returns the app file of one directory.
func file(t *testing.T, rev deploy.Revision, dir string) deploy.AppFile {
	t.Helper()
	for _, f := range rev.Files {
		if f.Dir == dir {
			return f
		}
	}
	t.Fatalf("no app in %q; got %+v", dir, rev.Files)
	return deploy.AppFile{}
}

// within returns a context that ends a stuck test, not a slow one.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
