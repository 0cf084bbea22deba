package compose

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"

	"tandem/reconciler"
)

// awaitShared waits for what the shared stack just started: a migration that
// finds its database still starting would fail, and the release with it, although
// nothing is wrong with either. The health commands are run at once, because the
// engine runs each for the first time only after a whole interval.
func (c *Client) awaitShared(ctx context.Context, app reconciler.App) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		ready, err := c.sharedReady(ctx, app)
		if ready || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// sharedReady tells whether every service of the shared stack that says what
// healthy is, is so. One that the engine has given up is an error: a migration
// must not be blamed for it.
func (c *Client) sharedReady(ctx context.Context, app reconciler.App) (bool, error) {
	all, err := c.containers(ctx, app.SharedProject())
	if err != nil {
		return false, err
	}
	for _, o := range all {
		switch {
		case o.health == container.Unhealthy:
			return false, &reconciler.TemporaryError{Reason: reconciler.Failed, Err: fmt.Errorf(
				"migrate %s: %s of the shared stack is unhealthy, and no migration starts before it is mended", app.Name, o.Service)}
		case o.health == container.Starting && c.Health(ctx, o.Container) != nil:
			return false, ctx.Err()
		}
	}
	return true, nil
}
