package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// TestEndpoint_IsThatOfTheContainerThatRuns commits a release that listens elsewhere than
// the one that is live: Nginx must not send live traffic to where nobody listens.
func TestEndpoint_IsThatOfTheContainerThatRuns(t *testing.T) {
	b := newBed(t, "endpoint")
	const file = "services:\n  api: {image: 'IMAGE:1', command: [wait], network_mode: bridge, ports: ['9000', '${API_PORT}:TARGET']}\n"
	endpoint := func(c deploy.Color) deploy.Endpoint {
		t.Helper()
		got, err := b.client.Endpoint(t.Context(), b.app, b.app.Routes[0], c)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	b.write("compose.yaml", strings.Replace(file, "TARGET", "3000", 1))
	b.up(deploy.Blue)
	b.write("compose.yaml", strings.Replace(file, "TARGET", "8080", 1))
	b.resolve()

	live := endpoint(deploy.Blue)
	if want := b.instance(deploy.Blue, "api").Name; live.Host != want || live.Port != 3000 {
		t.Errorf("blue is reached at %s, port %d; want %s, port 3000", live.Host, live.Port, want)
	}
	if !live.Addresses["bridge"].IsPrivate() {
		t.Errorf("its addresses are %v, want one on the bridge", live.Addresses)
	}
	next := endpoint(deploy.Green)
	if want := b.app.Project(deploy.Green) + "-api-1"; next.Host != want || next.Port != 8080 || len(next.Addresses) != 0 {
		t.Errorf("green will be reached at %+v, want %s, port 8080, and no address yet", next, want)
	}
}

// TestEndpoint_ReadsTheFilesOnceForARelease takes them away: in a drain it is asked many times
// a second, and each time the secrets would be opened and the files hashed.
func TestEndpoint_ReadsTheFilesOnceForARelease(t *testing.T) {
	b := newBed(t, "endpointonce")
	b.runs(b.image + ":1")
	b.resolve()
	ask := func() (deploy.Endpoint, error) {
		return b.client.Endpoint(t.Context(), b.app, b.app.Routes[0], deploy.Green)
	}
	first, err := ask()
	if err != nil || first.Port != 3000 {
		t.Fatalf("got %+v, %v; want port 3000", first, err)
	}
	if err := os.Remove(filepath.Join(b.app.Root, "compose.yaml")); err != nil {
		t.Fatal(err)
	}
	if again, err := ask(); err != nil || again.Port != first.Port {
		t.Errorf("asked again: %+v, %v; want %+v without a look at the files", again, err, first)
	}
	b.app.Release.Hash = "another"
	if got, err := ask(); err == nil {
		t.Errorf("another release: got %+v, want that its files are read", got)
	}
}
