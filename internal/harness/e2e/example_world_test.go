package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"tandem/examples"
	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
)

// recipe says what a test has to know about an example to make releases of it.
type recipe struct {
	dir     string // of the example
	image   string // as its Compose file names it, without the tag
	version string // the file in which the release says its version
	app     string // where the image has that file
}

// example is a copy of one of the examples, as a user would have made it, with
// an agent that looks after it. Names and ports are replaced by ones that no
// other test has; nothing else is.
type example struct {
	*world
	recipe
	from  string    // the image with the packages
	built *[]string // images to remove at the end
}

// newExample copies an example into the clone; no agent runs and nothing is
// pushed yet. prepare, which may be nil, is run before there are containers, so
// that what it registers is cleaned up after they are gone.
func newExample(t *testing.T, r recipe, o stage.Options, prepare func(e *testbed.Engine, app string)) *example {
	t.Helper()
	e, built := tb.Engine(t), new([]string)
	t.Cleanup(func() {
		if err := e.Remove(context.Background(), *built...); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	o.App = fmt.Sprintf("%s-%06x", r.dir, rand.N(1<<24))
	if prepare != nil {
		prepare(e, o.App)
	}
	started := time.Now()
	from := tb.Debian(t, e)
	t.Logf("the image with the packages took %s", time.Since(started).Round(time.Second))
	o.Registry = debianRegistry(t, from)
	x := &example{world: wholeStage(t, o), recipe: r, from: from, built: built}
	check(t, os.RemoveAll(x.path())) // the minimal example
	check(t, examples.Copy(x.path(), r.dir))
	return x
}

// check ends the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// path is a file of the app in the clone.
func (x *example) path(elem ...string) string {
	return filepath.Join(append([]string{x.Work, x.App}, elem...)...)
}

// inspectOne is a container as the engine has it.
func (x *example) inspectOne(name string) container.InspectResponse {
	x.t.Helper()
	info, err := x.Engine.Client.ContainerInspect(x.t.Context(), name)
	check(x.t, err)
	return info
}

// put replaces words of a file, given in pairs. A word that the file lacks fails
// the test: the example says something else by now than the test thinks.
func put(t testing.TB, file string, pairs ...string) {
	t.Helper()
	check(t, os.WriteFile(file, []byte(replaced(t, file, pairs...)), 0o644))
}

// replaced is what put writes.
func replaced(t testing.TB, file string, pairs ...string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	check(t, err)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(data), pairs[i]) {
			t.Fatalf("%s has no %q:\n%s", file, pairs[i], data)
		}
	}
	return strings.NewReplacer(pairs...).Replace(string(data))
}

// rename puts the test's registry, name and ports in the place of the example's, the
// policies of quick, and a latency that a busy machine keeps.
func (x *example) rename(composeFile, app, blue, green string) {
	x.t.Helper()
	put(x.t, x.path(composeFile), x.image, x.repository())
	put(x.t, x.path("tandem.yaml"), "app: "+app, "app: "+x.App,
		"blue: "+blue, fmt.Sprintf("blue: %d", x.Ports.APIBlue), "green: "+green, fmt.Sprintf("green: %d", x.Ports.APIGreen),
		"health: /health", "health: {path: /health, max_latency: 5s}", "routes:", quick+"routes:")
}

// repository is the image's name in the test's registry.
func (x *example) repository() string { return x.Registry() + "/" + filepath.Base(x.image) }

// packagesOf is the part of the examples' Dockerfiles that needs a connection to
// the world, and is done once for all tests.
var packagesOf = regexp.MustCompile(`(?s)^FROM debian:\S+\nRUN apt-get update [^\n]+\n`)

// release makes a release of the example in the registry: what its Dockerfile builds,
// with this version in it, and without some files.
func (x *example) release(tag string, without ...string) {
	x.t.Helper()
	text := replaced(x.t, x.path(x.version), `"1.0.0"`, `"`+tag+`"`)
	x.derive(x.dir, testbed.Derived{
		Ref: x.repository() + ":" + tag, Files: map[string]string{x.app: text}, Without: without,
	})
}

// derive makes an image in the registry of what the Dockerfile in a directory of the
// examples builds. That is built once for all tests: Docker takes longer for it than
// for a deploy.
func (x *example) derive(dir string, d testbed.Derived) {
	x.t.Helper()
	d.From = shared.keep(x.t, "examples/"+dir, func(ctx context.Context, ref string) error {
		return x.buildExample(ctx, ref, dir)
	})
	*x.built = append(*x.built, d.Ref) // as soon as the agent has pulled it
	check(x.t, d.Push(x.t.Context()))
}

// buildExample builds the Dockerfile in a directory of the examples, and pushes the
// image.
func (x *example) buildExample(ctx context.Context, ref, dir string) error {
	root := x.t.TempDir()
	check(x.t, examples.Copy(filepath.Join(root, x.dir), x.dir))
	file := filepath.Join(root, dir, "Dockerfile")
	text, err := os.ReadFile(file)
	check(x.t, err)
	if !packagesOf.Match(text) {
		x.t.Fatalf("the Dockerfile begins with something else than its packages:\n%s", text)
	}
	check(x.t, os.WriteFile(file, packagesOf.ReplaceAll(text, []byte("FROM "+x.from+"\n")), 0o644))
	if err := x.Engine.Build(ctx, ref, filepath.Dir(file)); err != nil {
		return err
	}
	return x.Engine.Push(ctx, ref, testbed.Login{})
}

var tagLine = regexp.MustCompile(`(?m)^tag: .*$`)

// bump writes the tag into tandem.yaml, commits and pushes.
func (x *example) bump(tag string) string {
	x.t.Helper()
	data, err := os.ReadFile(x.path("tandem.yaml"))
	check(x.t, err)
	data = tagLine.ReplaceAll(data, fmt.Appendf(nil, "tag: %q", tag))
	check(x.t, os.WriteFile(x.path("tandem.yaml"), data, 0o644))
	commit, err := x.Commit(x.t.Context(), "Deploy "+tag)
	check(x.t, err)
	return commit
}

// generated waits for the agent's files in Nginx's directory.
func (x *example) generated(dir string) {
	x.t.Helper()
	tb.Until(x.t, patience, "generated files", func() error {
		for _, name := range []string{".format", ".conf", ".vars", ".server", ".confirm"} {
			if _, err := os.Stat(filepath.Join(dir, x.App+name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// load starts a load; it ends with the test at the latest.
func (x *example) load(o load.Options) *load.Runner {
	x.t.Helper()
	o.PostEvery = 4
	r, err := load.Run(x.t.Context(), o)
	check(x.t, err)
	x.t.Cleanup(func() { r.Stop() })
	return r
}

// answeredBy fails the test unless a new connection is answered by the release.
func (x *example) answeredBy(client *http.Client, url, tag string) {
	x.t.Helper()
	res, err := client.Get(url)
	check(x.t, err)
	check(x.t, res.Body.Close())
	if got := res.Header.Get("X-Tag"); res.StatusCode != http.StatusOK || got != tag {
		x.t.Errorf("%s answered %s from release %q, want %q", url, res.Status, got, tag)
	}
}
