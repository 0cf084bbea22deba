package guard_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	moby "github.com/moby/moby/client"

	"tandem/compose/guard"
	"tandem/compose/policy"
	"tandem/compose/project"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// bed is the blue stack of one app on the real engine, which is cleaned up when the test
// ends. This host allows it nothing.
type bed struct {
	t       *testing.T
	engine  *testbed.Engine
	raw     *moby.Client // the engine without anybody who looks
	guarded *guard.Engine
	apps    string // directory with the host directories of the apps
	host    policy.Host
	app     deploy.App
	image   string // name of the probe image, without a tag
}

func newBed(t *testing.T, name string) *bed {
	t.Helper()
	t.Parallel()
	// Another run of the same tests may be under way on this engine.
	name += fmt.Sprintf("-%05x", rand.N(1<<20))
	b := &bed{t: t, engine: tb.Engine(t), image: "ct-probe-" + name, app: deploy.App{Name: "ct-" + name, Root: t.TempDir()}}
	for _, projectName := range []string{b.app.SharedProject(), b.app.Project(deploy.Blue)} {
		tb.Project(t, b.engine, projectName)
	}
	tb.Images(t, b.engine, b.image+":1")
	probe := testbed.ImageBuilder{Ref: b.image + ":1", Binary: tb.GoBinary(t, "../testdata/probe"), Cmd: []string{"serve"}}
	if err := b.engine.BuildImage(t.Context(), probe); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.raw, err = moby.New(moby.WithHost(policy.DefaultHost)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.raw.Close(); err != nil {
			t.Error(err)
		}
	})
	b.apps = t.TempDir()
	loader, err := project.NewLoader(project.LoaderOptions{AppsDir: b.apps})
	if err != nil {
		t.Fatal(err)
	}
	b.host = loader.Host()
	b.guarded = guard.New(b.raw, b.host, guard.Hooks{}, b.app, b.app.Project(deploy.Blue))
	return b
}

// isNotAllowed tells whether the error says that this host does not allow something.
func isNotAllowed(err error) bool {
	_, ok := err.(*guard.NotAllowedError)
	return ok
}
