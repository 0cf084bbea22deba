package deploy

import "slices"

// The standby may be all that answers: what is live can die, or be removed by hand with
// every container that it has. Then the standby is not touched before the live stack is
// healthy again, or the traffic has moved to the standby.

// gone tells that nothing is left of the release that was confirmed live in c.
func (p planner) gone(c Color) bool {
	return p.m.Live.Is(c, p.m.Live.Release) && p.o.Of(c).Condition == Absent
}

// takesLastHealthy tells whether the steps stop or replace the standby while it is all
// that can answer: it runs, nothing speaks against it, and the live stack is not healthy.
// What never passed its watch is only spared for a newer release: it may be in the middle
// of its first start, and is no way out while nothing new may be deployed.
func (p planner) takesLastHealthy(steps []Step) bool {
	c := p.o.Live.Other()
	standby := p.o.Of(c)
	proven := p.m.HasPassed(standby.Release) || !p.m.Live.Release.IsZero() && !p.nothingNew()
	if standby.Condition != Running || standby.Release.IsZero() || p.m.EverRejected(standby.Release) || !proven || p.healthy() {
		return false
	}
	return slices.ContainsFunc(steps, func(s Step) bool {
		stops := s.Action == Drain || s.Action == Retire || s.Action == Up && s.Release != standby.Release
		return s.Color == c && stops
	})
}

// healthy tells whether the live stack answers as far as anybody knows.
func (p planner) healthy() bool {
	live := p.o.Of(p.o.Live)
	_, bad := p.m.Blocked(live.Release)
	mended := p.m.Healing && p.m.Live.Is(p.o.Live, live.Release)
	return live.Condition == Running && !bad && !mended
}

// serveFirst makes the live stack healthy before its standby, the only healthy one, may be
// touched: a release that passed its watch is mended in place. Where that failed, or there
// is none, the traffic goes to the standby, and the other color is free.
func (p planner) serveFirst() ([]Step, Reason) {
	t := p.m.Live
	mine := p.gone(p.o.Live) || t.Is(p.o.Live, p.o.Of(p.o.Live).Release)
	if mine && p.m.HasPassed(t.Release) && !p.m.EverRejected(t.Release) {
		return p.heal(goal{t.Release, t.Color}), Healing
	}
	c := p.o.Live.Other()
	return p.bringWatched(goal{p.o.Of(c).Release, c}), p.whySecure()
}

func (p planner) whySecure() Reason {
	if _, bad := p.m.Blocked(p.m.Live.Release); bad {
		return RollingBack
	}
	return Healing
}

// alreadyServing tells whether the traffic has come to a healthy stack while nothing is left of
// the confirmed release that could serve: then that stack is confirmed before it is left.
func (p planner) alreadyServing(g goal) bool {
	live, t := p.o.Of(p.o.Live), p.m.Live
	beside := p.o.Of(p.o.Live.Other())
	serves := beside.Condition == Running && t.Is(p.o.Live.Other(), beside.Release) && !p.m.EverRejected(t.Release)
	may := !p.nothingNew() || p.m.HasPassed(live.Release)
	return live.Condition == Running && live.Gated && live.Release != g.release && t.Release != g.release && may &&
		!t.Release.IsZero() && !t.Is(p.o.Live, live.Release) && !serves && !p.m.EverRejected(live.Release)
}

// AsksIdle tells whether it makes a difference to the plan whether the stack in c, which
// is not known to be idle, still has connections.
func AsksIdle(app App, o Observed, m Memory, c Color) bool {
	busy, why := Plan(app, o, m)
	if c == Green {
		o.Green.Idle = true
	} else {
		o.Blue.Idle = true
	}
	idle, also := Plan(app, o, m)
	return also != why || !slices.Equal(idle, busy)
}
