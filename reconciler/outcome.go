package reconciler

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// view is everything that a status is made from: what one pass saw and decided.
type view struct {
	desired Desired
	app     App
	world   world
	reason  Reason
	refused error
	err     error
	next    time.Time
}

// note remembers, and tells, that something was put right.
func (r *Runner) note(app App, what string) {
	r.memory.Note = what + " (" + r.Now().UTC().Format("2006-01-02 15:04:05Z") + ")"
	r.Emit(Event{Time: r.Now(), App: r.Name, Kind: Repaired, Commit: app.Commit.Hash, Message: what})
}

// noteGone tells that nothing was left of the live stack to be mended.
func (r *Runner) noteGone(app App, w world) {
	if t := r.memory.Live; t.Release == app.Release && w.of(t.Color).Condition == Absent {
		r.note(app, "every container of the live stack, "+string(t.Color)+", was gone; the release was brought up again")
	}
}

// noteDrift tells of traffic that somebody sent elsewhere.
func (r *Runner) noteDrift(app App, w world, reason Reason, s Step) {
	if reason == Drifted && s.Action == Flip && !r.parked {
		r.note(app, fmt.Sprintf("nginx sent traffic to %s, which nobody decided; moved back to %s", w.facts.Live, s.Color))
	}
}

// publish emits the status if it says something new.
func (r *Runner) publish(v view) {
	s := r.statusOf(v)
	r.mu.Lock()
	same := r.status != nil && reflect.DeepEqual(*r.status, s)
	if !same {
		r.status = &s
	}
	r.mu.Unlock()
	if !same {
		r.Emit(Event{
			Time: r.Now(), App: r.Name, Kind: StatusChanged, Commit: s.Desired.Commit,
			Reason: s.Reason, Message: s.Message, Status: &s,
		})
	}
}

func (r *Runner) statusOf(v view) Status {
	s := Status{App: r.Name, Host: r.Host, History: r.memory.Clone().History, Receipt: r.memory.Clone().Receipt}
	s.Desired = StatusDesired{Tag: v.desired.App.Tag, Color: v.desired.App.Color, Commit: r.memory.Commit}
	s.Phase, s.Reason, s.Message = r.phase(v)
	s.Live = r.liveOf(v.world)
	if v.world.known {
		s.Standby = r.standbyOf(v.world)
	}
	return s
}

// phase finds the word and the sentence. What stands in the way now goes before
// what git got wrong, and that before what the plan says.
func (r *Runner) phase(v view) (Phase, Reason, string) {
	switch {
	case v.err != nil:
		return PhaseDegraded, reasonOf(v.err), v.err.Error()
	case v.refused != nil:
		return PhaseRefused, Refused, v.refused.Error()
	}
	switch v.reason {
	case Held, TakingBack, NoWayBack:
		bad, _ := r.memory.Blocked(v.app.Release)
		phase := PhaseHeld
		if v.reason == NoWayBack {
			phase = PhaseDegraded
		}
		return phase, v.reason, fmt.Sprintf("release %s: %s: %s%s", v.app.Tag, bad.Reason, bad.Detail, indentLogs(bad.Logs))
	case Paused:
		return PhasePaused, Paused, "paused by a person; `tandem resume " + r.Name + "` goes on"
	case UpToDate, Retiring:
		return PhaseLive, v.reason, r.memory.Note
	case Healing:
		return PhaseDegraded, Healing, r.memory.Note
	default:
		return PhaseDeploying, v.reason, r.memory.Note
	}
}

// reasonOf finds the word for an error.
func reasonOf(err error) Reason {
	var router *RouterError
	var temporary *TemporaryError
	var rejected *RejectError
	switch {
	case errors.As(err, &router):
		return router.Reason
	case errors.As(err, &temporary):
		return temporary.Reason
	case errors.As(err, &rejected):
		return rejected.Reason
	default:
		return Failed
	}
}

// liveOf describes the stack that Nginx sends traffic to or, while it cannot be
// asked, the last one that it confirmed; nil when nothing was ever live.
func (r *Runner) liveOf(w world) *StatusLive {
	t := r.memory.Live
	if t.Release.IsZero() {
		return nil
	}
	live := &StatusLive{Tag: t.Release.Tag, Color: t.Color, Since: t.Since.Truncate(time.Second), Images: map[string]string{}}
	if w.known && w.facts.Live != t.Color {
		s := w.of(w.facts.Live)
		live.Tag, live.Color = s.Tag, w.facts.Live
	}
	for _, c := range w.of(live.Color).Containers {
		live.Images[c.Service] = c.Image
	}
	return live
}

// standbyOf describes the stack without traffic; nil when there is none. One
// that was rejected is never called warm: it is no way back.
func (r *Runner) standbyOf(w world) *StatusStack {
	s := w.of(w.facts.Live.Other())
	state := map[Condition]string{Running: "warm", Broken: "broken", Stopped: "stopped"}[s.Condition]
	if state == "" {
		return nil
	}
	if _, rejected := r.memory.Blocked(s.Release); rejected && s.Condition != Stopped {
		state = "rejected"
	}
	return &StatusStack{Tag: s.Tag, Color: s.Color, State: state}
}

// indentLogs sets log lines off from the sentence before them.
func indentLogs(logs string) string {
	logs = strings.TrimRight(logs, "\n")
	if logs == "" {
		return ""
	}
	return "\n  | " + strings.ReplaceAll(logs, "\n", "\n  | ")
}
