package contract

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// Push commits the files (path in the repository -> content) to the watched branch, all
// others staying as they are, and returns the commit.
type Push func(files map[string]string) (commit string)

// PollerBed is reconciler.Poller before anything was pushed.
type PollerBed struct {
	Port interface {
		Poll(ctx context.Context) (deploy.Revision, error)
	}
	Push Push
}

// Poller is what every Poller does.
func Poller(t *testing.T, open func(*testing.T) PollerBed) {
	promise := promises(t, open)
	promise("it is the newest commit with its apps, sorted, and stays that until the next push", func(t *testing.T, b PollerBed) {
		b.Push(map[string]string{"shop/tandem.yaml": "tag: one\n", "blog/tandem.yaml": "tag: first\n", "docs/readme": "no app\n"})
		commit := b.Push(map[string]string{"shop/tandem.yaml": "tag: two\n"})
		for range 2 {
			rev := b.poll(t)
			if rev.Commit.Hash != commit || rev.Withheld != nil || len(rev.Files) != 2 {
				t.Fatalf("got %+v, want the two apps of %s", rev, commit)
			}
			for i, want := range []struct{ dir, data string }{{"blog", "tag: first\n"}, {"shop", "tag: two\n"}} {
				f := rev.Files[i]
				if f.Dir != want.dir || f.Path != want.dir+"/tandem.yaml" || string(f.Data) != want.data || f.Commit != rev.Commit {
					t.Errorf("file %d: got %+v with %q, want %+v", i, f, f.Data, want)
				}
			}
			rev.Files[0].Data[0], rev.Files[1].Dir = 'T', "" // what the caller does to it is his own business
		}
	})
	promise("a tree changes with the content of its own directory, and comes back with it", func(t *testing.T, b PollerBed) {
		b.Push(map[string]string{"shop/tandem.yaml": "tag: one\n", "shop/conf": "a", "blog/tandem.yaml": "tag: one\n"})
		blog, shop := b.trees(t)
		b.Push(map[string]string{"shop/conf": "b"})
		sameBlog, otherShop := b.trees(t)
		b.Push(map[string]string{"shop/conf": "a"})
		_, backAgain := b.trees(t)
		if sameBlog != blog || otherShop == shop || backAgain != shop {
			t.Errorf("blog %s, %s; shop %s, %s, %s: want blog's never to change, and shop's to change and come back", blog, sameBlog, shop, otherShop, backAgain)
		}
	})
	promise("once its context has ended it says so", func(t *testing.T, b PollerBed) {
		b.Push(map[string]string{"shop/tandem.yaml": "tag: one\n"})
		wantEnded(t, map[string]func(context.Context) error{
			"Poll": func(ctx context.Context) error { _, err := b.Port.Poll(ctx); return err },
		})
	})
}

