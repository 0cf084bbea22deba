package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

func TestStop_KeepsTheContainersAndNeedsNoFiles(t *testing.T) {
	b := newBed(t, "stop")
	b.write("docker-compose.yml", strings.Replace(apiAndWorker, "[wait]", `[print, 'listening\n', '']`, 1))
	b.write("conf/app.conf", "size = 1")
	b.up(deploy.Blue)
	// The first process of a container is not told of a signal that it has not asked for yet.
	b.answers(deploy.Blue, "1 blue")
	b.logged(b.instance(deploy.Blue, "worker"), "listening")
	before := b.stack(deploy.Blue)
	if err := os.RemoveAll(b.app.Root); err != nil {
		t.Fatal(err)
	}
	for range 2 { // stopping twice is no error
		if err := b.client.Stop(t.Context(), b.app, deploy.Blue); err != nil {
			t.Fatal(err)
		}
	}
	s := b.stack(deploy.Blue)
	if s.Condition != deploy.Stopped || s.Release != b.app.Release || len(s.Containers) != 2 {
		t.Errorf("observed %+v, want two stopped containers", s)
	}
	for _, c := range s.Containers {
		if c.ExitCode != 0 {
			t.Errorf("%s ended with %d: want it to end by itself within its grace period", c.Name, c.ExitCode)
		}
	}
	if err := b.client.Stop(t.Context(), b.app, deploy.Green); err != nil {
		t.Errorf("stop a stack that does not exist: %v", err)
	}
	// The mounted directory is gone with the files, so only the engine can say
	// whether the worker starts.
	if err := os.MkdirAll(filepath.Join(b.app.Root, "conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.client.Up(t.Context(), b.app, deploy.Blue, nil); err != nil {
		t.Fatalf("start again without files: %v", err)
	}
	after := b.stack(deploy.Blue)
	if after.Condition != deploy.Running || after.Containers[0].ID != before.Containers[0].ID {
		t.Errorf("observed %+v, want the same containers running", after)
	}
	b.answers(deploy.Blue, "1 blue")
}
