package compose_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/compose"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// patience is how long a test waits for something that ought to happen: far more than
// any of it takes, so that a busy machine fails nothing.
const patience = 2 * time.Minute

// bed is one app on the real engine, which is cleaned up when the test ends.
type bed struct {
	t      *testing.T
	engine *testbed.Engine
	client *compose.Client
	app    deploy.App
	config string // Docker's configuration directory
	image  string // name of the probe image, without a tag
}

// newBed is newSerialBed for a test that can run beside others.
func newBed(t *testing.T, name string, options ...func(*compose.Options)) *bed {
	t.Helper()
	t.Parallel()
	return newSerialBed(t, name, options...)
}

// newSerialBed makes an app with one route "api" on two free ports, and the image
// <image>:1 on this host.
func newSerialBed(t *testing.T, name string, options ...func(*compose.Options)) *bed {
	t.Helper()
	// Another run of the same tests may be under way on this engine.
	name += fmt.Sprintf("-%05x", rand.N(1<<20))
	b := &bed{t: t, engine: tb.Engine(t), config: t.TempDir(), image: "ct-probe-" + name}
	ports := tb.Ports(t, 2)
	b.app = deploy.App{
		Name: "ct-" + name, Dir: "apps/" + name, File: "apps/" + name + "/tandem.yaml",
		Tag: "1", Root: t.TempDir(), Commit: deploy.Commit{Hash: strings.Repeat("a", 40)},
		Gate:   deploy.GatePolicy{Timeout: patience},
		Routes: []deploy.Route{{Name: "api", Service: "api", Ports: deploy.Ports{Blue: ports[0], Green: ports[1]}}},
	}
	// Cleaned up in the other order: the colors may be on the shared network.
	for _, projectName := range []string{b.app.SharedProject(), b.app.Project(deploy.Blue), b.app.Project(deploy.Green)} {
		tb.Project(t, b.engine, projectName)
	}
	b.build(b.image+":1", "1")
	// Most tests do without a network of their own, of which an engine has few.
	o := compose.Options{ConfigDir: b.config, Policy: []string{"external:bridge"}}
	for _, set := range options {
		set(&o)
	}
	b.client = newClient(t, o)
	return b
}

func newClient(t *testing.T, o compose.Options) *compose.Client {
	t.Helper()
	c, err := compose.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.Negotiate(t.Context()) // tests ask the engine, too
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// build makes an image of the probe that serves its version.
func (b *bed) build(ref, version string) {
	b.t.Helper()
	tb.Images(b.t, b.engine, ref)
	probe := testbed.ImageBuilder{Ref: ref, Binary: tb.GoBinary(b.t, "testdata/probe"), Cmd: []string{"serve"}, Env: []string{"VERSION=" + version}}
	err := kept.Once(b.t.Context(), keptProbe, func(ctx context.Context, ref string) error {
		return b.engine.BuildImage(ctx, testbed.ImageBuilder{Ref: ref, Binary: probe.Binary})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.engine.BuildImage(b.t.Context(), probe); err != nil {
		b.t.Fatal(err)
	}
}

// bump asks for release 2, whose image it makes.
func (b *bed) bump() {
	b.t.Helper()
	b.app.Tag = "2"
	b.build(b.image+":2", "2")
}

// write puts a file into the app's directory; IMAGE in it stands for the probe.
func (b *bed) write(name, content string) {
	b.t.Helper()
	full := filepath.Join(b.app.Root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(strings.ReplaceAll(content, "IMAGE", b.image)), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// resolve sets the app's release from its files.
func (b *bed) resolve() {
	b.t.Helper()
	release, err := b.client.Resolve(b.t.Context(), b.app)
	if err != nil {
		b.t.Fatal(err)
	}
	b.app.Release = release
}

// up resolves the app and brings one color up.
func (b *bed) up(color deploy.Color) {
	b.t.Helper()
	b.resolve()
	if err := b.client.Up(b.t.Context(), b.app, color, nil); err != nil {
		b.t.Fatal(err)
	}
}

// stack observes one color.
func (b *bed) stack(color deploy.Color) deploy.Stack {
	b.t.Helper()
	stacks, err := b.client.Observe(b.t.Context(), b.app)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range stacks {
		if s.Color == color {
			return s
		}
	}
	b.t.Fatalf("no stack %s in %v", color, stacks)
	return deploy.Stack{}
}

// instance is the container of a service that must have exactly one.
func (b *bed) instance(color deploy.Color, service string) deploy.Container {
	b.t.Helper()
	var found []deploy.Container
	stack := b.stack(color)
	for _, c := range stack.Containers {
		if c.Service == service {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		b.t.Fatalf("%d containers of %s in %+v, want one", len(found), service, stack)
	}
	return found[0]
}

// answers waits until the route of a color gives the wanted body.
func (b *bed) answers(color deploy.Color, want string) {
	b.t.Helper()
	url := fmt.Sprintf("http://127.0.0.1:%d/", b.app.Routes[0].Ports.Of(color))
	tb.Until(b.t, patience, url, func() error {
		res, err := http.Get(url)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(res.Body)
		if cerr := res.Body.Close(); err == nil {
			err = cerr
		}
		if err == nil && string(body) != want {
			err = fmt.Errorf("answered %q, want %q", body, want)
		}
		return err
	})
}

// logged waits until a container's log is read as the text.
func (b *bed) logged(c deploy.Container, want string) {
	b.t.Helper()
	tb.Until(b.t, patience, "the log of "+c.Name, func() error {
		got, err := b.client.Logs(b.t.Context(), c, 5)
		if err == nil && got != want {
			err = fmt.Errorf("it is read as %q, want %q", got, want)
		}
		return err
	})
}

// noPolicy takes away what the beds of other tests are allowed.
func noPolicy(o *compose.Options) { o.Policy = nil }
