package reconciler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// passState is everything that a status is made from: what one pass saw and decided.
type passState struct {
	desired Desired
	app     deploy.App
	world   world
	reason  deploy.Reason
	refused error
	err     error
	next    time.Time
	doing   string // what the step in hand waits for; empty while nobody need know
}

// note remembers, and tells, that something was put right.
func (r *Runner) note(app deploy.App, what string) { r.remember(app, deploy.Repaired, what, what) }

// warn remembers, and tells, what is not as it should be although nothing is done about it.
func (r *Runner) warn(app deploy.App, what string) {
	r.remember(app, deploy.Warned, what, "warning: "+what)
}

// remember tells what happened, and shows the words until the next deploy.
func (r *Runner) remember(app deploy.App, kind deploy.EventKind, what, words string) {
	r.memory.Note = words + " (" + r.options.Now().UTC().Format("2006-01-02 15:04:05Z") + ")"
	r.options.Emit(deploy.Event{Time: r.options.Now(), App: r.options.Name, Kind: kind, Commit: app.Commit.Hash, Message: what})
}

// noteGone tells that nothing was left of the live stack to be mended.
func (r *Runner) noteGone(app deploy.App, w world) {
	if t := r.memory.Live; t.Release == app.Release && w.of(t.Color).Condition == deploy.Absent {
		r.note(app, "every container of the live stack, "+string(t.Color)+", was gone; the release was brought up again")
	}
}

// noteDrift tells of traffic that somebody sent elsewhere.
func (r *Runner) noteDrift(app deploy.App, w world, reason deploy.Reason, s deploy.Step) {
	if reason == deploy.Drifted && s.Action == deploy.Flip && !r.parked {
		r.note(app, fmt.Sprintf("nginx sent traffic to %s, which nobody decided; moved back to %s", w.facts.Live, s.Color))
	}
}

// publish emits the status if it says something new. The same failure once more is nothing
// new, whatever ids are in its words: each status that is emitted is a commit. Who asks
// reads the newest words all the same.
func (r *Runner) publish(v passState) {
	r.tellEnded()
	s := r.statusOf(v)
	r.exchange.mu.Lock()
	r.exchange.memory = r.memory.Clone()
	same := r.exchange.status != nil && s.SaysNoMore(*r.exchange.status, v.err)
	r.exchange.status = &s
	r.exchange.mu.Unlock()
	if !same {
		r.options.Emit(deploy.Event{
			Time: r.options.Now(), App: r.options.Name, Kind: deploy.StatusChanged, Commit: s.Desired.Commit,
			Reason: s.Reason, Message: s.Message, Status: &s,
		})
	}
}

// publishDoing publishes what the step in hand waits for.
func (r *Runner) publishDoing(words string) {
	r.inHand.doing = words
	r.publish(*r.inHand)
}

// publishAwaited is publishDoing for what an earlier try may have waited for in vain: that
// is what the status says then, until there is an end, so that nobody is told in turns.
func (r *Runner) publishAwaited(words string) {
	if s := r.Status(); s == nil || s.Phase != deploy.PhaseDegraded {
		r.publishDoing(words)
	}
}

func (r *Runner) statusOf(v passState) deploy.Status {
	s := deploy.Status{App: r.options.Name, Host: r.options.Host, History: r.memory.Clone().History, Receipt: r.memory.Clone().Receipt}
	s.Desired = deploy.StatusDesired{Tag: r.desiredTag(v.desired), Color: v.desired.App.Color, Commit: r.memory.Commit}
	s.Phase, s.Reason, s.Message = r.phase(v)
	if err := r.strangersOf(v); err != nil {
		s.Withhold(err)
	}
	if err := v.world.outdated; err != nil && v.err == nil && v.refused == nil {
		s.Withhold(err)
	}
	if err := v.desired.Beside.Err(); err != nil {
		s.Message = strings.TrimSuffix(err.Error()+"\n"+s.Message, "\n")
	}
	if err := v.desired.Withheld; err != nil {
		s.Withhold(err)
	}
	if by := v.world.servedBy(); by != "" {
		s.Message = strings.TrimPrefix(s.Message+"; served by the standby "+by, "; ")
	}
	if v.doing != "" {
		s.Message = strings.TrimPrefix(s.Message+"; "+v.doing, "; ")
	}
	s.Ports = portsOf(v.app)
	s.Live = r.liveOf(v.world)
	if v.world.known {
		s.Standby = r.standbyOf(v.world)
	}
	if f := r.memory.Barrier; f != nil {
		s.Barrier = &deploy.StatusBarrier{Tag: f.Release.Tag, Commit: f.Commit}
	}
	printable(&s)
	return s
}

