package deploy

// Singletons run in the live color only, and never in both: a step of their own,
// after the confirmation and before the watch, stops them in the one color and
// then starts them in the other. A hand-over that was cut short leaves them off in
// both, and is done again.

// handOver is the step that puts right which singletons run: those of the color
// that is live, confirmed and whole, and no others.
func (p planner) handOver(live Color) []Step {
	s := p.o.Of(live)
	if s.Condition != Running || !p.m.Live.Is(live, s.Release) {
		return nil
	}
	if stoppedSingletons(p.o.Of(live.Other()).Singletons) && startedSingletons(s.Singletons) {
		return nil
	}
	return []Step{{HandOver, live, s.Release}}
}

// handOverAfter is the same step, foreseen for g once it will be confirmed.
func (p planner) handOverAfter(g goal) []Step {
	s := p.o.Of(g.color)
	var on bool
	switch {
	case s.Release == g.release && s.Condition != Absent:
		on = startedSingletons(s.Singletons)
	default:
		on = len(p.app.Singletons) == 0 // Up starts none
	}
	if on && stoppedSingletons(p.o.Of(g.color.Other()).Singletons) {
		return nil
	}
	return []Step{{HandOver, g.color, g.release}}
}

func stoppedSingletons(d SingletonState) bool { return d == NoSingletons || d == SingletonsStopped }
func startedSingletons(d SingletonState) bool { return d == NoSingletons || d == SingletonsRunning }
