package nginx

import (
	"context"
	"fmt"

	"tandem/reconciler/deploy"
)

// Spares tells whether there can be a spare at all: it takes a flag that each
// request looks for, and a group of upstreams. Before the first Prepare nobody
// knows the version of an Nginx in a container, and the answer is no.
func (p *Proxy) Spares() bool { return p.mode == SwitchFlip && !p.spareless.Load() }

// Armed asks the running Nginx whether the standby is a spare now.
func (p *Proxy) Armed(ctx context.Context, app deploy.App) (bool, error) {
	v, err := p.look(ctx)
	if err != nil {
		return false, err
	}
	a, err := p.ask(ctx, v, app.Name)
	return a.spare, err
}

// Arm makes the standby a spare, or ends that, for the very next request. Like
// Confirm it gives up when ctx ends, or after five seconds.
func (p *Proxy) Arm(ctx context.Context, app deploy.App, on bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if policy := app.Standby.Spare; on && (!p.Spares() || policy != deploy.SpareIdempotent && policy != deploy.SpareAll) {
		return fmt.Errorf("arm spare of %s: there can be none (nginx.switch is %s, standby.spare is %q)", app.Name, p.mode, policy)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	v, err := p.look(ctx)
	if err != nil {
		return err
	}
	if err := p.raise(spareName(app.Name), on); err != nil {
		return fmt.Errorf("arm spare of %s: %w", app.Name, err)
	}
	return p.await(ctx, v, app.Name, afterFlip, func(a answer) bool { return a.spare == on })
}

// dropSpare removes the flag where the files know none: else it would make a
// spare, unasked, of whatever the standby is on the day on which they do again.
func (p *Proxy) dropSpare(app string, w work) error {
	if w.sparing {
		return nil
	}
	if err := p.raise(spareName(app), false); err != nil {
		return fmt.Errorf("drop spare of %s: %w", app, err)
	}
	return nil
}