// phase finds the word and the sentence. What stands in the way now goes before
// what git got wrong, and that before what the plan says.
func (r *Runner) phase(v passState) (deploy.Phase, deploy.Reason, string) {
	switch {
	case v.err != nil:
		return deploy.PhaseDegraded, deploy.ReasonOf(v.err), v.err.Error()
	case v.refused != nil:
		return deploy.PhaseRefused, deploy.Refused, v.refused.Error()
	}
	if v.awaitsLines() {
		return deploy.PhaseDegraded, deploy.NotIncluded, v.world.lacks.Error()
	}
	switch v.reason {
	case deploy.Held, deploy.RollingBack, deploy.NoRollbackTarget:
		phase := deploy.PhaseHeld
		if v.reason == deploy.NoRollbackTarget {
			phase = deploy.PhaseDegraded
		}
		return phase, v.reason, r.verdictOn(v)
	case deploy.MigrationFailed:
		x := r.memory.ContractFailed
		return deploy.PhaseDegraded, v.reason, fmt.Sprintf("release %s is live, but its contract migration failed: %s; mend it and `tandem retry %s`%s",
			v.app.Tag, x.Detail, r.options.Name, indentLogs(x.Logs))
	case deploy.PortTaken:
		return deploy.PhaseDegraded, deploy.PortTaken, r.takenError(v.app, v.world.taken).Error()
	case deploy.NotIncluded:
		return deploy.PhaseDegraded, deploy.NotIncluded, v.world.lacks.Error()
	case deploy.OutsideWindow:
		return deploy.PhasePaused, deploy.OutsideWindow, fmt.Sprintf("no deploy window is open: %s waits until %s", v.app.Tag, v.world.opens.Format("Mon 2006-01-02 15:04 MST"))
	case deploy.AwaitingImage:
		phase := deploy.PhaseDeploying
		if v.app.Release == r.memory.Live.Release {
			phase = deploy.PhaseLive // it is the image of its contract migration
		}
		return phase, deploy.AwaitingImage, r.awaited(v.app)
	case deploy.Paused:
		return deploy.PhasePaused, deploy.Paused, "paused by a person; `tandem resume " + r.options.Name + "` goes on"
	case deploy.UpToDate, deploy.Rendering, deploy.SharedChange, deploy.Retiring, deploy.BackupChange, deploy.Contracting:
		return deploy.PhaseLive, v.reason, r.memory.Note
	case deploy.Healing:
		if f := v.world.facts; f.Of(f.Live).Relied().Condition != deploy.Running {
			return deploy.PhaseDegraded, deploy.Healing, "the live stack is damaged (" + damage(v.world.of(f.Live)) + ")"
		}
		return deploy.PhaseDegraded, deploy.Healing, r.memory.Note
	case deploy.MovingSingletons:
		if r.memory.Pending == nil {
			return deploy.PhaseDegraded, deploy.MovingSingletons, r.memory.Note
		}
		return deploy.PhaseDeploying, deploy.MovingSingletons, r.memory.Note
	default:
		return deploy.PhaseDeploying, v.reason, r.memory.Note
	}
}

// strangersOf tells of ports that something else holds while nothing else is wrong: the
// next release will need them. While the first one is not proven, people may still need
// what holds them.
func (r *Runner) strangersOf(v passState) error {
	if v.err != nil || v.refused != nil || v.reason == deploy.PortTaken || len(r.memory.Passed) == 0 {
		return nil
	}
	certain := slices.DeleteFunc(slices.Clone(v.world.taken), func(p takenPort) bool {
		return v.world.of(p.color).Condition != deploy.Absent && r.uncertain(p.route.Ports.Of(p.color), p.by)
	})
	return r.takenError(v.app, certain)
}

// servedBy is the tag of the standby that answers while the live stack does not run.
func (w world) servedBy() string {
	c := w.facts.Live.Other()
	runs := func(c deploy.Color) bool { return w.facts.Of(c).Relied().Condition == deploy.Running }
	if !w.known || w.facts.Backup != deploy.BackupActive || runs(w.facts.Live) || !runs(c) {
		return ""
	}
	return w.of(c).Tag
}

// verdictOn says why the desired release is not to be run or, where nothing speaks
// against it, why what is live is not; and what git was told.
func (r *Runner) verdictOn(v passState) string {
	bad, held := r.memory.Blocked(v.app.Release)
	for _, x := range []deploy.Release{r.memory.Live.Release, v.world.of(v.world.facts.Live).Release} {
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

// portsOf are those of the routes of the desired app; nil while it could not be read.
func portsOf(app deploy.App) map[string]deploy.Ports {
	var all map[string]deploy.Ports
	for _, r := range app.Routes {
		if all == nil {
			all = map[string]deploy.Ports{}
		}
		all[r.Name] = r.Ports
	}
	return all
}

// liveOf describes the stack that Nginx sends traffic to or, while it cannot be
// asked, the last one that it confirmed; nil when nothing was ever live.
func (r *Runner) liveOf(w world) *deploy.StatusLive {
	t := r.memory.Live
	if t.Release.IsZero() {
		return nil
	}
	live := &deploy.StatusLive{Tag: t.Release.Tag, Color: t.Color, Since: t.Since.Truncate(time.Second), Images: map[string]string{}}
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
func (r *Runner) standbyOf(w world) *deploy.StatusStack {
	s := w.of(w.facts.Live.Other())
	state := map[deploy.Condition]string{deploy.Running: "warm", deploy.Broken: "broken", deploy.Stopped: "stopped"}[w.facts.Of(s.Color).Relied().Condition]
	if state == "" || s.Foreign {
		return nil
	}
	if _, rejected := r.memory.Blocked(s.Release); rejected && s.Condition != deploy.Stopped {
		state = "rejected"
	}
	return &deploy.StatusStack{Tag: s.Tag, Color: s.Color, State: state, Backup: w.facts.Backup == deploy.BackupActive}
}

// indentLogs sets log lines off from the sentence before them.
func indentLogs(logs string) string {
	logs = strings.TrimRight(logs, "\n")
	if logs == "" {
		return ""
	}
	return "\n  | " + strings.ReplaceAll(logs, "\n", "\n  | ")
}
