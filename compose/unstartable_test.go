package compose_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"tandem/compose"
	"tandem/reconciler/deploy"
)

// prune removes the networks of a stopped stack, as "docker network prune" does.
func (b *bed) prune(names ...string) {
	b.t.Helper()
	for _, name := range names {
		if err := b.engine.Client.NetworkRemove(b.t.Context(), name); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bed) stop(color deploy.Color) {
	b.t.Helper()
	if err := b.client.Stop(b.t.Context(), b.app, color); err != nil {
		b.t.Fatal(err)
	}
}

// TestUp_AStoppedStackComesBackAfterItsNetworkWasPruned has a singleton that stands by, and
// the network of the shared stack gone as well.
func TestUp_AStoppedStackComesBackAfterItsNetworkWasPruned(t *testing.T) {
	b := newBed(t, "pruned")
	b.client = newClient(t, compose.Options{ConfigDir: b.config})
	b.app.Singletons = []string{"scheduler"}
	b.app.Shared = "compose.shared.yaml"
	b.write(b.app.Shared, "services: {db: {image: 'IMAGE:1', volumes: [/kept]}}\n")
	b.runs("IMAGE:1", `    networks: [default, shared]
  scheduler: {image: 'IMAGE:1', command: [wait]}
networks: {shared: {name: `+b.app.SharedProject()+`_default, external: true}}
`)
	b.up(deploy.Blue)
	b.startSingletons(deploy.Blue)
	b.stopSingletons(deploy.Blue)
	b.stop(deploy.Blue)
	db, err := b.client.Shared(t.Context(), b.app)
	if err != nil {
		t.Fatal(err)
	}
	volume := b.mountOf(db.Containers[0])
	b.stopContainer(db.Containers[0])
	b.prune(b.app.SharedProject() + "_default") // the stack's own is given back at once

	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
	b.startSingletons(deploy.Blue)
	b.wantSingletons(deploy.Blue, deploy.SingletonsRunning)
	if s := b.stack(deploy.Blue); s.Condition != deploy.Running || s.Release != b.app.Release || len(s.Containers) != 2 {
		t.Errorf("observed %+v, want both services running with %s", s, b.app.Release)
	}
	if db, err = b.client.Shared(t.Context(), b.app); err != nil || len(db.Containers) != 1 || !db.Containers[0].Up() {
		t.Fatalf("the shared stack is %+v (%v), want it running", db, err)
	}
	if got := b.mountOf(db.Containers[0]); got != volume {
		t.Errorf("the database has the volume %s, want %s, which has its data", got, volume)
	}
}

func (b *bed) stopContainer(c deploy.Container) {
	b.t.Helper()
	if err := b.engine.Client.ContainerStop(b.t.Context(), c.ID, container.StopOptions{}); err != nil {
		b.t.Fatal(err)
	}
}

// TestUp_AContainerThatCannotBeStartedIsMadeAnewBesideOneThatRuns takes away the directory
// that a container has mounted: that of an earlier commit, which is no longer kept. A
// one-shot that had it mounted and ended well need not be started.
func TestUp_AContainerThatCannotBeStartedIsMadeAnewBesideOneThatRuns(t *testing.T) {
	b := newBed(t, "rootgone")
	trees := t.TempDir()
	b.app.Root = filepath.Join(trees, b.app.Name, "first")
	b.client = newClient(t, compose.Options{ConfigDir: b.config, Policy: []string{"external:bridge"}, Trees: trees})
	b.write("conf/app.conf", "size = 1")
	b.runs("IMAGE:1", `    network_mode: bridge
    depends_on: {migrate: {condition: service_completed_successfully}}
  worker: {image: 'IMAGE:1', command: [wait], network_mode: none, volumes: ['./conf:/conf:ro']}
  migrate: {image: 'IMAGE:1', command: [exit, "0"], network_mode: none, volumes: ['./conf:/conf:ro']}
`)
	b.up(deploy.Blue)
	before := instances(b.stack(deploy.Blue))
	b.kill(b.instance(deploy.Blue, "worker"))
	old := b.app.Root
	b.move()
	if err := os.RemoveAll(filepath.Join(old, "conf")); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	after := b.stack(deploy.Blue)
	for _, service := range []string{"api", "migrate"} {
		if now := instances(after)[service]; now != before[service] {
			t.Errorf("%s was %s, is %s: want it untouched", service, before[service], now)
		}
	}
	if w := b.instance(deploy.Blue, "worker"); !w.Up() || after.Condition != deploy.Running {
		t.Errorf("the worker is %+v in a %s stack, want it running", w, after.Condition)
	}
}

// TestUp_AContainerWhoseStartFailedIsMadeAnew is about an engine that starts it at the
// second try without the port that was taken at the first.
func TestUp_AContainerWhoseStartFailedIsMadeAnew(t *testing.T) {
	b := newBed(t, "taken")
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(b.app.Routes[0].Ports.Blue)))
	if err != nil {
		t.Fatal(err)
	}
	b.runs("IMAGE:1", "    network_mode: bridge\n  worker: {image: 'IMAGE:1', command: [wait], network_mode: none, depends_on: [api]}\n")
	if err := b.attempt(); err == nil {
		t.Error("the stack came up on a port that is taken")
	}
	failed := b.instance(deploy.Blue, "api")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
	if diff := cmp.Diff(failed.ID, b.instance(deploy.Blue, "api").ID); diff == "" {
		t.Error("the container that could not be started was started, want it made anew")
	}
}
