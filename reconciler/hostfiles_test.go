package reconciler

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/lib/overlay"
	"tandem/reconciler/deploy"
)

// fakeHostFiles has one file, whose version a test chooses.
type fakeHostFiles struct {
	version string
	err     error
}

func (f *fakeHostFiles) Version(context.Context, string) (string, error) { return f.version, f.err }

func (f *fakeHostFiles) Lay(_ context.Context, _, version, root string) error {
	return os.WriteFile(filepath.Join(root, "laid"), []byte(version), 0o600)
}

// hostResolver makes another release of another version.
type hostResolver struct{ Resolver }

func (r hostResolver) Resolve(ctx context.Context, app deploy.App) (deploy.Release, error) {
	release, err := r.Resolver.Resolve(ctx, app)
	if version := overlay.VersionOf(app.Root); version != "" {
		laid, readErr := os.ReadFile(filepath.Join(app.Root, "laid"))
		if readErr != nil {
			return release, readErr
		}
		release.Hash += string(laid)
	}
	return release, err
}

func TestRunner_ChangedHostFilesAreANewRelease(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		hosts := &fakeHostFiles{}
		p := w.start()
		p.options.HostFiles, p.options.Resolver = hosts, hostResolver{p.options.Resolver}
		p.deploy("c1", yamlOf("1", deploy.Auto))
		before := p.memory.Live
		if overlay.VersionOf(before.Root) != "" {
			t.Fatalf("without such files it is in %s", before.Root)
		}
		hosts.version = "0123456789abcdef"
		p.Once(p.ctx)
		after := p.memory.Live
		if after.Release.Hash != before.Release.Hash+hosts.version || after.Color == before.Color {
			t.Errorf("live is %+v, was %+v", after, before)
		}
		if overlay.VersionOf(after.Root) != hosts.version || filepath.Dir(after.Root) != filepath.Dir(before.Root) || !p.Roots()[after.Root] {
			t.Errorf("it is in %s, was in %s", after.Root, before.Root)
		}
		w.did()
		p.Once(p.ctx)
		w.wantDid(t, ": ")

		hosts.err = deploy.Faults{{File: "/etc/tandem/apps/shop", Text: "run chmod"}}
		if s := p.Once(p.ctx); s.Phase != deploy.PhaseRefused || !strings.Contains(s.Message, "run chmod") || p.memory.Live.Release != after.Release {
			t.Errorf("with others' files: %s %s", s.Phase, s.Message)
		}
	})
}
