package reconciler

import (
	"fmt"
	"path/filepath"
	"testing"

	"tandem/internal/harness/contract"
	"tandem/reconciler/deploy"
)

// shopAs is the app as a commit has it, exported and resolved.
func (p *process) shopAs(t *testing.T, commit, tag string) deploy.App {
	t.Helper()
	app := p.push(commit, yamlOf(tag, deploy.Auto)).App
	app.Commit.Hash, app.Root = commit, filepath.Join(p.trees, commit)
	if err := p.options.Source.Export(t.Context(), commit, app.Dir, app.Root); err != nil {
		t.Fatal(err)
	}
	release, err := p.options.Resolver.Resolve(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	app.Release = release
	return app
}

func TestFakeRouter_DoesWhatEveryRouterDoes(t *testing.T) {
	contract.Router(t, func(t *testing.T) contract.RouterBed {
		p := newStage(t).start()
		return contract.RouterBed{Port: fakeRouter{p}, App: p.shopAs(t, "c1", "1"), Edit: func() string {
			p.change(func() { p.repaired = []string{"shop.conf"} })
			return "shop.conf"
		}}
	})
}

func TestFakeStacks_DoesWhatEveryStacksDoes(t *testing.T) {
	contract.Stacks(t, func(t *testing.T) contract.StacksBed {
		p := newStage(t).start()
		return contract.StacksBed{Port: fakeStacks{p}, First: p.shopAs(t, "c1", "1"), Second: p.shopAs(t, "c2", "2")}
	})
}

func TestFakeSource_DoesWhatEverySourceDoes(t *testing.T) {
	contract.Exporter(t, func(t *testing.T) contract.ExporterBed {
		p, commits := newStage(t).start(), 0
		return contract.ExporterBed{Port: fakeSource{p}, Push: func(files map[string]string) string {
			commits++
			commit := fmt.Sprintf("c%d", commits)
			p.push(commit, files["shop/tandem.yaml"])
			return commit
		}}
	})
}