func (b PollerBed) poll(t *testing.T) deploy.Revision {
	t.Helper()
	rev, err := b.Port.Poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func (b PollerBed) trees(t *testing.T) (first, second string) {
	t.Helper()
	rev := b.poll(t)
	if len(rev.Files) != 2 {
		t.Fatalf("got %+v, want two apps", rev.Files)
	}
	return rev.Files[0].Tree, rev.Files[1].Tree
}

// ExporterBed is reconciler.Exporter over a branch that is polled after each push.
type ExporterBed struct {
	Port interface {
		Export(ctx context.Context, commit, dir, dest string) error
	}
	Push Push
}

// Exporter is what every Exporter does.
func Exporter(t *testing.T, open func(*testing.T) ExporterBed) {
	promise := promises(t, open)
	const file = "shop/tandem.yaml"
	promise("the files are those of the commit, also of an older one", func(t *testing.T, b ExporterBed) {
		dest := filepath.Join(t.TempDir(), "trees", "shop")
		for content, commit := range map[string]string{"old": b.Push(map[string]string{file: "old"}), "new": b.Push(map[string]string{file: "new"})} {
			if err := b.Port.Export(t.Context(), commit, "shop", dest+content); err != nil {
				t.Fatal(err)
			}
			wantFile(t, filepath.Join(dest+content, "tandem.yaml"), content)
		}
	})
	promise("what is there already is left alone", func(t *testing.T, b ExporterBed) {
		dest := filepath.Join(t.TempDir(), "trees", "shop")
		for _, content := range []string{"old", "new"} {
			if err := b.Port.Export(t.Context(), b.Push(map[string]string{file: content}), "shop", dest); err != nil {
				t.Fatal(err)
			}
			wantFile(t, filepath.Join(dest, "tandem.yaml"), "old")
		}
	})
	promise("what cannot be exported leaves nothing", func(t *testing.T, b ExporterBed) {
		dest := filepath.Join(t.TempDir(), "trees", "shop")
		commit := b.Push(map[string]string{file: "x"})
		if b.Port.Export(t.Context(), commit, "blog", dest) == nil {
			t.Error("a directory that the commit does not have was exported")
		}
		if b.Port.Export(t.Context(), strings.Repeat("1", 40), "shop", dest) == nil {
			t.Error("a commit that is nowhere was exported")
		}
		wantMissing(t, dest)
	})
	promise("once its context has ended it says so and leaves nothing", func(t *testing.T, b ExporterBed) {
		dest := filepath.Join(t.TempDir(), "trees", "shop")
		commit := b.Push(map[string]string{file: "x"})
		wantEnded(t, map[string]func(context.Context) error{
			"Export": func(ctx context.Context) error { return b.Port.Export(ctx, commit, "shop", dest) },
		})
		wantMissing(t, dest)
	})
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
}

func wantMissing(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there, or not to be told: %v", path, err)
	}
}

// PublisherBed is reconciler.Publisher before anything was published.
type PublisherBed struct {
	Port interface {
		Publish(ctx context.Context, message string, files map[string][]byte) error
	}
	Commits func() int // of the status branch
	Read    func(path string) (content string, ok bool)
}

// Publisher is what every Publisher does.
func Publisher(t *testing.T, open func(*testing.T) PublisherBed) {
	promise := promises(t, open)
	promise("each publication is a commit on top of those before", func(t *testing.T, b PublisherBed) {
		b.publish(t, map[string]string{"shop.yaml": "one", "blog.yaml": "first"})
		b.publish(t, map[string]string{"shop.yaml": "two"})
		b.wantFiles(t, 2, map[string]string{"shop.yaml": "two", "blog.yaml": "first"})
	})
	promise("what is there already makes no commit", func(t *testing.T, b PublisherBed) {
		both := map[string]string{"shop.yaml": "one", "blog.yaml": "first"}
		b.publish(t, both)
		b.publish(t, both)
		b.publish(t, map[string]string{"blog.yaml": "first"})
		b.wantFiles(t, 1, both)
	})
	promise("once its context has ended it says so and publishes nothing", func(t *testing.T, b PublisherBed) {
		b.publish(t, map[string]string{"shop.yaml": "one"})
		wantEnded(t, map[string]func(context.Context) error{
			"Publish": func(ctx context.Context) error {
				return b.Port.Publish(ctx, "late", map[string][]byte{"shop.yaml": []byte("late")})
			},
		})
		b.wantFiles(t, 1, map[string]string{"shop.yaml": "one"})
	})
}

func (b PublisherBed) publish(t *testing.T, files map[string]string) {
	t.Helper()
	data := map[string][]byte{}
	for path, content := range files {
		data[path] = []byte(content)
	}
	if err := b.Port.Publish(t.Context(), "status", data); err != nil {
		t.Fatal(err)
	}
}

func (b PublisherBed) wantFiles(t *testing.T, commits int, want map[string]string) {
	t.Helper()
	if got := b.Commits(); got != commits {
		t.Errorf("the status branch has %d commits, want %d", got, commits)
	}
	for path, content := range want {
		if got, ok := b.Read(path); !ok || got != content {
			t.Errorf("%s: got %q (there: %v), want %q", path, got, ok, content)
		}
	}
}
