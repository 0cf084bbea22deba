package compose_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/stdcopy"

	"tandem/compose"
	"tandem/reconciler/deploy"
)

// callers ask for services from each combination of networks, whose names are before and
// after those of the stack's own in the order in which Docker asks networks for a name.
const callers = `
  caller-first: {image: 'IMAGE:1', command: [wait], networks: [first]}
  caller-own-first: {image: 'IMAGE:1', command: [wait], networks: [default, first]}
  caller-own-last: {image: 'IMAGE:1', command: [wait], networks: [default, last]}
  caller-all: {image: 'IMAGE:1', command: [wait], networks: [default, first, last, shared]}
  caller-own: {image: 'IMAGE:1', command: [wait], networks: [default]}
networks:
  first: {name: FIRST, external: true}
  last: {name: LAST, external: true}
  shared: {name: SHARED, external: true}
`

// onNetworksOfBoth is an app whose colors meet on two networks of others and on that of
// the shared stack. The release has a service more if it is the first.
func onNetworksOfBoth(t *testing.T, name string) *bed {
	t.Helper()
	b := newBed(t, name)
	b.client = newClient(t, compose.Options{ConfigDir: b.config, Policy: []string{"external:a-" + b.app.Name, "external:z-" + b.app.Name}})
	b.network("a-" + b.app.Name)
	b.network("z-" + b.app.Name)
	b.app.Shared = "compose.shared.yaml"
	b.write(b.app.Shared, "services: {db: {image: 'IMAGE:1', environment: {COLOR: shared}}}\n")
	b.writeCallers("    networks: [default, first, last, shared]\n  extra: {image: 'IMAGE:1', environment: {COLOR: '${COLOR}'}, networks: [default, first, last, shared]}\n" + callers)
	return b
}

func (b *bed) writeCallers(more string) {
	b.t.Helper()
	fill := strings.NewReplacer("FIRST", "a-"+b.app.Name, "LAST", "z-"+b.app.Name, "SHARED", b.app.SharedProject()+"_default")
	b.runs("IMAGE:${TAG}", fill.Replace(more))
}

// network makes one that is nobody's, with addresses that Docker chooses if none are given.
func (b *bed) network(name string, addresses ...network.IPAMConfig) {
	b.t.Helper()
	if _, err := b.engine.Client.NetworkCreate(b.t.Context(), name, network.CreateOptions{IPAM: &network.IPAM{Config: addresses}}); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		ctx := context.WithoutCancel(b.t.Context())
		var failed error
		for _, color := range deploy.Colors() {
			failed = errors.Join(failed, b.engine.RemoveProject(ctx, b.app.Project(color)))
		}
		if err := errors.Join(failed, b.engine.Client.NetworkRemove(ctx, name)); err != nil {
			b.t.Error(err)
		}
	})
}

// asks returns what a service hears from another one: each different answer once.
func (b *bed) asks(color deploy.Color, service, url string) string {
	b.t.Helper()
	return b.runsIn(b.instance(color, service), "/probe", "ask", url, "40")
}

// runsIn runs a command in a container and returns what it wrote.
func (b *bed) runsIn(c deploy.Container, command ...string) string {
	b.t.Helper()
	exec, err := b.engine.Client.ContainerExecCreate(b.t.Context(), c.ID, container.ExecOptions{Cmd: command, AttachStdout: true, AttachStderr: true})
	if err != nil {
		b.t.Fatal(err)
	}
	conn, err := b.engine.Client.ContainerExecAttach(b.t.Context(), exec.ID, container.ExecAttachOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, conn.Reader); err != nil {
		b.t.Fatal(err)
	}
	return out.String()
}

// TestUp_AColorFindsOnlyItsOwnServices has both colors up, and asks from each container of
// each of them.
func TestUp_AColorFindsOnlyItsOwnServices(t *testing.T) {
	b := onNetworksOfBoth(t, "names")
	b.up(deploy.Blue)
	b.bump()
	b.writeCallers("    networks: [default, first, last, shared]\n" + callers)
	b.up(deploy.Green)
	b.answers(deploy.Blue, "1 blue")
	b.answers(deploy.Green, "2 green")
	for _, caller := range []string{"api", "caller-first", "caller-own-first", "caller-own-last", "caller-all", "caller-own"} {
		for _, ask := range []struct {
			color     deploy.Color
			url, want string
		}{
			{deploy.Blue, "http://api:3000/", "1 blue"},
			{deploy.Green, "http://api:3000/", "2 green"},
			{deploy.Blue, "http://extra:3000/", "1 blue"},
			{deploy.Green, "http://extra:3000/", "nobody"},
		} {
			if got := b.asks(ask.color, caller, ask.url); got != ask.want {
				t.Errorf("%s of %s asks %s: %q, want %q", caller, ask.color, ask.url, got, ask.want)
			}
		}
	}
	for _, color := range deploy.Colors() {
		if got := b.asks(color, "caller-all", "http://db:3000/"); got != "1 shared" {
			t.Errorf("caller-all of %s asks the shared db: %q", color, got)
		}
		// As Nginx in a container does.
		if got, want := b.asks(color, "caller-all", "http://"+b.app.Project(deploy.Green)+"-api-1:3000/"), "2 green"; got != want {
			t.Errorf("caller-all of %s asks for a container by its own name: %q, want %q", color, got, want)
		}
	}
}

