package testbed_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/docker/docker/api/types/container"

	"tandem/internal/harness/testbed"
)

// Killed or stopped, it comes back with what it had; live restore leaves the
// containers running meanwhile. The machine's own engine does not notice.
func TestDaemon_ComesBackWithItsContainers(t *testing.T) {
	if !testbed.IsReexec() {
		before := interfaces(t)
		if err := testbed.Reexec(t.Context(), "-test.run=^"+t.Name()+"$"); err != nil {
			t.Error(err)
		}
		if now := interfaces(t); now != before {
			t.Errorf("the interfaces of the machine were %s and are %s", before, now)
		}
		return
	}
	if err := testbed.StartLoopback(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := testbed.NewDaemon()
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	t.Cleanup(func() {
		if err := d.Close(context.WithoutCancel(t.Context())); err != nil && !closed {
			t.Error(err)
		}
	})
	if err := d.Start(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	e, err := d.Engine()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	program, err := testbed.GoSource(t.Context(), "echo", fstest.MapFS{"main.go": {Data: []byte(echo)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.BuildImage(t.Context(), testbed.ImageBuilder{Ref: "tandem-testbed/daemon:1", Binary: program}); err != nil {
		t.Fatal(err)
	}
	c, err := e.Client.ContainerCreate(t.Context(), &container.Config{Image: "tandem-testbed/daemon:1", Cmd: []string{"stay"}, OpenStdin: true},
		nil, nil, nil, "stays")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Client.ContainerStart(t.Context(), c.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	started := func() string {
		t.Helper()
		i, err := e.Client.ContainerInspect(t.Context(), "stays")
		if err != nil {
			t.Fatal(err)
		}
		if !i.State.Running {
			t.Fatalf("the container is %s", i.State.Status)
		}
		return i.State.StartedAt
	}
	before := started()
	for name, end := range map[string]func() error{"stopped": func() error { return d.Stop(t.Context()) }, "killed": d.Kill} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Client.Ping(t.Context()); err == nil {
			t.Errorf("%s, it answers", name)
		}
		if err := d.Start(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if got := started(); got != before {
			t.Errorf("%s and started, its container was started at %s, before at %s", name, got, before)
		}
	}

	t.Log("nothing is left behind, also of a killed one")
	socket := strings.TrimPrefix(d.Host(), "unix://")
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed = true
	if _, err := os.Stat(filepath.Dir(socket)); !os.IsNotExist(err) {
		t.Errorf("%s: %v, want it to be gone", filepath.Dir(socket), err)
	}
	if out, err := exec.Command("pgrep", "-f", filepath.Dir(socket)).Output(); err == nil {
		t.Errorf("processes are left: %s", out)
	}
}

// interfaces are those that no container comes and goes with.
func interfaces(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range all {
		if !strings.HasPrefix(i.Name, "veth") && !strings.HasPrefix(i.Name, "br-") {
			names = append(names, i.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestDaemon_WantsANetworkOfItsOwn(t *testing.T) {
	if d, err := testbed.NewDaemon(); err == nil {
		t.Errorf("got %v beside the engine of this machine", d)
	}
}

func TestDisk_IsFullUntilItIsFreed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	d, err := testbed.NewDisk(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	write := func() error { return os.WriteFile(filepath.Join(dir, "a"), []byte("text"), 0o600) }
	if err := d.Fill(); err != nil {
		t.Fatal(err)
	}
	if err := write(); err == nil {
		t.Error("a full disk took a file")
	}
	if err := d.Free(); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Error(err)
	}
}
