package deploy

import "slices"

// Until an app is live for the first time, people are served by something that tandem
// knows nothing of: the stack that a script brought up, say. So the first stack comes up
// and passes its gate beside that, and is not confirmed before requests can come to it.

// unreached tells that nothing was ever live, and that no request can come to the app.
func (p planner) unreached() bool { return p.o.Unused && p.m.Live.Release.IsZero() }

// firstColor is chooseColor where nothing is live: the color that Nginx does not name,
// unless something else holds its ports and not those of the other one.
func (p planner) firstColor() Color {
	c := p.o.Live.Other()
	first := p.m.Live.Release.IsZero() && (p.o.Unused || p.idle(p.o.Live))
	if first && p.o.Of(c).Taken && !p.o.Of(p.o.Live).Taken {
		return p.o.Live
	}
	return c
}

// inPlace tells whether g may be brought up where it belongs, although Nginx names that
// color: no request can come there. The other color is the better way where it is free
// and something runs, because a site may be changed at any moment.
func (p planner) inPlace(g goal) bool {
	return p.unreached() && (p.o.Of(g.color).Condition != Running || p.o.Of(g.color.Other()).Taken)
}

// unserving is the color that has no traffic and may have a stack to be cleared away.
func (p planner) unserving() Color {
	if _, bad := p.m.Blocked(p.o.Of(p.o.Live).Release); bad && p.unreached() && !p.idle(p.o.Live) {
		return p.o.Live
	}
	return p.o.Live.Other()
}

func (p planner) idle(c Color) bool {
	k := p.o.Of(c).Condition
	return k == Absent || k == Stopped
}

// untilReached leaves out what has to wait until requests can come: to be confirmed, and
// all that follows. A watch of what nobody asks proves nothing.
func (p planner) untilReached(steps []Step, reason Reason) ([]Step, Reason) {
	at := slices.IndexFunc(steps, func(s Step) bool { return s.Action == Confirm })
	switch {
	case !p.unreached() || at < 0:
		return steps, reason
	case at == 0:
		c := p.unserving()
		if _, bad := p.m.Blocked(p.o.Of(c).Release); bad {
			return p.tidy(c, NotIncluded)
		}
		return nil, NotIncluded
	default:
		return steps[:at], reason
	}
}
