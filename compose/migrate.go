package compose

import (
	"context"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// Migrate runs a migration of app.Release to its end, in the networks of that
// color's stack, which it creates if they do not exist yet: the expand migration
// comes before Up. It makes the shared stack what its file says first, and
// waits until that is ready.
//
// Any other migration of the app is waited for. A run of the same kind for the
// same release is taken over: one that goes on is waited for, and one that has
// ended is not begun again before Forget. So a killed agent runs nothing twice.
// When ctx ends, the run goes on, and the next call takes it over.
//
// A run that ended with another code than 0 is a *deploy.RejectError with
// what it wrote last. That includes one that was killed with its engine, which
// cannot be told from one that somebody killed; only where this host was
// restarted under it is that certain, and then it runs once more.
func (c *Client) Migrate(ctx context.Context, app deploy.App, color deploy.Color, kind deploy.MigrationKind) error {
	if app.Release.IsZero() || !color.Valid() || app.Migrations.Of(kind) == "" {
		return fmt.Errorf("migrate %s: want a resolved release, a color and a migration, got %q, %q and %q", app.Name, app.Release, color, kind)
	}
	for {
		mine, other, err := c.runs(ctx, app, kind)
		switch {
		case err != nil:
		case mine != nil && isAlive(mine.Container):
			err = c.awaitEnd(ctx, *mine)
		case mine != nil && mine.ended() && !c.lostWithHost(*mine):
			return c.verdict(ctx, *mine, kind)
		case other != nil:
			c.log.Info("waiting for another migration", "app", app.Name, "container", other.Name)
			err = c.awaitEnd(ctx, *other)
		default:
			err = c.begin(ctx, app, color, kind)
		}
		if err != nil {
			return err
		}
	}
}

// runs looks for this run, nil if there is none, and for any other that goes on.
func (c *Client) runs(ctx context.Context, app deploy.App, kind deploy.MigrationKind) (mine, other *observed, err error) {
	all, err := c.migrationRuns(ctx, app)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range all {
		switch {
		case o.labels[project.LabelMigration] == string(kind) && o.labels[project.LabelRelease] == app.Release.Text():
			mine = &o
		case isAlive(o.Container):
			other = &o
		}
	}
	return mine, other, nil
}

// ended tells whether the container ran and will not go on. One that was only
// created has never run: the caller was killed, or it cannot be started.
func (o *observed) ended() bool { return o.State != "created" && !isAlive(o.Container) }

// awaitEnd returns when the container does not run any more.
func (c *Client) awaitEnd(ctx context.Context, o observed) error {
	ends, errs := c.engine.ContainerWait(ctx, o.ID, container.WaitConditionNotRunning)
	select {
	case <-ends:
		return ctx.Err()
	case err := <-errs:
		if cerrdefs.IsNotFound(err) {
			return nil
		}
		return engineError(ctx, "wait for "+o.Name, err)
	}
}

// verdict says how a run ended.
func (c *Client) verdict(ctx context.Context, o observed, kind deploy.MigrationKind) error {
	if o.ExitCode == 0 {
		c.log.Info("migration ended well", "container", o.Name, "kind", kind, "took", o.finished.Sub(o.StartedAt).Round(time.Millisecond))
		return nil
	}
	logs, err := c.Logs(ctx, o.Container, logLines)
	if err != nil {
		return err
	}
	return &deploy.RejectError{Reason: deploy.MigrationFailed, Logs: logs, Detail: fmt.Sprintf(
		"the %s migration %s ended with exit code %d", kind, o.Service, o.ExitCode)}
}

// Forget removes the containers of finished runs of that kind, of whatever
// release, so that the next Migrate begins anew. One that runs stays.
func (c *Client) Forget(ctx context.Context, app deploy.App, kind deploy.MigrationKind) error {
	all, err := c.migrationRuns(ctx, app)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.labels[project.LabelMigration] == string(kind) && !isAlive(o.Container) {
			if err := c.removeEnded(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeEnded removes a container that does not run. Where it does run by now,
// it stays, and that is no error.
func (c *Client) removeEnded(ctx context.Context, o observed) error {
	err := c.engine.ContainerRemove(ctx, o.ID, container.RemoveOptions{})
	if cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err) {
		return nil
	}
	return engineError(ctx, "remove container "+o.Name, err)
}
