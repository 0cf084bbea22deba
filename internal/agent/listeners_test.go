package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/metrics"
	"tandem/internal/notify"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// hole is a receiver that accepts connections and never says a word.
func hole(t *testing.T) (address string, entered <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	t.Cleanup(func() { _ = l.Close() }) // the connections end with the process
	return l.Addr().String(), conns
}

func TestEmit_ReturnsAtOnceWhileANotifierHangs(t *testing.T) {
	address, entered := hole(t)
	state := t.TempDir()
	urls := filepath.Join(state, "urls")
	if err := os.WriteFile(urls, []byte("generic+http://"+address), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	b := &branch{}
	a := &Agent{notifier: notify.New(notify.Options{File: urls, State: state, Log: log}), metrics: metrics.New(), apps: reader()}
	a.publisher = newPublisher(b, func(app string) string { return app }, a.metrics.Published, log)
	a.listeners = []listener{newEventLog(log), a.notifier, a.publisher, a.metrics}
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { defer close(done); a.notifier.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })

	tell := func(i int) {
		s := deploy.Status{App: "shop", Phase: deploy.PhaseDegraded, Message: strings.Repeat("x", i%10), History: []deploy.Entry{{Tag: fmt.Sprint(i)}}}
		a.emit(deploy.Event{Time: time.Now(), App: "shop", Kind: deploy.StatusChanged, Status: &s})
	}
	tell(0)
	<-entered // the receiver has the request, and will never answer it
	for i := range 5000 {
		tell(i)
	}
	// All of it came through to those who do not hang; the one who does, still hangs.
	if err := a.publisher.flush(ctx); err != nil {
		t.Fatal(err)
	}
	if _, pushes := b.seen(); len(pushes) != 1 || !strings.Contains(string(pushes[0]["shop"]), `tag: "4999"`) {
		t.Errorf("want the newest status published, got %v", pushes)
	}
	if got := ask(t, a.metrics.Handler()); !strings.Contains(got, `tandem_phase{app="shop",phase="Degraded"} 1`) {
		t.Errorf("want the phase in the metrics, got:\n%s", got)
	}
}

func ask(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// idle is a runner that has ended already.
func idle(name string) *running {
	done := make(chan struct{})
	close(done)
	return &running{stop: func() {}, done: done, Runner: reconciler.NewRunner(reconciler.Options{
		Name: name, Now: time.Now, Clock: readClock,
		Save: func(deploy.Memory) error { return nil }, Emit: func(deploy.Event) {},
	})}
}

func TestForget_AnAppThatLeavesTheRepositoryLeavesTheMetrics(t *testing.T) {
	a := &Agent{metrics: metrics.New()}
	a.listeners = []listener{a.metrics}
	a.apps = newApps(nil, a.forget, slog.New(slog.DiscardHandler))
	a.apps.runners["shop"] = idle("shop")
	a.emit(deploy.Event{App: "shop", Kind: deploy.Repaired})
	if got := ask(t, a.metrics.Handler()); !strings.Contains(got, `tandem_repairs_total{app="shop"} 1`) {
		t.Fatalf("want the repair counted:\n%s", got)
	}
	a.apps.offer(t.Context(), deploy.Revision{})
	if got := ask(t, a.metrics.Handler()); strings.Contains(got, `"shop"`) {
		t.Errorf("want nothing of the app that is gone:\n%s", got)
	}
}

// remote is a repository that can be away; without apps, unless a test says otherwise.
type remote struct {
	revision deploy.Revision
	away     error
}

func (r *remote) Poll(ctx context.Context) (deploy.Revision, error) {
	rev := r.revision
	rev.Files = slices.Clone(rev.Files)
	for i := range rev.Files {
		rev.Files[i].Data = bytes.Clone(rev.Files[i].Data)
	}
	return rev, cmp.Or(ctx.Err(), r.away)
}

func TestPoll_IsCalmOnceWhenWhatHappenedIsOver(t *testing.T) {
	idle := 0
	git := &remote{revision: deploy.Revision{Commit: deploy.Commit{Hash: "c0ffee"}}}
	p := newPoll(git, nil, slog.New(slog.DiscardHandler))
	p.after, p.offer, p.idle = func() {}, func(deploy.Revision) {}, func() { idle++ }
	looks := 0
	want := func(times int) {
		t.Helper()
		looks++
		if p.fetch(t.Context()); idle != times {
			t.Errorf("after look %d: calm %d times, want %d", looks, idle, times)
		}
	}
	want(0) // it is handed over
	for range 3 {
		p.Handle(deploy.Event{}) // and its apps say how they are
		want(0)
	}
	want(1)
	want(1)
	p.Handle(deploy.Event{})
	want(1)
	want(2)
}

func TestReady_OnceTheRepositoryWasReadAndEveryAppLookedAt(t *testing.T) {
	git := &remote{revision: deploy.Revision{Commit: deploy.Commit{Hash: "c0ffee"}}, away: errors.New("connection refused")}
	a := &Agent{apps: reader()}
	a.poll = newPoll(git, nil, slog.New(slog.DiscardHandler))
	a.poll.after = func() {}
	a.poll.offer = func(deploy.Revision) { a.apps.runners["shop"] = idle("shop") }
	want := func(text string) {
		t.Helper()
		err := control{a}.Ready()
		if got := fmt.Sprint(err); got != text {
			t.Errorf("ready: %s, want %s", got, text)
		}
	}
	want("the repository has not been read yet: the first look is not over")
	a.poll.fetch(t.Context())
	want("the repository has not been read yet: connection refused")
	git.away = nil
	a.poll.fetch(t.Context())
	want("not looked at yet: shop")
	r := a.apps.runners["shop"] // its first pass finds files that are wrong, which needs no Docker
	r.Offer(reconciler.Desired{File: broken("shop"), Err: deploy.Faults{{Text: "colour: unknown key"}}})
	r.Once(t.Context())
	want("<nil>")
	git.away = errors.New("away again")
	a.poll.fetch(t.Context())
	want("<nil>") // that is for /healthz
}
