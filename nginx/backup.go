package nginx

import (
	"context"
	"fmt"

	"tandem/reconciler/deploy"
)

// SupportsBackup tells whether there can be a backup at all: it takes a flag that each
// request looks for, and a group of upstreams. Before the first Prepare nobody
// knows the version of an Nginx in a container, and the answer is no.
func (p *Proxy) SupportsBackup() bool { return p.mode == SwitchFlip && !p.noBackup.Load() }

// BackupActive asks the running Nginx whether the standby is a backup now.
func (p *Proxy) BackupActive(ctx context.Context, app deploy.App) (bool, error) {
	v, err := p.inspect(ctx)
	if err != nil {
		return false, err
	}
	a, err := p.ask(ctx, v, app.Name)
	return a.backup, err
}

// SetBackup makes the standby a backup, or ends that, for the very next request. Like
// Confirm it gives up when ctx ends, or after five seconds.
func (p *Proxy) SetBackup(ctx context.Context, app deploy.App, on bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if policy := app.Standby.Backup; on && (!p.SupportsBackup() || policy != deploy.BackupIdempotent && policy != deploy.BackupAll) {
		return fmt.Errorf("set backup of %s: there can be none (nginx.switch is %s, standby.backup is %q)", app.Name, p.mode, policy)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	v, err := p.inspect(ctx)
	if err != nil {
		return err
	}
	if err := p.writeFlag(backupName(app.Name), on); err != nil {
		return fmt.Errorf("set backup of %s: %w", app.Name, err)
	}
	return p.await(ctx, v, app.Name, afterFlip, func(a answer) bool { return a.backup == on })
}

// dropBackup removes the flag where the files know none: else it would make a
// backup, unasked, of whatever the standby is on the day on which they do again.
func (p *Proxy) dropBackup(app string, w appDiff) error {
	if w.hasBackup {
		return nil
	}
	if err := p.writeFlag(backupName(app), false); err != nil {
		return fmt.Errorf("drop backup of %s: %w", app, err)
	}
	return nil
}
