package compose_test

import (
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

func TestChosenPorts_AreFoundAgainInContainersThatRunOrDoNot(t *testing.T) {
	b := newBed(t, "chosenports")
	b.write("compose.yaml", "services:\n  api:\n    image: "+b.image+":${TAG}\n    ports: [\"127.0.0.1:${API_PORT}:8080\"]\n")
	b.resolve()
	named := b.app.Release
	b.up(deploy.Blue)
	want := map[string]deploy.Ports{"api": b.app.Routes[0].Ports}
	found := func(when string, want map[string]deploy.Ports) {
		t.Helper()
		table, err := b.client.ChosenPorts(t.Context())
		if diff := cmp.Diff(want, table[b.app.Name]); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", when, err, diff)
		}
		if diff := cmp.Diff(want, b.stack(deploy.Blue).Ports); diff != "" {
			t.Errorf("%s, the stack says (-want +got):\n%s", when, diff)
		}
	}
	found("of ports that the file names", nil)
	before := b.instance(deploy.Blue, "api").ID
	t.Log("that they were chosen is no other release, and touches no container")
	b.app.Routes[0].PortsChosen = true
	b.resolve()
	if b.app.Release != named {
		t.Errorf("the release is %s, and was %s", b.app.Release, named)
	}
	b.up(deploy.Blue)
	if after := b.instance(deploy.Blue, "api").ID; after != before {
		t.Error("the container was made anew")
	}
	t.Log("and a release that is made with them says so")
	b.bump()
	b.up(deploy.Blue)
	found("while it runs", want)
	if err := b.engine.Client.ContainerStop(t.Context(), b.instance(deploy.Blue, "api").ID, container.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	found("when it is stopped", want)
}
