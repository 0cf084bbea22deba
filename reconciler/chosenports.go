package reconciler

import (
	"context"
	"errors"
	"slices"

	"tandem/reconciler/deploy"
)

// errChosenAnew ends a pass in which other ports were chosen: the next one resolves the app
// with them.
var errChosenAnew = errors.New("other ports were chosen")

// maxReallocated is how many passes in a row may end so, before there is a pause: somebody
// may take one port after the other.
const maxReallocated = 10

// chooseOthers lets other ports be chosen in the place of those that something else holds.
// That is for a route that was never live, and of whose release nothing runs yet: what is
// live was made with its ports, and another one would be another release.
func (r *Runner) chooseOthers(ctx context.Context, app deploy.App, w world) error {
	begun := slices.ContainsFunc(w.stacks[:], func(s deploy.Stack) bool {
		return s.Release == app.Release && s.Condition != deploy.Stopped
	})
	live, known := r.liveApp()
	if begun || app.FilesRefused || !known && !r.memory.Live.Release.IsZero() {
		return nil
	}
	var held []int
	for _, p := range w.taken {
		was := slices.ContainsFunc(live.Routes, func(o deploy.Route) bool { return o.Name == p.route.Name })
		if p.route.PortsChosen && !was {
			held = append(held, p.route.Ports.Of(p.color))
		}
	}
	if len(held) == 0 {
		return nil
	}
	if err := r.options.Ports.Reallocate(ctx, app.Name, held); err != nil {
		return err
	}
	r.ready = nil
	return errChosenAnew
}
