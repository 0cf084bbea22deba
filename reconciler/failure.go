package reconciler

import (
	"context"
	"errors"
	"fmt"

	"tandem/reconciler/deploy"
)

// Most of what Docker may say to a release that it cannot run is in no list of ours: a
// limit above what the host has, an address that is not free. One such error may be chance.
// The same error several times in a row, of a Docker that answers, is a verdict: trying on
// would never end, and the standby was taken away for it already.

// mostFailures in a row, all alike, are the verdict.
const mostFailures = 3

// countFailure returns what the step ended with: err, or the verdict that it is time for.
func (r *Runner) countFailure(ctx context.Context, of deploy.App, s deploy.Step, err error) error {
	m := &r.memory
	last := m.Failure
	m.Failure = nil // whoever saves what came of the step saves this, too
	if err == nil || ctx.Err() != nil || r.unsaved || m.HasRun(s.Release) || explained(err) {
		return err
	}
	if _, unseen := r.observeStacks(ctx, of); unseen != nil {
		return err
	}
	now := deploy.Failure{Release: s.Release, Generation: m.Generation, Color: s.Color, Action: s.Action, Words: deploy.WithoutIDs(err.Error()), Times: 1}
	if last != nil {
		before := *last
		before.Times = now.Times
		if before == now {
			now.Times = last.Times + 1
		}
	}
	if now.Times >= mostFailures {
		return &deploy.RejectError{Reason: deploy.CannotStart, Detail: fmt.Sprintf("%s (%d times in a row)", err, now.Times)}
	}
	m.Failure = &now
	if unsaved := r.save(); unsaved != nil {
		return errors.Join(err, unsaved)
	}
	return err
}

// explained tells whether it is known what the error says of the release: that it is bad,
// or nothing, because the host or its files are in the way, or time was over.
func explained(err error) bool {
	var bad *deploy.RejectError
	var host *deploy.TemporaryError
	var router *deploy.RouterError
	var files *deploy.FilesChangedError
	return errors.As(err, &bad) || errors.As(err, &host) || errors.As(err, &router) || errors.As(err, &files) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// Where Docker, or the machine, is restarted in the middle of a watch, nobody forwards
// the published ports, and then the containers need time to start. What fails meanwhile
// says nothing about the release: it passes its gate again, and then its watch begins
// again, with nothing of what was seen before.

// away tells whether err says that Docker could not be asked. One that merely took too
// long may well have forwarded everything.
func away(err error) bool {
	var t *deploy.TemporaryError
	return errors.As(err, &t) && t.Reason == deploy.DockerAway && !errors.Is(err, context.DeadlineExceeded)
}

// interrupt notes an outage, if it is one in the middle of a watch. what says what was
// seen of it.
func (r *Runner) interrupt(app deploy.App, what string) error {
	if r.memory.Healing || !r.memory.OnTrial() || r.memory.Live.Outages >= deploy.MostOutages {
		return nil
	}
	r.memory.Healing = true
	r.note(app, fmt.Sprintf("%s in the middle of the watch of %s, which begins again once the release has passed its gate",
		what, r.memory.Live.Release.Tag))
	return r.save()
}
