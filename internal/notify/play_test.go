package notify

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

// phone is a fake sender, for a bubble in which time is free: what is really sent
// is tested in shoutrrr_test.go.
type phone struct {
	mu    sync.Mutex
	calls []string            // "url: title", each attempt
	had   map[string][]string // url -> titles that arrived
	fails map[string]error
	hangs map[string]chan struct{} // until it is closed
	dead  func() bool              // of a process that is killed nothing arrives
}

func newPhone() *phone {
	return &phone{had: map[string][]string{}, fails: map[string]error{}, hangs: map[string]chan struct{}{}, dead: func() bool { return false }}
}

func (p *phone) send(url string, m Message) error {
	if p.dead() {
		return errors.New("killed")
	}
	p.mu.Lock()
	p.calls = append(p.calls, url+": "+m.Title)
	hang, err := p.hangs[url], p.fails[url]
	p.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if err == nil {
		p.mu.Lock()
		p.had[url] = append(p.had[url], m.Title)
		p.mu.Unlock()
	}
	return err
}

func (p *phone) fail(url string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails[url] = err
}

func (p *phone) titles(url string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.had[url])
}

func (p *phone) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

// desk is a Notifier at work, and what is around it.
type desk struct {
	*Notifier
	t     *testing.T
	phone *phone
	log   *bytes.Buffer
	dir   string
}

// play runs a notifier in a bubble in which time is free, for receivers of these
// addresses.
func play(t *testing.T, urls string, f func(d *desk)) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "urls"), []byte(urls), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { playIn(t, dir, newPhone(), f) })
}

// playIn is one life of an agent in the directory.
func playIn(t *testing.T, dir string, p *phone, f func(d *desk)) {
	t.Helper()
	d := &desk{t: t, phone: p, log: &bytes.Buffer{}, dir: dir}
	d.Notifier = newNotifier(Options{
		File: filepath.Join(dir, "urls"), State: dir, Host: "vps-1",
		Log: slog.New(slog.NewTextHandler(d.log, nil)),
	}, p.send, func(url string) error {
		if url == "bad://secret" {
			return errors.New("is no address")
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	f(d)
	cancel()
	<-done
}

// pass lets time go by, and everything happen that happens in it.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// want compares what arrived at a receiver since the start.
func (d *desk) want(url string, titles ...string) {
	d.t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(titles, d.phone.titles(url)); diff != "" {
		d.t.Errorf("%s was told (-want +got):\n%s", url, diff)
	}
}

// status lets the app have a status.
func (d *desk) status(phase deploy.Phase, reason deploy.Reason, message, live string) {
	s := deploy.Status{
		App: "shop", Phase: phase, Reason: reason, Message: message,
		Desired: deploy.StatusDesired{Commit: "c0ffee00c0ffee00"},
		Live:    &deploy.StatusLive{Tag: live, Color: deploy.Blue, Since: time.Now()},
	}
	d.Handle(deploy.Event{Time: time.Now(), App: "shop", Kind: deploy.StatusChanged, Status: &s})
	synctest.Wait()
}

func (d *desk) rejects(tag string, reason deploy.Reason, message string) {
	d.Handle(deploy.Event{
		Time: time.Now(), App: "shop", Kind: deploy.Rejecting, Commit: "c0ffee00c0ffee00", Reason: reason, Message: message,
		Step: deploy.Step{Action: deploy.Watch, Color: deploy.Green, Release: deploy.Release{Tag: tag}},
	})
}

func (d *desk) ends(tag string, result deploy.Result, reason deploy.Reason) {
	d.Handle(deploy.Event{Time: time.Now(), App: "shop", Kind: deploy.DeployEnded, Entry: &deploy.Entry{
		Commit: "c0ffee00c0ffee00", Tag: tag, Color: deploy.Green, Result: result, Reason: reason,
	}})
}
