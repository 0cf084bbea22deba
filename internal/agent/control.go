package agent

import (
	"context"
	"maps"
	"slices"

	"tandem/internal/api"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// control is the agent as its HTTP interface sees it.
type control struct{ a *Agent }

var _ api.Control = control{}

// Statuses implements api.Control.
func (c control) Statuses() []deploy.Status { return c.a.apps.statuses() }

// Retry implements api.Control.
func (c control) Retry(_ context.Context, app string) error {
	return c.tell(app, (*reconciler.Runner).Retry)
}

// Pause implements api.Control.
func (c control) Pause(_ context.Context, app string) error {
	return c.tell(app, (*reconciler.Runner).Pause)
}

// Resume implements api.Control.
func (c control) Resume(_ context.Context, app string) error {
	return c.tell(app, (*reconciler.Runner).Resume)
}

// Remove implements api.Control.
func (c control) Remove(ctx context.Context, app string) ([]string, error) {
	done, err := c.a.remove(ctx, app)
	return done, c.a.vault.Redactor.Error(err)
}

// Wake implements api.Control.
func (c control) Wake() {
	select {
	case c.a.poll.wake <- struct{}{}:
	default:
	}
}

// Ready implements api.Control.
func (c control) Ready() error {
	if err := c.a.poll.ready(); err != nil {
		return err
	}
	return c.a.apps.ready()
}

// Healthy implements api.Control.
func (c control) Healthy() error { return c.a.poll.lastError() }

func (c control) tell(app string, f func(*reconciler.Runner)) error {
	r, ok := c.a.apps.find(app)
	if !ok {
		return &api.UnknownAppError{App: app, Known: c.a.apps.named()}
	}
	f(r)
	return nil
}

// named lists the apps, sorted.
func (a *apps) named() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.runners))
}
