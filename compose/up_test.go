package compose_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// apiAndWorker is the well-known layout: a service with a route, and one without. A
// network of its own would cost each of these tests a second or two of a processor.
const apiAndWorker = `
version: "3.8"
services:
  api:
    image: IMAGE:${TAG:-latest}
    environment: {COLOR: "${COLOR}"}
    ports: ["${API_PORT:-3001}:3000"]
    volumes: ["./conf:/conf:ro"]
    network_mode: bridge
  worker:
    image: IMAGE:${TAG:-latest}
    command: [wait]
    network_mode: none
`

// deployed is apiAndWorker running in blue.
func deployed(t *testing.T, name string) *bed {
	t.Helper()
	b := newBed(t, name)
	b.write("docker-compose.yml", apiAndWorker)
	b.write("conf/app.conf", "size = 1")
	b.up(deploy.Blue)
	return b
}

// move copies the app's files to another directory, as the next commit does.
func (b *bed) move() {
	b.t.Helper()
	root := b.t.TempDir()
	if err := os.CopyFS(root, os.DirFS(b.app.Root)); err != nil {
		b.t.Fatal(err)
	}
	b.app.Root, b.app.Commit.Hash = root, strings.Repeat("b", 40)
}

// instances maps each service's container to when it started.
func instances(s deploy.Stack) map[string]string {
	m := map[string]string{}
	for _, c := range s.Containers {
		m[c.Service] += c.ID + " " + c.StartedAt.String() + ";"
	}
	return m
}

func (b *bed) kill(c deploy.Container) {
	b.t.Helper()
	if err := b.engine.Client.ContainerKill(b.t.Context(), c.ID, "KILL"); err != nil {
		b.t.Fatal(err)
	}
}

func TestUp_StartsEachColorWithItsReleaseOnItsOwnPort(t *testing.T) {
	b := deployed(t, "start")
	b.up(deploy.Green)
	b.answers(deploy.Blue, "1 blue")
	b.answers(deploy.Green, "1 green")
	for _, color := range deploy.Colors() {
		s := b.stack(color)
		if s.Condition != deploy.Running || s.Release != b.app.Release || s.Tag != "1" || s.Commit != b.app.Commit.Hash || s.Root != b.app.Root || len(s.Missing) > 0 {
			t.Errorf("observed %+v, want everything running with release %s", s, b.app.Release)
		}
		var services []string
		for _, c := range s.Containers {
			services = append(services, c.Service)
			if !strings.HasPrefix(c.Image, "sha256:") || c.StartedAt.IsZero() {
				t.Errorf("container %+v: want an image and a start", c)
			}
		}
		if diff := cmp.Diff([]string{"api", "worker"}, services); diff != "" {
			t.Errorf("services (-want +got):\n%s", diff)
		}
	}
}

func TestUp_BindsARouteToLoopbackOnly(t *testing.T) {
	b := deployed(t, "loopback")
	info, err := b.engine.Client.ContainerInspect(t.Context(), b.instance(deploy.Blue, "api").ID)
	if err != nil {
		t.Fatal(err)
	}
	for port, bindings := range info.HostConfig.PortBindings {
		for _, binding := range bindings {
			if binding.HostIP != "127.0.0.1" {
				t.Errorf("port %s is bound to %q, want 127.0.0.1", port, binding.HostIP)
			}
		}
	}
}

func TestUp_TheSameReleaseOfAnotherCommitTouchesNothing(t *testing.T) {
	b := deployed(t, "same")
	before := instances(b.stack(deploy.Blue))
	b.write("README.md", "changed")
	b.move()
	b.up(deploy.Blue)
	if diff := cmp.Diff(before, instances(b.stack(deploy.Blue))); diff != "" {
		t.Errorf("containers (-before +after):\n%s", diff)
	}
}

func TestUp_StartsOnlyWhatIsDead(t *testing.T) {
	b := deployed(t, "dead")
	before := instances(b.stack(deploy.Blue))
	worker := b.instance(deploy.Blue, "worker")
	b.kill(worker)
	if s := b.stack(deploy.Blue); s.Condition != deploy.Broken {
		t.Errorf("with a dead worker the stack is %s, want broken", s.Condition)
	}
	b.move()
	b.up(deploy.Blue)
	after := b.stack(deploy.Blue)
	if got := instances(after); got["api"] != before["api"] {
		t.Errorf("the api was %s, is %s: want it untouched", before["api"], got["api"])
	}
	if w := b.instance(deploy.Blue, "worker"); w.ID != worker.ID || !w.Up() || !w.StartedAt.After(worker.StartedAt) {
		t.Errorf("worker is %+v, want %s started again", w, worker.ID)
	}
	if after.Condition != deploy.Running {
		t.Errorf("the stack is %s, want running", after.Condition)
	}
}

