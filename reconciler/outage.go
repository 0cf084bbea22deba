package reconciler

import (
	"context"
	"errors"
	"fmt"

	"tandem/reconciler/deploy"
)

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
