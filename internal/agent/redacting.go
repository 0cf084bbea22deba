package agent

import (
	"context"

	"tandem/compose"
	"tandem/internal/secrets"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// redactingStacks is the client of Docker and Compose for the reconciler: what it says has
// no secret in it. Both get the values, so a message of either could repeat one, and
// so could what a container prints. From here on no text has to be looked at again:
// the memory, the status, the events and all that is made of them are clean.
type redactingStacks struct {
	stacks *compose.Client
	hide   *secrets.Redactor
}

var (
	_ reconciler.Resolver    = redactingStacks{}
	_ reconciler.Stacks      = redactingStacks{}
	_ reconciler.Examiner    = redactingStacks{}
	_ reconciler.Singletons  = redactingStacks{}
	_ reconciler.Migrator    = redactingStacks{}
	_ reconciler.StatsReader = redactingStacks{}

	_ reconciler.SharedServices = redactingStacks{}
	_ reconciler.Pruner         = redactingStacks{}
)

// Resolve implements reconciler.Resolver.
func (d redactingStacks) Resolve(ctx context.Context, app deploy.App) (deploy.Release, error) {
	r, err := d.stacks.Resolve(ctx, app)
	return r, d.hide.Error(err)
}

// Observe implements reconciler.Stacks.
func (d redactingStacks) Observe(ctx context.Context, app deploy.App) ([2]deploy.Stack, error) {
	s, err := d.stacks.Observe(ctx, app)
	return s, d.hide.Error(err)
}

// Up implements reconciler.Stacks.
func (d redactingStacks) Up(ctx context.Context, app deploy.App, color deploy.Color, how *deploy.Start) error {
	return d.hide.Error(d.stacks.Up(ctx, app, color, how))
}

// SharedDue implements reconciler.SharedServices.
func (d redactingStacks) SharedDue(ctx context.Context, app deploy.App) (bool, error) {
	due, err := d.stacks.SharedDue(ctx, app)
	return due, d.hide.Error(err)
}

// UpShared implements reconciler.SharedServices.
func (d redactingStacks) UpShared(ctx context.Context, app deploy.App, await func(words string)) error {
	return d.hide.Error(d.stacks.UpShared(ctx, app, await))
}

// LookForImages implements reconciler.Stacks.
func (d redactingStacks) LookForImages(ctx context.Context, app deploy.App) error {
	return d.hide.Error(d.stacks.LookForImages(ctx, app))
}

// Stop implements reconciler.Stacks.
func (d redactingStacks) Stop(ctx context.Context, app deploy.App, color deploy.Color) error {
	return d.hide.Error(d.stacks.Stop(ctx, app, color))
}

// Health implements reconciler.Examiner.
func (d redactingStacks) Health(ctx context.Context, c deploy.Container) error {
	return d.hide.Error(d.stacks.Health(ctx, c))
}

// Logs implements reconciler.Examiner.
func (d redactingStacks) Logs(ctx context.Context, c deploy.Container, n int) (string, error) {
	text, err := d.stacks.Logs(ctx, c, n)
	return d.hide.Hide(text), d.hide.Error(err)
}

// StopSingletons implements reconciler.Singletons.
func (d redactingStacks) StopSingletons(ctx context.Context, app deploy.App, color deploy.Color) error {
	return d.hide.Error(d.stacks.StopSingletons(ctx, app, color))
}

// StartSingletons implements reconciler.Singletons.
func (d redactingStacks) StartSingletons(ctx context.Context, app deploy.App, color deploy.Color) error {
	return d.hide.Error(d.stacks.StartSingletons(ctx, app, color))
}

// Migrate implements reconciler.Migrator.
func (d redactingStacks) Migrate(ctx context.Context, app deploy.App, color deploy.Color, kind deploy.MigrationKind) error {
	return d.hide.Error(d.stacks.Migrate(ctx, app, color, kind))
}

// Forget implements reconciler.Migrator.
func (d redactingStacks) Forget(ctx context.Context, app deploy.App, kind deploy.MigrationKind) error {
	return d.hide.Error(d.stacks.Forget(ctx, app, kind))
}

// Usage implements reconciler.StatsReader.
func (d redactingStacks) Usage(ctx context.Context, s deploy.Stack) (deploy.Usage, error) {
	u, err := d.stacks.Usage(ctx, s)
	return u, d.hide.Error(err)
}

// Images implements reconciler.Pruner.
func (d redactingStacks) Images(ctx context.Context, s deploy.Stack) ([]deploy.Image, error) {
	images, err := d.stacks.Images(ctx, s)
	return images, d.hide.Error(err)
}

// PruneNetworks implements reconciler.Pruner.
func (d redactingStacks) PruneNetworks(ctx context.Context) (int, error) {
	gone, err := d.stacks.PruneNetworks(ctx)
	return gone, d.hide.Error(err)
}

// RemoveImages implements reconciler.Pruner.
func (d redactingStacks) RemoveImages(ctx context.Context, images []deploy.Image) ([]deploy.Image, error) {
	gone, err := d.stacks.RemoveImages(ctx, images)
	return gone, d.hide.Error(err)
}