func TestUp_CreatesOnlyWhatIsMissing(t *testing.T) {
	b := deployed(t, "missing")
	before := instances(b.stack(deploy.Blue))
	if err := b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "worker").ID); err != nil {
		t.Fatal(err)
	}
	s := b.stack(deploy.Blue)
	if diff := cmp.Diff([]string{"worker"}, s.Missing); diff != "" || s.Condition != deploy.Broken {
		t.Errorf("stack is %s and misses (-want +got):\n%s", s.Condition, diff)
	}
	b.move()
	b.up(deploy.Blue)
	after := b.stack(deploy.Blue)
	if got := instances(after); got["api"] != before["api"] {
		t.Errorf("the api was %s, is %s: want it untouched", before["api"], got["api"])
	}
	if after.Condition != deploy.Running || after.Release != b.app.Release || after.Commit != strings.Repeat("a", 40) {
		t.Errorf("observed %+v, want it running, as of the first commit", after)
	}
}

// TestUp_FilesThatWereChangedAreToldAndTheirOriginalsHeal changes, and then removes, a
// file of the release's copy, which a stack and its shared services have mounted.
func TestUp_FilesThatWereChangedAreToldAndTheirOriginalsHeal(t *testing.T) {
	b := newBed(t, "changed")
	b.app.Shared = "compose.shared.yaml"
	b.write(b.app.Shared, "services: {db: {image: 'IMAGE:1', command: [wait], volumes: ['./init:/init'], network_mode: none}}\n")
	b.write("init/schema.sql", "create")
	b.write("docker-compose.yml", apiAndWorker)
	b.write("conf/app.conf", "size = 1")
	b.up(deploy.Blue)
	db := b.shared()["db"]
	changed, original := b.app, b.app
	b.move()
	original.Root = b.app.Root
	b.app = changed
	for _, change := range []func() error{
		func() error {
			return os.WriteFile(filepath.Join(changed.Root, "conf/app.conf"), []byte("size = 2"), 0o644)
		},
		func() error { return os.RemoveAll(filepath.Join(changed.Root, "conf")) },
		func() error {
			return errors.Join(os.CopyFS(filepath.Join(changed.Root, "conf"), os.DirFS(filepath.Join(original.Root, "conf"))),
				os.WriteFile(filepath.Join(changed.Root, "init/schema.sql"), []byte("create more"), 0o644))
		},
	} {
		if err := errors.Join(change(), b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "worker").ID)); err != nil {
			t.Fatal(err)
		}
		var told *deploy.FilesChangedError
		if err := b.client.Up(t.Context(), changed, deploy.Blue, nil); !errors.As(err, &told) || told.Root != changed.Root {
			t.Errorf("got %v, want to be told that the files in %s were changed", err, changed.Root)
		}
		if err := b.client.Up(t.Context(), original, deploy.Blue, nil); err != nil {
			t.Fatal(err)
		}
		if s := b.stack(deploy.Blue); s.Condition != deploy.Running || s.Release != original.Release {
			t.Errorf("the stack is %+v, want it healed", s)
		}
	}
	if after := b.shared()["db"]; after != db {
		t.Errorf("the database was %s, is %s: want it untouched", db, after)
	}
}

func TestUp_LetsAPausedContainerGoOn(t *testing.T) {
	b := deployed(t, "paused")
	api := b.instance(deploy.Blue, "api")
	if err := b.engine.Client.ContainerPause(t.Context(), api.ID); err != nil {
		t.Fatal(err)
	}
	if s := b.stack(deploy.Blue); s.Condition != deploy.Broken {
		t.Errorf("the stack is %s, want broken", s.Condition)
	}
	b.up(deploy.Blue)
	if got := b.instance(deploy.Blue, "api"); got.State != "running" || !got.StartedAt.Equal(api.StartedAt) {
		t.Errorf("the api is %+v, want it to go on", got)
	}
}

func TestUp_AnotherReleaseReplacesTheStackAndKeepsItsVolumes(t *testing.T) {
	b := deployed(t, "replace")
	b.write("docker-compose.yml", strings.Replace(apiAndWorker, "command: [wait]", "command: [wait]\n    volumes: [/kept]", 1))
	b.up(deploy.Blue)
	old := b.stack(deploy.Blue)
	volume := b.mountOf(b.instance(deploy.Blue, "worker"))
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := b.engine.Client.VolumeRemove(context.Background(), volume, true); err != nil {
			t.Error(err)
		}
	})
	b.bump()
	b.write("docker-compose.yml", strings.ReplaceAll(apiAndWorker, "worker:", "consumer:"))
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "2 blue")
	s := b.stack(deploy.Blue)
	if s.Condition != deploy.Running || s.Release != b.app.Release || s.Tag != "2" {
		t.Errorf("observed %+v, want release %s", s, b.app.Release)
	}
	for service, id := range instances(old) {
		if instances(s)[service] == id {
			t.Errorf("service %s still has container %s", service, id)
		}
	}
	if services := slices.Sorted(maps.Keys(instances(s))); !slices.Equal(services, []string{"api", "consumer"}) {
		t.Errorf("services are %v, want the worker gone", services)
	}
	if _, err := b.engine.Client.VolumeInspect(t.Context(), volume); err != nil {
		t.Errorf("the volume is gone: %v", err)
	}
}

