package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Where Docker, or the machine, is restarted in the middle of a watch, nobody forwards
// the published ports, and then the containers need time to start. What fails meanwhile
// says nothing about the release: it passes its gate again, and then its watch begins
// again, with nothing of what was seen before.

// afterOutage is how long a watch that begins again looks away. Requests to a container
// that was no more hang until the kernel gives up looking for its address, after three
// seconds, and stand in the log only then, whose sums are to the second.
const afterOutage = 4 * time.Second

// mostOutages of one watch are not counted. A release in whose watch Docker goes away
// again and again may be what takes it away.
const mostOutages = 3

// outageError ends a watch of which an outage was seen only afterwards.
type outageError struct{ what string }

func (e *outageError) Error() string { return e.what }

// onTrial tells whether what is live has had no verdict yet.
func (m *Memory) onTrial() bool {
	_, rejected := m.Blocked(m.Live.Release)
	return !m.Live.Release.IsZero() && !rejected && !m.HasPassed(m.Live.Release)
}

// away tells whether err says that Docker could not be asked. One that merely took too
// long may well have forwarded everything.
func away(err error) bool {
	var t *TemporaryError
	return errors.As(err, &t) && t.Reason == DockerAway && !errors.Is(err, context.DeadlineExceeded)
}

// interrupt notes an outage, if it is one in the middle of a watch. what says what was
// seen of it.
func (r *Runner) interrupt(app App, what string) error {
	if r.memory.Healing || !r.memory.onTrial() || r.memory.Live.Outages >= mostOutages {
		return nil
	}
	r.memory.Healing = true
	r.note(app, fmt.Sprintf("%s in the middle of the watch of %s, which begins again once the release has passed its gate",
		what, r.memory.Live.Release.Tag))
	return r.save()
}

// began notes what the watch of the stack begins with.
func (t *Tenure) began(s Stack) {
	t.Started, t.Restarts, t.Lost = s.started(), s.restarts(), s.EngineLost
}

// watchAnew begins the watch again with the stack that has just passed its gate.
func (t *Tenure) watchAnew(s Stack, now time.Time) {
	t.Outages++
	t.Anew = now
	t.began(s)
}

// watched is since when the watch goes by what it sees.
func (t Tenure) watched() time.Time {
	if t.Anew.IsZero() {
		return t.Since
	}
	return t.Anew.Add(afterOutage)
}

// watchedFor is for how long, less than nothing where that is still to come. It does not
// get longer where the clock was set back.
func (t Tenure) watchedFor(now time.Time) time.Duration {
	if t.Anew.IsZero() {
		return t.age(now)
	}
	return max(-afterOutage, now.Sub(t.watched()))
}

// outage tells what can be seen of an outage since the watch began; nil: nothing. That a
// container is gone is no outage.
func (t Tenure) outage(s Stack) error {
	switch {
	case t.Outages >= mostOutages, len(s.Containers) == 0, len(s.Missing) > 0:
		return nil
	case s.EngineLost != t.Lost:
		// Containers that go on without Docker may have no way to them meanwhile.
		return &outageError{wasAway}
	case !t.Started.IsZero() && s.restarts() <= t.Restarts && !s.started().Equal(t.Started):
		// Not by the engine because one had ended: that it counts.
		return &outageError{"the containers were started again"}
	default:
		return nil
	}
}

const wasAway = "Docker was away"

// started is when the youngest container was started of those that run as long as the
// stack does.
func (s Stack) started() time.Time {
	var last time.Time
	for _, c := range s.Containers {
		if !c.Singleton && !c.MayEnd && c.StartedAt.After(last) {
			last = c.StartedAt
		}
	}
	return last
}

// restarts is how often the engine started one of the containers again because it had
// ended, without those that may end: they may be gone, and less than none would hide others.
func (s Stack) restarts() int {
	sum := 0
	for _, c := range s.Containers {
		if !c.MayEnd {
			sum += c.Restarts
		}
	}
	return sum
}
