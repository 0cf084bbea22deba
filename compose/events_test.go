package compose_test

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tandem/compose"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

func TestEvents_WakeTheAppWhoseContainerDies(t *testing.T) {
	b := deployed(t, "events")
	names := b.client.Events(t.Context())
	b.kill(b.instance(deploy.Blue, "worker"))
	expect(t, names, b.app.Name)
	drained(t, names)
	if err := b.engine.RemoveContainer(t.Context(), b.instance(deploy.Blue, "api").ID); err != nil {
		t.Fatal(err)
	}
	expect(t, names, b.app.Name)
}

func TestEvents_ComeBackWithADaemonThatWasAway(t *testing.T) {
	b := deployed(t, "reconnect")
	gate := newGate(t)
	client := newClient(t, compose.Options{ConfigDir: b.config, Host: "unix://" + gate.path})
	names := client.Events(t.Context())
	tb.Until(t, patience, "the first connection", gate.used)
	b.kill(b.instance(deploy.Blue, "worker"))
	expect(t, names, b.app.Name) // the stream is open
	gate.close()
	if _, err := client.Observe(t.Context(), b.app); err == nil {
		t.Error("observed through a closed connection")
	}
	gate.open()
	expect(t, names, compose.EveryApp)
	b.up(deploy.Blue)
	expect(t, names, b.app.Name)
	stacks, err := client.Observe(t.Context(), b.app)
	if err != nil || stacks[0].EngineLost != 1 || stacks[1].EngineLost != 1 {
		t.Errorf("the engine was lost %d and %d times, %v; want once", stacks[0].EngineLost, stacks[1].EngineLost, err)
	}
}

// expect waits until name comes; other tests' apps may come too.
func expect(t *testing.T, names <-chan string, name string) {
	t.Helper()
	timeout := time.After(60 * time.Second)
	for {
		select {
		case got, ok := <-names:
			if !ok {
				t.Fatal("the events are over")
			}
			if got == name {
				return
			}
		case <-timeout:
			t.Fatalf("%q did not come", name)
		}
	}
}

// drained takes what is waiting.
func drained(t *testing.T, names <-chan string) {
	t.Helper()
	for {
		select {
		case <-names:
		default:
			return
		}
	}
}

// gate passes connections on to Docker's socket, until it is closed.
type gate struct {
	t        *testing.T
	path     string
	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{t: t, path: filepath.Join(t.TempDir(), "docker.sock")}
	g.open()
	t.Cleanup(g.close)
	return g
}

func (g *gate) open() {
	g.t.Helper()
	l, err := net.Listen("unix", g.path)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	g.listener = l
	g.mu.Unlock()
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", "/var/run/docker.sock")
			if err != nil {
				return
			}
			g.mu.Lock()
			g.conns = append(g.conns, near, far)
			g.mu.Unlock()
			// Both ends are closed by the gate, so a copy that fails needs no word.
			go func() { _, _ = io.Copy(near, far) }()
			go func() { _, _ = io.Copy(far, near) }()
		}
	}()
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.listener.Close() // it may be closed already
	for _, c := range g.conns {
		_ = c.Close() // the same
	}
	g.conns = nil
}

func (g *gate) used() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.conns) == 0 {
		return errors.New("nobody came")
	}
	return nil
}
