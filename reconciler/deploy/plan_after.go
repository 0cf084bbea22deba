package deploy

// expand is the migration that has to run before g is brought up: once for each
// release, and not when a stack of it exists, which it ran for.
func (p planner) expand(g goal) []Step {
	m := p.app.Migrations.Expand
	if m == "" || g.release != p.app.Release || p.m.HasExpanded(g.release) {
		return nil
	}
	for _, c := range Colors() {
		if p.o.Of(c).Release == g.release {
			return nil
		}
	}
	return []Step{{Expand, g.color, g.release}}
}

// contractDue tells whether the release that is live and has passed its watch
// names a contract migration that did not run yet.
func (p planner) contractDue(g goal) bool {
	return p.app.Migrations.Contract != "" && g.release == p.app.Release && p.m.HasPassed(g.release) && !p.m.HasContracted(g.release)
}

// contract runs that migration, when nothing older runs any more that could need
// what it takes away. One that failed is not tried again until git says something
// new: nil then.
func (p planner) contract(g goal) []Step {
	if x := p.m.ContractFailed; x != nil && x.Release == g.release && x.Generation == p.m.Generation {
		return nil
	}
	var steps []Step
	other := g.color.Other()
	if s := p.o.Of(other); s.Release != g.release && !p.idle(other) {
		steps = append(p.drain(other), Step{Retire, other, s.Release})
	}
	return append(steps, Step{Contract, g.color, g.release})
}

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
