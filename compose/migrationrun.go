package compose

import (
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	moby "github.com/moby/moby/client"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

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
	return c.run(ctx, app, color, kind, files.Migrations[kind][color])
}

// run starts the one service of p. Compose's own "run" will not do: it takes the
// signals of the whole process for itself.
func (c *Client) run(ctx context.Context, app deploy.App, color deploy.Color, kind deploy.MigrationKind, p *types.Project) error {
	p, err := withColorNames(p)
	if err != nil {
		return err
	}
	digests, err := c.pull(ctx, p, honourPolicy)
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
	made, _ := c.turns.LoadOrStore(app, make(chan struct{}, 1))
	token, _ := made.(chan struct{})
	select {
	case token <- struct{}{}:
		return func() { <-token }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
