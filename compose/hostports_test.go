package compose_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"tandem/compose"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// foreign is a container of nobody's stack, created with its port published as the
// binding says.
func (b *bed) foreign(ip string, port int, proto string) (id, name string) {
	b.t.Helper()
	name = fmt.Sprintf("ct-foreign-%06x", rand.N(1<<24))
	at := nat.Port("3000/" + proto)
	created, err := b.engine.Client.ContainerCreate(b.t.Context(),
		&container.Config{Image: b.image + ":1", ExposedPorts: nat.PortSet{at: {}}},
		&container.HostConfig{PortBindings: nat.PortMap{at: {{HostIP: ip, HostPort: fmt.Sprint(port)}}}},
		&network.NetworkingConfig{}, nil, name)
	if err != nil {
		b.t.Fatal(err)
	}
	tb.Container(b.t, b.engine, name)
	return created.ID, name
}

func (b *bed) publisher(port int) (deploy.Holder, bool) {
	b.t.Helper()
	held, err := b.client.Publishers(b.t.Context(), []int{port})
	if err != nil {
		b.t.Fatal(err)
	}
	h, found := held[port]
	return h, found
}

func TestPublishers_TellTheContainerBehindAPortOf127001(t *testing.T) {
	b := newBed(t, "published")
	for _, c := range []struct {
		ip, proto string
		want      bool
	}{
		{"127.0.0.1", "tcp", true},
		{"0.0.0.0", "tcp", true},
		{"127.0.0.2", "tcp", false},
		{"127.0.0.1", "udp", false},
	} {
		port := tb.Ports(t, 1)[0]
		id, name := b.foreign(c.ip, port, c.proto)
		if h, found := b.publisher(port); found {
			t.Errorf("%s %s: before it runs: %+v", c.ip, c.proto, h)
		}
		if err := b.engine.Client.ContainerStart(t.Context(), id, container.StartOptions{}); err != nil {
			t.Fatal(err)
		}
		h, found := b.publisher(port)
		if found != c.want || c.want && (h.Container != id || h.Unknown || !strings.Contains(h.Words, name)) {
			t.Errorf("%s %s: got %+v, found is %v, want %v and %s", c.ip, c.proto, h, found, c.want, id)
		}
		if err := b.engine.Client.ContainerStop(t.Context(), id, container.StopOptions{}); err != nil {
			t.Fatal(err)
		}
		if h, found := b.publisher(port); found {
			t.Errorf("%s %s: once it is stopped: %+v", c.ip, c.proto, h)
		}
	}
}

func TestPublishers_NameTheServicesOwnContainer(t *testing.T) {
	b := newBed(t, "publishes")
	b.write("compose.yaml", "services:\n  api:\n    image: IMAGE:${TAG}\n    ports: [\"${API_PORT}:3000\"]\n")
	b.resolve()
	b.up(deploy.Green)
	own := b.instance(deploy.Green, "api")
	h, found := b.publisher(b.app.Routes[0].Ports.Green)
	if !found || h.Container != own.ID || !strings.Contains(h.Words, "of the project "+b.app.Project(deploy.Green)) {
		t.Errorf("got %+v, want the container %s", h, own.ID)
	}
	if h, found := b.publisher(b.app.Routes[0].Ports.Blue); found {
		t.Errorf("the other color's port is published by %+v", h)
	}
}

func TestPublishers_AnEngineOfAnotherHostSaysNothingAboutThisOne(t *testing.T) {
	for _, host := range []string{"tcp://192.0.2.7:2375", "tcp://docker.example.com:2376"} {
		c := newClient(t, compose.Options{Host: host, ConfigDir: t.TempDir()})
		held, err := c.Publishers(t.Context(), []int{3001, 3002})
		if err != nil || len(held) != 2 || !held[3001].Unknown || !held[3002].Unknown {
			t.Errorf("%s: got %+v, %v", host, held, err)
		}
	}
}