// mountOf is the one volume of a container.
func (b *bed) mountOf(c deploy.Container) string {
	b.t.Helper()
	info, err := b.engine.Client.ContainerInspect(b.t.Context(), c.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range info.Mounts {
		if m.Name != "" {
			return m.Name
		}
	}
	b.t.Fatalf("%s has no volume", c.Name)
	return ""
}

func TestUp_ReplacesWhatSomebodyElseStartedInTheProject(t *testing.T) {
	b := newBed(t, "foreign")
	b.write("docker-compose.yml", apiAndWorker)
	b.write("conf/app.conf", "")
	created, err := b.engine.Client.ContainerCreate(t.Context(), &container.Config{
		Image: b.image + ":1", Labels: map[string]string{
			"com.docker.compose.project": b.app.Project(deploy.Blue), "com.docker.compose.service": "api",
			"com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False",
		},
	}, nil, nil, nil, b.app.Project(deploy.Blue)+"-api-1")
	if err != nil {
		t.Fatal(err)
	}
	tb.Container(t, b.engine, created.ID)
	if err := b.engine.Client.ContainerStart(t.Context(), created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	if s := b.stack(deploy.Blue); s.Condition != deploy.Running || !s.Release.IsZero() || s.Tag != "" {
		t.Errorf("observed %+v, want it running with an unknown release", s)
	}
	b.up(deploy.Blue)
	if s := b.stack(deploy.Blue); s.Release != b.app.Release || b.instance(deploy.Blue, "api").ID == created.ID {
		t.Errorf("observed %+v, want it replaced", s)
	}
}

func TestObserve_AnAbsentStackHasNothing(t *testing.T) {
	b := newBed(t, "absent")
	if diff := cmp.Diff(deploy.Stack{Color: deploy.Green}, b.stack(deploy.Green)); diff != "" {
		t.Errorf("stack (-want +got):\n%s", diff)
	}
}

func TestUp_OfFilesThatAreNotTheReleaseChangesNothing(t *testing.T) {
	b := deployed(t, "mismatch")
	before := instances(b.stack(deploy.Blue))
	b.write("docker-compose.yml", strings.Replace(apiAndWorker, "[wait]", "[hang]", 1))
	b.app.Release.Hash = strings.Repeat("0", 64)
	if err := b.client.Up(t.Context(), b.app, deploy.Blue, nil); err == nil || errors.As(err, new(*deploy.RejectError)) {
		t.Errorf("got %v, want an error that blames no release", err)
	}
	if diff := cmp.Diff(before, instances(b.stack(deploy.Blue))); diff != "" {
		t.Errorf("containers (-before +after):\n%s", diff)
	}
}

func TestRoots_AreThoseOfAllContainers(t *testing.T) {
	b := deployed(t, "roots")
	first := b.app.Root
	b.write("conf/app.conf", "size = 2")
	b.move()
	b.up(deploy.Green)
	if err := b.client.Stop(t.Context(), b.app, deploy.Blue); err != nil {
		t.Fatal(err)
	}
	roots, err := b.client.Roots(t.Context())
	if err != nil || !roots[first] || !roots[b.app.Root] {
		t.Errorf("roots are %v (%v), want %s and %s in them", roots, err, first, b.app.Root)
	}
}

func TestClient_WritesNothingToTheTerminal(t *testing.T) {
	b := newSerialBed(t, "quiet")
	b.write("docker-compose.yml", apiAndWorker)
	b.write("conf/app.conf", "")
	file, err := os.Create(filepath.Join(t.TempDir(), "terminal"))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = file, file
	b.up(deploy.Blue)
	upErr := b.client.Up(t.Context(), deploy.App{}, deploy.Blue, nil)
	stopErr := b.client.Stop(t.Context(), b.app, deploy.Blue)
	os.Stdout, os.Stderr = stdout, stderr
	if upErr == nil || stopErr != nil {
		t.Errorf("up of nothing: %v; stop: %v", upErr, stopErr)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if written, err := os.ReadFile(file.Name()); err != nil || len(written) > 0 {
		t.Errorf("wrote %q (%v), want nothing", written, err)
	}
}
