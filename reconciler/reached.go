package reconciler

import (
	"cmp"
	"context"
	"time"

	"tandem/reconciler/deploy"
)

// lookAgain is after how long the site of an app that waits for a person is looked at again.
const lookAgain = 2 * time.Second

// askLive asks Nginx where the traffic goes and, for an app that was never live, whether
// any can come to it. unknown is why the app's files are not in use: then the color is the
// one that they would make live.
func (r *Runner) askLive(ctx context.Context, app deploy.App, w *world, unknown error) error {
	first := r.memory.Live.Release.IsZero()
	if unknown != nil && !(first && deploy.ReasonOf(unknown) == deploy.NotIncluded) {
		return unknown
	}
	live, err := r.options.Router.Live(ctx, app)
	switch {
	case err != nil && unknown == nil && !w.facts.Unrendered:
		return err
	case live == deploy.NoColor:
		return cmp.Or(unknown, err)
	}
	w.facts.Live, w.known = live, err == nil
	w.lacks, w.unwritten = unknown, unknown != nil
	if first && unknown == nil && w.known {
		reload, err := r.options.Router.Site(ctx, r.routing(app, w))
		switch {
		case deploy.ReasonOf(err) == deploy.NotIncluded:
			w.lacks = err
		case err != nil:
			return err
		}
		w.loadSite = reload
		w.facts.Unrendered = w.facts.Unrendered || reload
	}
	if w.facts.Unused = w.lacks != nil; w.facts.Unused {
		w.at(r.options.Now().Add(lookAgain))
	}
	return nil
}

// unheard tells whether err, of a flip to c, means no more than that Nginx does not read
// yet what was written for it.
func (r *Runner) unheard(ctx context.Context, app deploy.App, w world, c deploy.Color, err error) bool {
	if !w.unwritten || deploy.ReasonOf(err) != deploy.NotIncluded {
		return false
	}
	written, _ := r.options.Router.Live(ctx, app) // the error is that Nginx does not know the app
	return written == c
}

// awaitsLines tells whether a person may write the missing lines while the plan goes on.
func (v passState) awaitsLines() bool {
	return v.world.unwritten && (v.reason == deploy.FirstDeploy || v.reason == deploy.NewRelease)
}
