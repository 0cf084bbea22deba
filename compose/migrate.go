package compose

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	moby "github.com/moby/moby/client"

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

// migrationRuns returns the containers of all migrations of the app.
func (c *Client) migrationRuns(ctx context.Context, app deploy.App) ([]observed, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	list, err := c.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", project.LabelApp+"="+app.Name), filters.Arg("label", project.LabelMigration),
	)})
	if err != nil {
		return nil, engineError(ctx, "list the migrations of "+app.Name, err)
	}
	return c.inspect(ctx, list)
}

// begin creates and starts the run, unless another call did meanwhile. What is
// left of a run that was never started is thrown away: it may be half made.
func (c *Client) begin(ctx context.Context, app deploy.App, color deploy.Color, kind deploy.MigrationKind) error {
	end, err := c.turn(ctx, app.Name)
	if err != nil {
		return err
	}
	defer end()
	mine, other, err := c.runs(ctx, app, kind)
	if err != nil || other != nil || (mine != nil && (isAlive(mine.Container) || (mine.ended() && !c.lostWithHost(*mine)))) {
		return err
	}
	files, err := c.resolveRelease(ctx, app)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", app.Name, err)
	}
	if err := c.rejectOccupied(ctx, app, files, files.Migrations[kind][color]); err != nil {
		return err
	}
	if files.Shared != nil {
		await := func(words string) { c.log.Info("migration "+words, "app", app.Name, "kind", kind) }
		if err := c.upShared(ctx, app, files, await); err != nil {
			return err
		}
	}
	if mine != nil {
		if err := c.removeEnded(ctx, *mine); err != nil {
			return err
		}
	}
	return c.run(ctx, app, color, kind, files)
}

// run starts the one service of a migration. Compose's own "run" will not do: it takes the
// signals of the whole process for itself.
func (c *Client) run(ctx context.Context, app deploy.App, color deploy.Color, kind deploy.MigrationKind, files *project.Resolution) error {
	p, err := withColorNames(files.Migrations[kind][color])
	if err != nil {
		return err
	}
	digests, err := c.acquire(ctx, app, files, p, honourPolicy, nil)
	if err != nil {
		return err
	}
	name := app.Migrations.Of(kind)
	labelMigration(p, app, color, kind, digests)
	if err := c.keepNetworks(ctx, p); err != nil {
		return err
	}
	if err := c.create(ctx, app, p, createMissing()); err != nil {
		return err
	}
	created, err := c.engine.ContainerInspect(ctx, p.Services[name].ContainerName)
	if err != nil {
		return engineError(ctx, "inspect the migration "+name, err)
	}
	if err := c.inject(ctx, p, p.Services[name], created.ID); err != nil {
		return err
	}
	c.log.Info("migration starts", "app", app.Name, "kind", kind, "service", name, "tag", app.Tag)
	if _, err := c.guarded(app, p.Name).ContainerStart(ctx, created.ID, moby.ContainerStartOptions{}); err != nil {
		return c.rejection(ctx, p, "migrate", err)
	}
	return nil
}

// labelMigration makes the container known as this run, and as no part of the
// stack, to Compose and to Observe. Its name makes sure that there is one.
func labelMigration(p *types.Project, app deploy.App, color deploy.Color, kind deploy.MigrationKind, digests map[string]string) {
	label(p, app, string(color), nil, func(service string) map[string]string {
		return map[string]string{
			project.LabelRelease: app.Release.Text(), project.LabelMigration: string(kind),
			project.LabelImage: digests[p.Services[service].Image], api.OneoffLabel: "True",
		}
	})
	for name, s := range p.Services {
		s.ContainerName = fmt.Sprintf("%s-%s-%.12s", app.Name, kind, app.Release.Hash)
		p.Services[name] = s
	}
}

// turn waits until nobody else begins a migration of the app: between a look at
// what is there and the start of what is not, nothing else may be started.
func (c *Client) turn(ctx context.Context, app string) (end func(), err error) {
	made, _ := c.migrationTurns.LoadOrStore(app, make(chan struct{}, 1))
	token, _ := made.(chan struct{})
	select {
	case token <- struct{}{}:
		return func() { <-token }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// lostWithHost tells whether this host was restarted while the container ran, so
// that how it ended says nothing. An engine elsewhere is never taken for lost.
func (c *Client) lostWithHost(o observed) bool {
	if !c.local() || o.ExitCode == 0 {
		return false
	}
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return false // not certain
	}
	return spans(o, bootTime(data))
}

// spans tells whether the container was started before the host, and found to
// have ended after: the engine writes down when it came to know of it.
func spans(o observed, boot time.Time) bool {
	return !boot.IsZero() && o.StartedAt.Before(boot) && o.finished.After(boot)
}

// bootTime reads when the kernel was started, zero if that does not stand there.
func bootTime(stat []byte) time.Time {
	lines := bufio.NewScanner(bytes.NewReader(stat))
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "btime "); ok {
			if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
				return time.Unix(seconds, 0)
			}
		}
	}
	return time.Time{}
}
