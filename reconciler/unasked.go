package reconciler

import (
	"context"

	"tandem/reconciler/deploy"
)

// planUnasked is what can be done while Nginx cannot be asked. The traffic is taken to be
// where it was confirmed last.
func (r *Runner) planUnasked(app deploy.App, w *world) []deploy.Step {
	live := r.memory.Live
	if !w.unasked || live.Release.IsZero() {
		return nil
	}
	r.believe(w, live.Color)
	w.facts.Live = live.Color
	w.facts.Blue, w.facts.Green = r.facts(app, w, deploy.Blue), r.facts(app, w, deploy.Green)
	return deploy.PlanUnasked(app, w.facts, r.memory)
}

// healUnasked does the first of those steps, if there is one. why says what is in the way
// of asking Nginx; that is told all the while.
func (r *Runner) healUnasked(ctx context.Context, app deploy.App, v view, why error) (healed bool, err error) {
	steps := r.planUnasked(app, &v.world)
	if len(steps) == 0 {
		return false, nil
	}
	v.err = why
	r.publish(v)
	app.Frozen = true // a newer release must not have this one given up: its turn needs Nginx
	err = r.execute(ctx, app, v.world, steps[0], deploy.Healing)
	// Should Nginx send the traffic elsewhere by then, it proves itself again before a flip.
	delete(r.gated, steps[0].Color)
	return true, err
}
