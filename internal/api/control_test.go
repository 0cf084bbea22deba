package api

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"tandem/reconciler/deploy"
)

// desk is a Control that writes down what it was asked to do.
type desk struct {
	statuses []deploy.Status
	healthy  error
	ready    error
	fails    error // what every action returns

	mu   sync.Mutex
	done []string
}

func (d *desk) Statuses() []deploy.Status { return slices.Clone(d.statuses) }
func (d *desk) Healthy() error            { return d.healthy }
func (d *desk) Ready() error              { return d.ready }
func (d *desk) Wake()                     { d.note("wake") }

func (d *desk) Retry(_ context.Context, app string) error { return d.act("retry", app) }
func (d *desk) Remove(_ context.Context, app string) ([]string, error) {
	d.note("remove " + app)
	return []string{"removed the stack " + app + "-blue"}, d.fails
}

func (d *desk) Pause(_ context.Context, app string) error  { return d.act("pause", app) }
func (d *desk) Resume(_ context.Context, app string) error { return d.act("resume", app) }

func (d *desk) act(verb, app string) error {
	if _, err := Find(d.statuses, app); err != nil {
		return err
	}
	if d.fails != nil {
		return d.fails
	}
	d.note(verb + " " + app)
	return nil
}

func (d *desk) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, what)
}

func (d *desk) asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.done)
}

func shopAndBlog() []deploy.Status {
	return []deploy.Status{
		{App: "blog", Phase: deploy.PhaseLive, Reason: deploy.UpToDate},
		{App: "shop", Phase: deploy.PhaseHeld, Reason: deploy.Held, Message: "1.4.3 never answered\nlast line"},
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// serve starts a real server on a free loopback port.
func serve(t testing.TB, o Options) *Server {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	if o.Log == nil {
		o.Log = quiet()
	}
	s := NewServer(o)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return s
}
