package reconciler

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
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
	doing   string // what the step in hand waits for; empty while nobody need know
}

// note remembers, and tells, that something was put right.
func (r *Runner) note(app App, what string) { r.remember(app, Repaired, what, what) }

// warn remembers, and tells, what is not as it should be although nothing is done about it.
func (r *Runner) warn(app App, what string) { r.remember(app, Warned, what, "warning: "+what) }

// remember tells what happened, and shows the words until the next deploy.
func (r *Runner) remember(app App, kind EventKind, what, words string) {
	r.memory.Note = words + " (" + r.Now().UTC().Format("2006-01-02 15:04:05Z") + ")"
	r.Emit(Event{Time: r.Now(), App: r.Name, Kind: kind, Commit: app.Commit.Hash, Message: what})
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

// publish emits the status if it says something new. The same failure once more is nothing
// new, whatever ids are in its words: each status that is emitted is a commit. Who asks
// reads the newest words all the same.
func (r *Runner) publish(v view) {
	r.tellEnded()
	s := r.statusOf(v)
	r.mu.Lock()
	r.known = r.memory.Clone()
	same := r.status != nil && s.saysNoMore(*r.status, v.err)
	r.status = &s
	r.mu.Unlock()
	if !same {
		r.Emit(Event{
			Time: r.Now(), App: r.Name, Kind: StatusChanged, Commit: s.Desired.Commit,
			Reason: s.Reason, Message: s.Message, Status: &s,
		})
	}
}

// saysNoMore tells whether the status is the one before, or tells of the same failure.
func (s Status) saysNoMore(before Status, failure error) bool {
	if failure != nil && SameFailure(before.Message, s.Message) {
		before.Message = s.Message
	}
	return reflect.DeepEqual(before, s)
}

// publishDoing publishes what the step in hand waits for.
func (r *Runner) publishDoing(words string) {
	r.inHand.doing = words
	r.publish(*r.inHand)
}

// publishAwaited is publishDoing for what an earlier try may have waited for in vain: that
// is what the status says then, until there is an end, so that nobody is told in turns.
func (r *Runner) publishAwaited(words string) {
	if s := r.Status(); s == nil || s.Phase != PhaseDegraded {
		r.publishDoing(words)
	}
}

func (r *Runner) statusOf(v view) Status {
	s := Status{App: r.Name, Host: r.Host, History: r.memory.Clone().History, Receipt: r.memory.Clone().Receipt}
	s.Desired = StatusDesired{Tag: v.desired.App.Tag, Color: v.desired.App.Color, Commit: r.memory.Commit}
	s.Phase, s.Reason, s.Message = r.phase(v)
	if err := r.strangersOf(v); err != nil {
		s.withhold(err)
	}
	if err := v.world.outdated; err != nil && v.err == nil && v.refused == nil {
		s.withhold(err)
	}
	if err := v.desired.Beside.Err(); err != nil {
		s.Message = strings.TrimSuffix(err.Error()+"\n"+s.Message, "\n")
	}
	if err := v.desired.Withheld; err != nil {
		s.withhold(err)
	}
	if by := v.world.servedBy(); by != "" {
		s.Message = strings.TrimPrefix(s.Message+"; served by the standby "+by, "; ")
	}
	if v.doing != "" {
		s.Message = strings.TrimPrefix(s.Message+"; "+v.doing, "; ")
	}
	s.Live = r.liveOf(v.world)
	if v.world.known {
		s.Standby = r.standbyOf(v.world)
	}
	if f := r.memory.Floor; f != nil {
		s.Floor = &StatusFloor{Tag: f.Release.Tag, Commit: f.Commit}
	}
	s.shown()
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
	if v.awaitsLines() {
		return PhaseDegraded, NotIncluded, v.world.lacks.Error()
	}
	switch v.reason {
	case Held, TakingBack, NoWayBack:
		phase := PhaseHeld
		if v.reason == NoWayBack {
			phase = PhaseDegraded
		}
		return phase, v.reason, r.verdictOn(v)
	case MigrationFailed:
		x := r.memory.ContractFailed
		return PhaseDegraded, v.reason, fmt.Sprintf("release %s is live, but its contract migration failed: %s; mend it and `tandem retry %s`%s",
			v.app.Tag, x.Detail, r.Name, indentLogs(x.Logs))
	case PortTaken:
		return PhaseDegraded, PortTaken, r.takenError(v.app, v.world.taken).Error()
	case NotIncluded:
		return PhaseDegraded, NotIncluded, v.world.lacks.Error()
	case Waiting:
		return PhasePaused, Waiting, fmt.Sprintf("no deploy window is open: %s waits until %s", v.app.Tag, v.world.opens.Format("Mon 2006-01-02 15:04 MST"))
	case AwaitingImage:
		phase := PhaseDeploying
		if v.app.Release == r.memory.Live.Release {
			phase = PhaseLive // it is the image of its contract migration
		}
		return phase, AwaitingImage, r.awaited(v.app)
	case Paused:
		return PhasePaused, Paused, "paused by a person; `tandem resume " + r.Name + "` goes on"
	case UpToDate, Retiring, Sparing, Contracting:
		return PhaseLive, v.reason, r.memory.Note
	case Healing:
		if f := v.world.facts; f.Of(f.Live).relied().Condition != Running {
			return PhaseDegraded, Healing, "the live stack is damaged (" + damage(v.world.of(f.Live)) + ")"
		}
		return PhaseDegraded, Healing, r.memory.Note
	case HandingOver:
		if r.memory.Pending == nil {
			return PhaseDegraded, HandingOver, r.memory.Note
		}
		return PhaseDeploying, HandingOver, r.memory.Note
	default:
		return PhaseDeploying, v.reason, r.memory.Note
	}
}

// withhold tells of a newer commit that is not taken, or will not be, or of what a person
// has to do before something breaks. It comes first
// where nothing else goes on: a commit that was pushed to mend what is held must not
// look as if it had arrived.
func (s *Status) withhold(why error) {
	if s.Phase == PhaseLive || s.Phase == PhaseHeld {
		s.Phase, s.Reason = PhaseDegraded, reasonOf(why)
	}
	s.Message = strings.TrimSuffix(why.Error()+"\n"+s.Message, "\n")
}

// strangersOf tells of ports that something else holds while nothing else is wrong: the
// next release will need them. While the first one is not proven, people may still need
// what holds them.
func (r *Runner) strangersOf(v view) error {
	if v.err != nil || v.refused != nil || v.reason == PortTaken || len(r.memory.Passed) == 0 {
		return nil
	}
	certain := slices.DeleteFunc(slices.Clone(v.world.taken), func(p takenPort) bool {
		return v.world.of(p.color).Condition != Absent && r.uncertain(p.route.Ports.Of(p.color), p.by)
	})
	return r.takenError(v.app, certain)
}

// servedBy is the tag of the standby that answers while the live stack does not run.
func (w world) servedBy() string {
	c := w.facts.Live.Other()
	runs := func(c Color) bool { return w.facts.Of(c).relied().Condition == Running }
	if !w.known || w.facts.Spare != Armed || runs(w.facts.Live) || !runs(c) {
		return ""
	}
	return w.of(c).Tag
}

// verdictOn says why the desired release is not to be run or, where nothing speaks
// against it, why what is live is not; and what git was told.
func (r *Runner) verdictOn(v view) string {
	bad, held := r.memory.Blocked(v.app.Release)
	for _, x := range []Release{r.memory.Live.Release, v.world.of(v.world.facts.Live).Release} {
		if !held {
			bad, held = r.memory.Blocked(x)
		}
	}
	text := fmt.Sprintf("release %s: %s: %s", bad.Release.Tag, bad.Reason, bad.Detail)
	if r.memory.RevertWords != "" {
		text += " (on_failure: revert: " + r.memory.RevertWords + ")"
	}
	return text + indentLogs(bad.Logs)
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
	state := map[Condition]string{Running: "warm", Broken: "broken", Stopped: "stopped"}[w.facts.Of(s.Color).relied().Condition]
	if state == "" || s.Foreign {
		return nil
	}
	if _, rejected := r.memory.Blocked(s.Release); rejected && s.Condition != Stopped {
		state = "rejected"
	}
	return &StatusStack{Tag: s.Tag, Color: s.Color, State: state, Spare: w.facts.Spare == Armed}
}

// indentLogs sets log lines off from the sentence before them.
func indentLogs(logs string) string {
	logs = strings.TrimRight(logs, "\n")
	if logs == "" {
		return ""
	}
	return "\n  | " + strings.ReplaceAll(logs, "\n", "\n  | ")
}