// TestUp_ScaledServicesShareTheirName is about calls that are balanced over all containers
// of a service.
func TestUp_ScaledServicesShareTheirName(t *testing.T) {
	b := onNetworksOfBoth(t, "scaled")
	b.writeCallers("    networks: [first]\n  hosts: {image: 'IMAGE:1', command: [serve-name], scale: 2, networks: [first]}\n" + callers)
	b.up(deploy.Blue)
	if got := b.asks(deploy.Blue, "caller-first", "http://hosts:3000/"); len(strings.Split(got, ", ")) != 2 {
		t.Errorf("two containers of a service answer %q, want both", got)
	}
}

// TestUp_AStackOfAnOlderTandemIsHealedAsItIs has containers that answer for the names of
// their services on a common network and know no others.
func TestUp_AStackOfAnOlderTandemIsHealedAsItIs(t *testing.T) {
	b := onNetworksOfBoth(t, "older")
	b.writeCallers("    networks: [first]\n  caller: {image: 'IMAGE:1', command: [wait], networks: [first]}\nnetworks: {first: {name: FIRST, external: true}}\n")
	b.up(deploy.Blue)
	for _, c := range b.stack(deploy.Blue).Containers {
		net := "a-" + b.app.Name
		err := errors.Join(b.engine.Client.NetworkDisconnect(t.Context(), net, c.ID, true),
			b.engine.Client.NetworkConnect(t.Context(), net, c.ID, &network.EndpointSettings{Aliases: []string{c.Name, c.Service}}))
		if err != nil {
			t.Fatal(err)
		}
	}
	before := instances(b.stack(deploy.Blue))
	b.up(deploy.Blue)
	if after := instances(b.stack(deploy.Blue)); after["api"] != before["api"] || after["caller"] != before["caller"] {
		t.Errorf("the containers were %v, are %v: want them untouched", before, after)
	}
	if err := b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "api").ID); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
	if after := instances(b.stack(deploy.Blue)); after["caller"] != before["caller"] {
		t.Errorf("the caller was %s, is %s: want it untouched", before["caller"], after["caller"])
	}
	b.bump()
	b.up(deploy.Green)
	b.answers(deploy.Green, "2 green")
	for color, want := range map[deploy.Color]string{deploy.Blue: "1 blue", deploy.Green: "2 green"} {
		if got := b.asks(color, "caller", "http://api:3000/"); got != want {
			t.Errorf("the caller of %s hears %q, want %q", color, got, want)
		}
	}
}

// TestStartSingletons_OneFindsOnlyItsOwnColor is about services that are made after the rest
// of their stack.
func TestStartSingletons_OneFindsOnlyItsOwnColor(t *testing.T) {
	b := onNetworksOfBoth(t, "lone")
	b.app.Singletons = []string{"caller-first"}
	b.up(deploy.Blue)
	b.bump()
	b.up(deploy.Green)
	b.answers(deploy.Blue, "1 blue")
	b.answers(deploy.Green, "2 green")
	b.startSingletons(deploy.Green)
	if got := b.asks(deploy.Green, "caller-first", "http://api:3000/"); got != "2 green" {
		t.Errorf("the singleton of green hears %q", got)
	}
	if got := b.asks(deploy.Blue, "caller-all", "http://caller-first:3000/"); got != "nobody" {
		t.Errorf("a service of blue finds the singleton of green: %q", got)
	}
	if names := b.aliasesOf(b.instance(deploy.Green, "caller-first"), "a-"+b.app.Name); slices.Contains(names, "caller-first") {
		t.Errorf("the singleton answers for %v", names)
	}
}

// aliasesOf are the names of a container in a network.
func (b *bed) aliasesOf(c deploy.Container, network string) []string {
	b.t.Helper()
	info, err := b.engine.Client.ContainerInspect(b.t.Context(), c.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	if e := info.NetworkSettings.Networks[network]; e != nil {
		return e.Aliases
	}
	b.t.Fatalf("%s is not on %s", c.Name, network)
	return nil
}
