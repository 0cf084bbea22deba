package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tandem/internal/config"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// An agent whose app is as desired says nothing, commits nothing and asks Docker
// nothing: what costs something happens when something happens.
func TestIdle_IsQuiet(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	server := w.overHTTP()
	docker := countingProxy(t, w)
	w.configure(func(c *config.Config) { c.Docker.Host = "unix://" + docker.path })
	w.build("1.0.0")
	w.start()
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(commit, "1.0.0", deploy.Blue)
	tb.Until(t, patience, "the last word about the deploy", func() error {
		was := w.lines.Load() + docker.calls.Load()
		w.polls(server)
		if now := w.lines.Load() + docker.calls.Load(); now != was {
			return fmt.Errorf("%d lines and calls, a moment ago %d", now, was)
		}
		return nil
	})

	head := w.git("ls-remote", "origin")
	said, asked := w.lines.Load(), docker.calls.Load()
	w.polls(server)
	w.polls(server)
	if now := w.lines.Load(); now != said {
		t.Errorf("%d log lines", now-said)
	}
	if now := docker.calls.Load(); now != asked {
		t.Errorf("%d calls of Docker: %s", now-asked, docker.last.Load())
	}
	if now := w.git("ls-remote", "origin"); now != head {
		t.Errorf("the repository changed:\n%s\nwas\n%s", now, head)
	}
}

// dockerProxy stands between the agent and Docker's socket and counts requests.
type dockerProxy struct {
	path  string
	calls atomic.Int64
	last  atomic.Value
}

func countingProxy(t *testing.T, w *world) *dockerProxy {
	t.Helper()
	d := &dockerProxy{path: filepath.Join(w.Dir, "docker.sock")}
	d.last.Store("")
	l, err := net.Listen("unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(c)
		}
	}()
	return d
}

// serve passes bytes both ways and counts the request lines that go by.
func (d *dockerProxy) serve(agent net.Conn) {
	defer func() { _ = agent.Close() }()
	engine, err := net.Dial("unix", "/var/run/docker.sock")
	if err != nil {
		return
	}
	defer func() { _ = engine.Close() }()
	go func() {
		_, _ = io.Copy(agent, engine)
		_ = agent.Close()
	}()
	r := bufio.NewReader(io.TeeReader(agent, engine))
	for {
		line, err := r.ReadString('\n')
		if strings.Contains(line, " HTTP/1.1\r\n") {
			d.calls.Add(1)
			d.last.Store(strings.TrimSpace(line))
		}
		if err != nil {
			return
		}
	}
}

// healthz returns the status line of the agent's /healthz.
func (w *world) healthz() string {
	res, err := http.Get("http://" + w.Config().Listen + "/healthz")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	return res.Status
}

// expect returns an error unless one of the parts is in got.
func expect(got string, parts ...string) error {
	for _, part := range parts {
		if strings.Contains(got, part) {
			return nil
		}
	}
	return fmt.Errorf("got %q, want one of %q in it", got, parts)
}
