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
	if relieved(p.o.Of(live.Other()).Duty) && engaged(s.Duty) {
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
		on = engaged(s.Duty)
	default:
		on = len(p.app.Singletons) == 0 // Up starts none
	}
	if on && relieved(p.o.Of(g.color.Other()).Duty) {
		return nil
	}
	return []Step{{HandOver, g.color, g.release}}
}

func relieved(d Duty) bool { return d == NoDuty || d == OffDuty }
func engaged(d Duty) bool  { return d == NoDuty || d == OnDuty }
