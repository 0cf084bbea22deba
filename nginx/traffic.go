package nginx

import (
	"context"
	"errors"
	"time"

	"tandem/reconciler/deploy"
)

// Live asks the running Nginx which color answers. Beside the error of one that does not
// know the app, the color is the one that the app's files would make live.
func (p *Proxy) Live(ctx context.Context, app deploy.App) (deploy.Color, error) {
	v, err := p.inspect(ctx)
	if err != nil {
		return deploy.NoColor, err
	}
	a, asked := p.ask(ctx, v, app.Name)
	color, _, err := p.currentColor(app.Name, a, asked)
	if ctx.Err() != nil || err != nil && asked == nil {
		return deploy.NoColor, errors.Join(ctx.Err(), err)
	}
	return color, asked
}

// Flip makes color the live one. In flip mode it creates or removes one file; in
// reload mode it rewrites the upstream, tests it and reloads, and a test that
// fails leaves the file and the traffic as they were.
func (p *Proxy) Flip(ctx context.Context, app deploy.App, color deploy.Color) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.mode == SwitchFlip {
		return p.setFlag(app.Name, color)
	}
	if err := p.loading.Acquire(ctx, 1); err != nil {
		return err
	}
	defer p.loading.Release(1)
	if err := p.undoInterrupted(); err != nil {
		return err
	}
	w, err := p.diff(ctx, app, color, time.Now())
	if err != nil {
		return err
	}
	if len(w.changes) == 0 && w.inForce() {
		return nil
	}
	if _, err := p.makeDirs(); err != nil {
		return err
	}
	if err := p.load(ctx, w); !isUnread(err) {
		return err
	} else if unset := p.setFlag(app.Name, color); unset != nil {
		return unset
	} else { // the flag is what the next files go by where these could not stay
		return err
	}
}

// isUnread tells whether err says that Nginx does not read the app's files yet.
func isUnread(err error) bool {
	var router *deploy.RouterError
	return errors.As(err, &router) && router.Reason == deploy.NotIncluded
}

// Confirm waits until the running Nginx says that color is live. It gives up when
// ctx ends, or after five seconds when ctx has no deadline.
func (p *Proxy) Confirm(ctx context.Context, app deploy.App, color deploy.Color) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	v, err := p.inspect(ctx)
	if err != nil {
		return err
	}
	how := afterReload
	if p.mode == SwitchFlip {
		how = afterFlip
	}
	return p.await(ctx, v, app.Name, how, func(a answer) bool { return a.color == color })
}

// bounded gives a wait for the running Nginx an end where its caller set none.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, confirmTimeout)
}

// Traffic sums up what the app's access log says of one color: see accesslog.Meter.
func (p *Proxy) Traffic(ctx context.Context, app deploy.App, color deploy.Color, since time.Time) (deploy.Traffic, error) {
	return p.meter.Traffic(ctx, p.path("log/"+app.Name+".access.log"), app.Name, color, since)
}
