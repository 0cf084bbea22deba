package deploy

import "time"

// AfterOutage is how long a watch that begins again looks away. Requests to a container
// that was no more hang until the kernel gives up looking for its address, after three
// seconds, and stand in the log only then, whose sums are to the second.
const AfterOutage = 4 * time.Second

// MostOutages of one watch are not counted. A release in whose watch Docker goes away
// again and again may be what takes it away.
const MostOutages = 3

// OutageError ends a watch of which an outage was seen only afterwards.
type OutageError struct{ What string }

func (e *OutageError) Error() string { return e.What }

// OnTrial tells whether what is live has had no verdict yet.
func (m *Memory) OnTrial() bool {
	_, rejected := m.Blocked(m.Live.Release)
	return !m.Live.Release.IsZero() && !rejected && !m.HasPassed(m.Live.Release)
}

// RecordStart notes what the watch of the stack begins with.
func (t *LiveRelease) RecordStart(s Stack) {
	t.Started, t.Restarts, t.Lost = s.started(), s.Restarts(), s.EngineLost
}

// RestartWatch begins the watch again with the stack that has just passed its gate.
func (t *LiveRelease) RestartWatch(s Stack, now time.Time) {
	t.Outages++
	t.WatchRestartedAt = now
	t.RecordStart(s)
}

// WatchStart is since when the watch goes by what it sees.
func (t LiveRelease) WatchStart() time.Time {
	if t.WatchRestartedAt.IsZero() {
		return t.Since
	}
	return t.WatchRestartedAt.Add(AfterOutage)
}

// WatchElapsed is for how long, less than nothing where that is still to come. It does not
// get longer where the clock was set back.
func (t LiveRelease) WatchElapsed(now time.Time) time.Duration {
	if t.WatchRestartedAt.IsZero() {
		return t.Age(now)
	}
	return max(-AfterOutage, now.Sub(t.WatchStart()))
}

// Outage tells what can be seen of an outage since the watch began; nil: nothing. That a
// container is gone is no outage.
func (t LiveRelease) Outage(s Stack) error {
	switch {
	case t.Outages >= MostOutages, len(s.Containers) == 0, len(s.Missing) > 0:
		return nil
	case s.EngineLost != t.Lost:
		// Containers that go on without Docker may have no way to them meanwhile.
		return &OutageError{WasAway}
	case !t.Started.IsZero() && s.Restarts() <= t.Restarts && !s.started().Equal(t.Started):
		// Not by the engine because one had ended: that it counts.
		return &OutageError{"the containers were started again"}
	default:
		return nil
	}
}

// WasAway is what the status says of a watch that begins again because Docker was away.
const WasAway = "Docker was away"

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

// Restarts is how often the engine started one of the containers again because it had
// ended, without those that may end: they may be gone, and less than none would hide others.
func (s Stack) Restarts() int {
	sum := 0
	for _, c := range s.Containers {
		if !c.MayEnd {
			sum += c.Restarts
		}
	}
	return sum
}
