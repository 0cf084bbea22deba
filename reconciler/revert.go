package reconciler

import (
	"context"
	"errors"
	"fmt"

	"tandem/reconciler/deploy"
)

// revert takes the bump of the rejected release back in git, once a decision: the
// commit that people then find is the desired state like any other. Where the
// branch does not accept it, that is told, and the release stays held.
func (r *Runner) revert(ctx context.Context, app deploy.App) error {
	bad, _ := r.memory.Blocked(app.Release)
	good := r.memory.Live
	message := fmt.Sprintf("Revert %s to %s\n\ntandem took release %s of commit %s back, and on_failure is revert:\n%s: %s\n",
		r.options.Name, good.Release.Tag, app.Tag, deploy.Commit{Hash: r.memory.Commit}.Short(), bad.Reason, bad.Detail)
	err := r.options.Reverter.Revert(ctx, app.Dir, r.memory.Commit, good.Commit, message)
	var refused *deploy.RevertRefusedError
	switch {
	case errors.As(err, &refused):
		r.memory.RevertWords = refused.Error() + "; revert it yourself"
	case err != nil:
		return err
	default:
		r.memory.RevertWords = "the bump was reverted in git"
	}
	r.memory.RevertTried = r.memory.Generation
	return r.save()
}
