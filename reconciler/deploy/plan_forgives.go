package deploy

// Forgives tells whether a failure of s is no verdict on its release, because
// that was confirmed before: then it is given time to recover. That ends where a newer
// release, which may be deployed, waits for it, and it has no traffic or can do without.
func Forgives(app App, o Observed, m Memory, s Step) bool {
	onTrial := s.Action == Watch || s.Action == HandOver && !m.HasPassed(s.Release) || s.Color == o.Live && m.OnTrial()
	if onTrial || !m.Live.Is(s.Color, s.Release) {
		return false
	}
	p := newPlanner(app, o, m)
	if s.Color == o.Live {
		return !p.givesWay(s)
	}
	return s.Release == app.Release || p.nothingNew()
}

// GivesWay tells whether the live release of s, should it not come up, is given up for a
// newer one: the standby can serve until that is there.
func GivesWay(app App, o Observed, m Memory, s Step) bool { return newPlanner(app, o, m).givesWay(s) }

// NoAlternative tells whether nothing but release could be live: the other one was turned down.
func NoAlternative(app App, o Observed, m Memory, release Release) bool {
	return planner{app, o, m}.noAlternative(release)
}

func (p planner) givesWay(s Step) bool {
	if s.Color != p.o.Live || !p.m.Live.Is(s.Color, s.Release) || s.Release == p.app.Release || p.nothingNew() {
		return false
	}
	steps, _ := p.lead(goal{p.app.Release, p.chooseColor(p.app.Release)})
	return p.takesLastHealthy(steps) && !p.barred(steps)
}
