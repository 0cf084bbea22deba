package deploy

import "slices"

// backupOn makes the standby a backup, once there is nothing else left to do. A release
// that is still on trial has none: a backup would answer for it, and hide that it
// is bad.
func (p planner) backupOn(g goal) []Step {
	c := g.color.Other()
	if p.o.Backup != BackupInactive || p.o.Of(c).BackupHealth == BackupUnhealthy || !p.mayBeBackup(c) {
		return nil
	}
	return []Step{{EnableBackup, c, p.o.Of(c).Release}}
}

// mayBeBackup tells whether the stack runs a release that passed its gate and its
// watch, and that nothing speaks against. One that is needed now is not too old for it.
func (p planner) mayBeBackup(c Color) bool {
	s := p.o.Of(c)
	return s.Condition == Running && !(s.Expired && p.healthy()) && p.m.HasPassed(s.Release) && !p.m.EverRejected(s.Release)
}

// withoutBackup lets the backup answer nothing any more before the plan touches it or
// moves the traffic, and when it is none that was proven. While the live stack is not
// healthy it needs no new proof, only that nothing speaks against it: an agent that was
// started again must not take away all that answers.
func (p planner) withoutBackup(steps []Step, reason Reason) ([]Step, Reason) {
	if p.o.Backup != BackupActive {
		return steps, reason
	}
	c := p.o.Live.Other()
	live := p.m.Live
	here := live.Is(p.o.Live, p.o.Of(p.o.Live).Release) || p.gone(p.o.Live)
	fitness := p.o.Of(c).BackupHealth
	proven := fitness == BackupProven || fitness == BackupUnchecked && !p.healthy()
	fit := p.mayBeBackup(c) && proven && here && p.m.HasPassed(live.Release)
	if fit && !slices.ContainsFunc(steps, func(s Step) bool { return s.disturbsBackup(c) }) {
		return steps, reason
	}
	if len(steps) == 0 && reason == UpToDate {
		reason = BackupChange
	}
	return append([]Step{{DisableBackup, c, p.o.Of(c).Release}}, steps...), reason
}

// disturbsBackup tells whether the step touches the backup in c, or needs an answer
// of the live stack and of nobody else.
func (s Step) disturbsBackup(c Color) bool {
	switch s.Action {
	case Park, Flip, Confirm, Watch, Contract:
		return true
	case Up, Gate, Drain, Retire, Expand:
		return s.Color == c
	default:
		return false
	}
}
