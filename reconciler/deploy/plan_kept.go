package deploy

// planBlocked is the plan for a desired release that was rejected: what is live
// stays live, or, where the rejected release itself is live, the traffic goes
// back. Taking a release back is nothing but this plan.
func (p planner) planBlocked() ([]Step, Reason) {
	back, ok := p.wayBack()
	if !ok {
		return p.stay(Held)
	}
	steps, reason := p.steps(back)
	switch {
	case p.o.Of(p.o.Live).Release == p.app.Release, p.m.Live.Release == p.app.Release:
		reason = RollingBack
	case len(steps) == 0 || reason.Afterwards():
		reason = Held
	}
	if len(steps) == 0 && reason == Held && p.revertDue() {
		steps = []Step{{Revert, NoColor, p.app.Release}}
	}
	return steps, reason
}

// revertDue tells whether git is still to be told that the release failed. It is
// told once; a commit that people make instead is a new decision.
func (p planner) revertDue() bool {
	bad, _ := p.m.Blocked(p.app.Release)
	return p.app.OnFailure == OnFailureRevert && !p.app.FilesRefused && bad.Reason != PastBarrier &&
		p.m.RevertTried != p.m.Generation && !p.m.Live.Release.IsZero()
}

// planKept is the plan while nothing new may be deployed, for the reason given:
// keep alive what is live, and take it back if it was rejected.
func (p planner) planKept(none Reason) ([]Step, Reason) {
	back, ok := p.wayBack()
	if !ok {
		if _, bad := p.m.Blocked(p.m.Live.Release); bad {
			return p.stay(none)
		}
		return nil, none
	}
	steps, reason := p.steps(back)
	switch {
	case none == PortTaken && p.barred(steps) && back.release == p.app.Release:
		return nil, none
	case reason == BackupChange:
		return steps, none // a backup keeps alive, too
	case len(steps) == 0 || reason.Afterwards() || reason == MigrationFailed:
		return nil, none
	}
	_, bad := p.m.Blocked(p.o.Of(p.o.Live).Release)
	if _, was := p.m.Blocked(p.m.Live.Release); bad || was {
		reason = RollingBack
	}
	return steps, reason
}

// wayBack finds what should be live instead of the desired release: the last
// confirmed one, unless it was rejected itself, and then the one in the other
// color, unless that was ever rejected.
func (p planner) wayBack() (goal, bool) {
	t := p.m.Live
	if t.Release.IsZero() {
		// A lost memory: what has the traffic is all there is to go by.
		live := p.o.Of(p.o.Live)
		ok := live.Condition == Running && !live.Release.IsZero() && !p.m.EverRejected(live.Release)
		return goal{live.Release, p.o.Live}, ok
	}
	if _, bad := p.m.Blocked(t.Release); !bad {
		return goal{t.Release, t.Color}, true
	}
	other := p.o.Of(t.Color.Other())
	if other.Condition == Absent || other.Release.IsZero() || p.m.EverRejected(other.Release) {
		return goal{}, false
	}
	return goal{other.Release, t.Color.Other()}, true
}

// noAlternative tells whether nothing else could be live instead of r.
func (p planner) noAlternative(r Release) bool {
	p.m = p.m.Clone()
	p.m.Reject(r, RejectError{})
	_, ok := p.wayBack()
	return !ok
}

// stay is the plan when there is nothing to return to: keep what is live
// running, and clear away a rejected stack that has no traffic. Where nothing is
// live that anyone confirmed, the reason is the one given.
func (p planner) stay(otherwise Reason) ([]Step, Reason) {
	t := p.m.Live
	if !t.Is(p.o.Live, p.o.Of(p.o.Live).Release) {
		c := p.unserving()
		if _, bad := p.m.Blocked(p.o.Of(c).Release); !bad {
			return nil, otherwise
		}
		steps, _ := p.tidy(c, otherwise)
		return steps, otherwise
	}
	if steps := p.heal(goal{t.Release, t.Color}); steps != nil {
		return steps, Healing
	}
	return p.handOver(t.Color), NoRollbackTarget
}

// nothingNew tells whether nothing new may be deployed.
func (p planner) nothingNew() bool {
	_, held := p.m.Blocked(p.app.Release)
	return held || p.m.Paused || p.app.FilesRefused || p.waits()
}

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

// PlanUnasked is the plan while Nginx cannot be asked. What was confirmed live is brought
// up again in its own color, and gated: after a boot it may be what Nginx waits for.
// Where the traffic goes nobody knows, so nothing else is done.
func PlanUnasked(app App, o Observed, m Memory) []Step {
	t := m.Live
	app.FilesRefused, o.Live = true, t.Color // neither anything new, nor any other color
	p := newPlanner(app, o, m)
	_, bad := m.Blocked(t.Release)
	_, back := p.wayBack()
	switch {
	case !p.gone(t.Color) && !t.Is(t.Color, o.Of(t.Color).Release):
		return nil // nothing was confirmed, or something else is in its color now
	case bad && back:
		return nil // it is to be taken back
	case m.OnTrial() && !m.Healing && t.Outages >= MostOutages:
		return nil // that it is dead is a verdict, which needs Nginx
	default:
		return p.heal(goal{t.Release, t.Color})
	}
}
