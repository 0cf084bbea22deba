package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"tandem/internal/config"
	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

var flask = recipe{dir: "flask", image: "registry.example.com/hello", version: "app.py", app: "/srv/hello/app.py"}

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
		c.Policy.Allow = []string{"external:" + f.edge.project}
	}
	f.edge.start(t, f.Ports.Confirm, "tandem/hello.server", "tandem/"+f.App+".server", "$hello_web", nginx.Variable(f.App, "web"))
	f.start()
	f.live(f.bump("1.0.0"), "1.0.0", deploy.Green)
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
	return f.load(load.Options{URL: f.edge.url(), Rate: 60, Connections: 8})
}

func TestFlask_BehindNginxInAContainer(t *testing.T) {
	t.Parallel()
	f := newFlask(t)
	t.Run("a bump and its revert lose nothing", f.bumpAndRevert)
	t.Run("a recreated container is found at its new address", f.recreated)
}

func (f *flaskExample) bumpAndRevert(t *testing.T) {
	f.t = t
	f.release("1.1.0")
	traffic := f.traffic()
	f.live(f.bump("1.1.0"), "1.1.0", deploy.Blue)
	f.answered("1.1.0")

	before := f.containers()
	f.live(f.revert(), "1.0.0", deploy.Green)
	if after := f.containers(); !maps.Equal(before, after) {
		t.Errorf("containers were touched:\nbefore %v\nafter  %v", before, after)
	}
	f.answered("1.0.0")
	report := f.unharmed(traffic)
	if report.Tag("1.0.0") == 0 || report.Tag("1.1.0") == 0 {
		t.Errorf("the load saw too little to prove anything: %s", report)
	}
}

// Nginx resolves the name of an upstream once. Here a person recreates the live
// container, it gets another address, and nobody reloads anything: no agent runs.
func (f *flaskExample) recreated(t *testing.T) {
	f.stop()
	f.t = t
	nginxBefore := f.inspectOne(f.edge.container())
	live := f.inspectOne(f.App + "-green-web-1")
	old := f.address(live)
	check(t, f.Engine.RemoveContainer(t.Context(), live.ID))
	f.occupy(old)

	live = f.recreate(live)
	if now := f.address(live); now == old {
		t.Fatalf("the container has the address %s as before, so nothing would be proven", now)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	tb.Until(t, patience, "the recreated container", func() error {
		res, err := client.Get(f.edge.url())
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
	if after := f.inspectOne(f.edge.container()); after.State.StartedAt != nginxBefore.State.StartedAt {
		t.Errorf("Nginx was started again at %s, before at %s", after.State.StartedAt, nginxBefore.State.StartedAt)
	}
}

// recreate starts a container that is as the one was that is gone.
func (f *flaskExample) recreate(was container.InspectResponse) container.InspectResponse {
	f.t.Helper()
	created, err := f.Engine.Client.ContainerCreate(f.t.Context(), was.Config, was.HostConfig, nil, nil, strings.TrimPrefix(was.Name, "/"))
	check(f.t, err)
	check(f.t, f.Engine.Client.ContainerStart(f.t.Context(), created.ID, container.StartOptions{}))
	return f.inspectOne(created.ID)
}

// address is that of a container where Nginx meets it.
func (f *flaskExample) address(c container.InspectResponse) string {
	f.t.Helper()
	end := c.NetworkSettings.Networks[f.edge.project]
	if end == nil || end.IPAddress == "" {
		f.t.Fatalf("%s has no address on %s", c.Name, f.edge.project)
	}
	return end.IPAddress
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
			nil, nil, name)
		check(f.t, err)
		tb.Container(f.t, f.Engine, created.ID)
		check(f.t, c.ContainerStart(f.t.Context(), created.ID, container.StartOptions{}))
		if f.address(f.inspectOne(created.ID)) == address {
			return
		}
	}
	f.t.Fatalf("nobody got the address %s", address)
}
