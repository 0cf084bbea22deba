package reconciler

import (
	"context"
	"fmt"

	"tandem/reconciler/deploy"
)

// handOver stops the singletons of the other color and, once none of them runs,
// starts those of this one. Never the other way round: two of them at the same
// time is what must not happen, none for a moment may.
func (r *Runner) handOver(ctx context.Context, app, of deploy.App, w world, s deploy.Step) error {
	mend := r.memory.HasPassed(s.Release) && r.memory.Pending == nil
	if err := r.options.Singletons.StopSingletons(ctx, app, s.Color.Other()); err != nil {
		return err
	}
	if err := r.options.Singletons.StartSingletons(ctx, of, s.Color); err != nil {
		return err
	}
	if err := r.gateOf(of, s.Color).singletonsStarted(ctx); err != nil {
		return err
	}
	if mend {
		r.note(app, fmt.Sprintf("the singletons of %s were %s, those of %s %s; put right", s.Color, w.facts.Of(s.Color).Singletons,
			s.Color.Other(), w.facts.Of(s.Color.Other()).Singletons))
	}
	return nil
}
