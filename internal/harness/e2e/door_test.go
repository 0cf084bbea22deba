package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// private is a program of this host that nobody outside should reach. It counts the
// requests that reach it, the agent's among them.
type private struct {
	port   int
	asked  atomic.Int64
	server *http.Server
}

// newPrivate listens on the host's address, at a port of its own choice where port is 0.
func newPrivate(t *testing.T, host string, port int) *private {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		t.Fatal(err)
	}
	p := &private{port: l.Addr().(*net.TCPAddr).Port}
	p.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		_, _ = io.WriteString(w, "PRIVATE") // whoever asks sees what is missing
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.server.Serve(l) // it ends with Close
	}()
	t.Cleanup(func() {
		p.close(t)
		<-done
	})
	return p
}

func (p *private) close(t *testing.T) {
	t.Helper()
	if err := p.server.Close(); err != nil {
		t.Error(err)
	}
}

// taken waits until the commit's status names a port that something else holds.
func (w *world) taken(commit string, words ...string) deploy.Status {
	w.t.Helper()
	return w.until("PortTaken", func(s deploy.Status) error {
		if s.Desired.Commit != commit || s.Reason != deploy.PortTaken {
			return fmt.Errorf("%s at commit %s: %s", s.Reason, s.Desired.Commit, s.Message)
		}
		for _, word := range words {
			if !strings.Contains(s.Message, word) {
				return fmt.Errorf("the message does not say %q: %s", word, s.Message)
			}
		}
		return nil
	})
}

// wantClosed asks as people do, several times over connections of their own.
func (w *world) wantClosed(p *private) {
	w.t.Helper()
	for range 10 {
		res, err := http.Get(w.URL() + "/")
		if err != nil {
			w.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if closing := res.Body.Close(); err != nil || closing != nil {
			w.t.Fatal(err, closing)
		}
		if res.StatusCode != http.StatusBadGateway || strings.Contains(string(body), "PRIVATE") {
			w.t.Errorf("people got %s: %s", res.Status, body)
		}
	}
	if n := p.asked.Load(); n > 0 {
		w.t.Errorf("%d requests reached the program that nobody is to reach", n)
	}
}

// Before anything was deployed, and then while something is live: no commit makes the
// site a door to what else listens on this host.
func TestDoor_NoCommitLeadsPeopleToAnotherProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	w.build("1.0.0")
	w.build("1.1.0")
	good := w.Ports
	first := true
	for _, c := range []struct {
		name, host  string
		blue, green bool
		color       string
	}{
		{"blue's port, a program on loopback", "127.0.0.1", true, false, "blue"},
		{"green's port", "127.0.0.1", false, true, "green"},
		{"a program on all addresses", "0.0.0.0", true, false, "blue"},
		{"a program on all addresses of IPv6", "::", true, false, "blue"},
	} {
		p := newPrivate(t, c.host, 0)
		w.Ports = good
		words := []string{fmt.Sprintf("port %d of route api", p.port), "held by"}
		if c.blue {
			w.Ports.APIBlue, words = p.port, append(words, "in blue")
		}
		if c.green {
			w.Ports.APIGreen, words = p.port, append(words, "in green")
		}
		commit := w.push(stage.Desired{Tag: "1.0.0", Color: c.color})
		if first {
			w.addSite()
			first = false
		}
		w.taken(commit, words...)
		w.wantClosed(p)
		if n := len(w.inspect()); n > 0 {
			t.Errorf("%s: %d containers were made", c.name, n)
		}
	}
	w.Ports = good
	w.live(w.push(stage.Desired{Tag: "1.0.0", Color: "blue"}), "1.0.0", deploy.Blue)

	traffic := w.traffic()
	for _, live := range []bool{false, true} {
		p := newPrivate(t, "127.0.0.1", 0)
		w.Ports = good
		if w.Ports.APIGreen = p.port; live {
			w.Ports.APIGreen, w.Ports.APIBlue = good.APIGreen, p.port
		}
		before := w.containers()
		w.taken(w.push(stage.Desired{Tag: "1.1.0"}), fmt.Sprintf("port %d", p.port))
		if after := w.containers(); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("containers were %v and are %v", before, after)
		}
		if n := p.asked.Load(); n > 0 {
			t.Errorf("%d requests reached the other program", n)
		}
	}
	for a := range w.unharmed(traffic).Answers {
		if a.Tag != "1.0.0" {
			t.Errorf("a request was answered by %+v", a)
		}
	}
	w.Ports = good
	w.live(w.push(stage.Desired{Tag: "1.1.0"}), "1.1.0", deploy.Green)
}

// What takes the port of a live stack that is down answers nobody for long, and the
// stack comes back.
func TestDoor_AProgramInTheLiveStacksPlaceAnswersNobody(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.stop()
	api := w.service("blue", "api")
	if err := w.Engine.Client.ContainerStop(t.Context(), api.ID, container.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	p := newPrivate(t, "127.0.0.1", w.Ports.APIBlue)
	w.start()
	tb.Until(t, patience, "the route to be closed", func() error {
		res, err := http.Get(w.URL() + "/")
		if err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusBadGateway {
			return fmt.Errorf("%s, %v", res.Status, err)
		}
		return nil
	})
	p.asked.Store(0)
	for range 10 {
		if err := w.get("/"); err == nil {
			t.Error("people got an answer")
		}
	}
	if n := p.asked.Load(); n > 0 {
		t.Errorf("%d requests reached the other program", n)
	}
	p.close(t)
	tb.Until(t, patience, "the stack to answer again", func() error { return w.get("/") })
	w.until("live", func(s deploy.Status) error {
		if s.Phase != deploy.PhaseLive {
			return fmt.Errorf("%s: %s", s.Phase, s.Message)
		}
		return nil
	})
}

// The ports are given to Nginx before the first flip. No later deploy reloads it, also
// not the first one into the other color.
func TestDoor_NoDeployReloadsNginxOnceTheAppIsLive(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	workers := func() string {
		all, err := w.Nginx.Workers()
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, p := range all {
			if !strings.Contains(p.Title, "shutting down") {
				ids = append(ids, fmt.Sprint(p.PID))
			}
		}
		return strings.Join(ids, " ")
	}
	before, traffic := workers(), w.traffic()
	for i, color := range []deploy.Color{deploy.Green, deploy.Blue, deploy.Green} {
		tag := fmt.Sprintf("1.%d.0", i+1)
		w.build(tag)
		w.live(w.push(stage.Desired{Tag: tag}), tag, color)
		if i == 0 {
			w.stop()
			w.start() // an agent that starts again closes nothing
		}
	}
	w.unharmed(traffic)
	if after := workers(); after != before {
		t.Errorf("Nginx's workers were %s and are %s", before, after)
	}
}
