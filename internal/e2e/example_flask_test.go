package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"tandem/internal/config"
	"tandem/internal/load"
	"tandem/internal/stage"
	"tandem/internal/testbed"
	"tandem/internal/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler"
)

var flask = recipe{dir: "flask", image: "registry.example.com/hello", base: "flask", packages: []string{"python3-flask", "gunicorn"}, version: "app.py"}

// flaskExample is the Flask example behind an Nginx in a container.
type flaskExample struct {
	*example
	edge *edge
}

// newFlask makes the first release live. Nginx is up before the agent has ever
// run, as the README says.
func newFlask(t *testing.T) *flaskExample {
	t.Helper()
	f := &flaskExample{}
	f.example = newExample(t, flask, stage.Options{}, func(e *testbed.Engine, app string) { f.edge = newEdge(t, e, app) })
	f.release("1.0.0")
	f.rename("compose.yaml", "hello", "8001", "8002")
	put(t, f.path("compose.yaml"), "networks: [edge]", "networks: ["+f.edge.project+"]", "\n  edge:", "\n  "+f.edge.project+":")
	f.change = func(c *config.Config) {
		c.Nginx.Dir, c.Nginx.Container, c.Nginx.Command = f.edge.tandem(), f.edge.container(), "nginx"
	}
	f.edge.start(t, f.Ports.Confirm, "tandem/hello.server", "tandem/"+f.App+".server", "$hello_web", nginx.Variable(f.App, "web"))
	f.start()
	f.live(f.bump("1.0.0"), "1.0.0", reconciler.Blue)
	f.answered("1.0.0")
	return f
}

func (f *flaskExample) answered(tag string) {
	f.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	f.answeredBy(client, f.edge.url(), tag)
}

// traffic is the load of users. Python on a busy machine is not made for more.
func (f *flaskExample) traffic() *load.Runner {
	f.t.Helper()
	return f.load(load.Options{URL: f.edge.url(), Rate: 200})
}

func TestFlask_BumpAndRevertBehindNginxInAContainerLoseNothing(t *testing.T) {
	f := newFlask(t)
	f.release("1.1.0")
	traffic := f.traffic()
	f.live(f.bump("1.1.0"), "1.1.0", reconciler.Green)
	f.answered("1.1.0")

	before := f.containers()
	f.live(f.revert(), "1.0.0", reconciler.Blue)
	if after := f.containers(); !maps.Equal(before, after) {
		t.Errorf("containers were touched:\nbefore %v\nafter  %v", before, after)
	}
	f.answered("1.0.0")
	report := f.unharmed(traffic)
	if report.Tag("1.0.0") == 0 || report.Tag("1.1.0") == 0 {
		t.Errorf("the load saw too little to prove anything: %s", report)
	}
}

// Nginx resolves the name of an upstream once. Here the container comes back
// with another address, and nobody reloads anything.
func TestFlask_ARecreatedContainerIsFoundAtItsNewAddress(t *testing.T) {
	f := newFlask(t)
	f.stop()
	nginxBefore := f.nginxStarted()
	old := f.address()
	check(t, f.Engine.RemoveContainer(t.Context(), f.App+"-blue-web-1"))
	f.occupy(old)

	f.start()
	tb.Until(t, patience, "the recreated container", func() error {
		res, err := http.Get(f.edge.url())
		if err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
	if now := f.address(); now == old {
		t.Errorf("the container has the address %s as before, so nothing is proven", now)
	}
	if after := f.nginxStarted(); after != nginxBefore {
		t.Errorf("Nginx was started again: %s, before %s", after, nginxBefore)
	}
}

// address is that of the live container, where Nginx meets it.
func (f *flaskExample) address() string {
	f.t.Helper()
	info, err := f.Engine.Client.ContainerInspect(f.t.Context(), f.App+"-blue-web-1")
	check(f.t, err)
	end := info.NetworkSettings.Networks[f.edge.project]
	if end == nil || end.IPAddress == "" {
		f.t.Fatalf("the container has no address on %s", f.edge.project)
	}
	return end.IPAddress
}

func (f *flaskExample) nginxStarted() string {
	f.t.Helper()
	info, err := f.Engine.Client.ContainerInspect(f.t.Context(), f.edge.container())
	check(f.t, err)
	return info.State.StartedAt
}

// occupy gives addresses of the network to other containers, until one has the
// address that was just given back.
func (f *flaskExample) occupy(address string) {
	f.t.Helper()
	c := f.Engine.Client
	for i := range 8 {
		name := fmt.Sprintf("%s-squatter-%d", f.App, i)
		created, err := c.ContainerCreate(f.t.Context(),
			&container.Config{Image: f.from, Cmd: []string{"sleep", "infinity"}},
			&container.HostConfig{NetworkMode: container.NetworkMode(f.edge.project)},
			&network.NetworkingConfig{}, nil, name)
		check(f.t, err)
		tb.Container(f.t, f.Engine, created.ID)
		check(f.t, c.ContainerStart(f.t.Context(), created.ID, container.StartOptions{}))
		info, err := c.ContainerInspect(f.t.Context(), created.ID)
		check(f.t, err)
		if info.NetworkSettings.Networks[f.edge.project].IPAddress == address {
			return
		}
	}
	f.t.Fatalf("nobody got the address %s", address)
}
