package reconciler

import (
	"context"
	"errors"

	"tandem/reconciler/deploy"
)

// sharedDue tells whether the shared services are not what the files of the live release
// say. The files are those of a commit, so that they are looked at once for each: what dies
// later is started again with the stack that needs it.
func (r *Runner) sharedDue(ctx context.Context, app deploy.App) (bool, error) {
	if app.FilesRefused || r.memory.Paused || app.Root == r.proven.shared || app.Release.IsZero() || r.memory.Live.Release != app.Release {
		return false, nil
	}
	due, err := r.options.Shared.SharedDue(ctx, app)
	var changed *deploy.FilesChangedError
	switch {
	case errors.As(err, &changed):
		return false, nil // they are exported anew for the next container that is made
	case err == nil && !due:
		r.proven.shared = app.Root
	}
	return due, err
}
