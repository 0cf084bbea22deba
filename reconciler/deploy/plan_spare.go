package deploy

import "slices"

// arm makes the standby a spare, once there is nothing else left to do. A release
// that is still on trial has none: a spare would answer for it, and hide that it
// is bad.
func (p planner) arm(g goal) []Step {
	c := g.color.Other()
	if p.o.Spare != Disarmed || p.o.Of(c).Fitness == Unfit || !p.mayBeSpare(c) {
		return nil
	}
	return []Step{{Arm, c, p.o.Of(c).Release}}
}

// mayBeSpare tells whether the stack runs a release that passed its gate and its
// watch, and that nothing speaks against. One that is needed now is not too old for it.
func (p planner) mayBeSpare(c Color) bool {
	s := p.o.Of(c)
	return s.Condition == Running && !(s.Expired && p.healthy()) && p.m.HasPassed(s.Release) && !p.m.EverRejected(s.Release)
}

// withoutSpare lets the spare answer nothing any more before the plan touches it or
// moves the traffic, and when it is none that was proven. While the live stack is not
// healthy it needs no new proof, only that nothing speaks against it: an agent that was
// started again must not take away all that answers.
func (p planner) withoutSpare(steps []Step, reason Reason) ([]Step, Reason) {
	if p.o.Spare != Armed {
		return steps, reason
	}
	c := p.o.Live.Other()
	live := p.m.Live
	here := live.Is(p.o.Live, p.o.Of(p.o.Live).Release) || p.gone(p.o.Live)
	fitness := p.o.Of(c).Fitness
	proven := fitness == Fit || fitness == Unproven && !p.healthy()
	fit := p.mayBeSpare(c) && proven && here && p.m.HasPassed(live.Release)
	if fit && !slices.ContainsFunc(steps, func(s Step) bool { return s.disturbsSpare(c) }) {
		return steps, reason
	}
	if len(steps) == 0 && reason == UpToDate {
		reason = Sparing
	}
	return append([]Step{{Disarm, c, p.o.Of(c).Release}}, steps...), reason
}

// disturbsSpare tells whether the step touches the spare in c, or needs an answer
// of the live stack and of nobody else.
func (s Step) disturbsSpare(c Color) bool {
	switch s.Action {
	case Park, Flip, Confirm, Watch, Contract:
		return true
	case Up, Gate, Drain, Retire, Expand:
		return s.Color == c
	default:
		return false
	}
}
