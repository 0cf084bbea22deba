package deploy

import "slices"

// Plan says what is to be done next, and why. It is pure: the same input gives
// the same steps. Only the first step is ever executed before the world is
// looked at and planned again, so a plan never has to foresee a failure; the
// rest of it is what `tandem plan` shows.
//
// No steps means that everything is as it should be, or that nothing more can
// be done; the reason tells which.
func Plan(app App, o Observed, m Memory) ([]Step, Reason) {
	render := []Step{{Action: Render}}
	if o.Unrendered && o.Live == NoColor {
		return render, Rendering // the rest shows when Nginx can be asked
	}
	p := newPlanner(app, o, m)
	steps, reason := p.withoutBackup(p.plan())
	switch {
	case o.Unrendered && len(steps) == 0 && reason == UpToDate:
		return render, Rendering
	case o.Unrendered:
		return append(render, steps...), reason
	case o.SharedDue && !o.Closed && len(steps) == 0 && reason == UpToDate:
		return []Step{{Share, NoColor, app.Release}}, SharedChange
	case o.Unpruned && len(steps) == 0:
		return []Step{{Action: Prune}}, reason
	}
	return steps, reason
}

// AtRest tells whether a plan has nothing left to do for the release.
func AtRest(steps []Step) bool { return len(steps) == 0 || steps[0].Action == Prune }

func newPlanner(app App, o Observed, m Memory) planner {
	o.Blue, o.Green = o.Blue.Relied(), o.Green.Relied()
	return planner{app: app, o: o, m: m}
}

func (p planner) plan() ([]Step, Reason) {
	_, blocked := p.m.Blocked(p.app.Release)
	switch {
	case blocked:
		return p.planBlocked()
	case p.app.FilesRefused:
		return p.planKept(FilesRefused)
	case p.m.Paused:
		return p.planKept(Paused)
	case p.waits():
		return p.planKept(OutsideWindow)
	case p.o.Awaits:
		return p.planKept(AwaitingImage)
	}
	steps, reason := p.steps(goal{p.app.Release, p.chooseColor(p.app.Release)})
	if p.barred(steps) {
		return p.planKept(PortTaken)
	}
	return steps, reason
}

// barred tells whether the steps would start the desired release where something else
// holds a port. A release of which nothing was done yet waits for the ports of both
// colors: its next one needs the other. Not the first: what it replaces may hold them. What
// is dead in the live stack is started all the same, for the services that lack nothing.
func (p planner) barred(steps []Step) bool {
	r := p.app.Release
	if p.m.Pending == nil && p.m.Live.Release != r && !p.m.Live.Release.IsZero() && (p.o.Blue.Taken || p.o.Green.Taken) {
		return true
	}
	return slices.ContainsFunc(steps, func(s Step) bool {
		f := p.o.Of(s.Color)
		mends := s.Color == p.o.Live && f.Release == r
		return s.Action == Up && s.Release == r && f.Taken && !mends
	})
}

// waits tells whether a new release has to wait for a deploy window. What began
// in a window may end outside it, and a way back is always open.
func (p planner) waits() bool {
	r := p.app.Release
	return p.o.Closed && p.m.Pending == nil && p.m.Live.Release != r && !p.m.WasPromoted(r)
}

// goal is what should be live in the end.
type goal struct {
	release Release
	color   Color
}

type planner struct {
	app App
	o   Observed
	m   Memory
}

// chooseColor answers `color: auto`: stay where the release is live already,
// confirmed or at least running, otherwise take the color that traffic is not on. A
// confirmed release of which nothing is left stays, too: the other color may hold the
// only stack that answers.
func (p planner) chooseColor(r Release) Color {
	if p.app.Color != Auto {
		return p.app.Color
	}
	if t := p.m.Live; t.Release == r && (p.o.Of(t.Color).Release == r || p.gone(t.Color)) {
		return t.Color
	}
	if live := p.o.Of(p.o.Live); live.Release == r && live.Condition == Running {
		return p.o.Live
	}
	return p.firstColor()
}

// steps leads from what is observed to g.
func (p planner) steps(g goal) ([]Step, Reason) {
	steps, reason := p.lead(g)
	if !p.onTrial(g.release) && p.takesLastHealthy(steps) { // first its verdict
		steps, reason = p.serveFirst()
	}
	return p.untilReached(steps, reason)
}

// lead is the way to g, whatever becomes of the stack without traffic.
func (p planner) lead(g goal) ([]Step, Reason) {
	live := p.o.Of(p.o.Live)
	switch {
	case p.onTrial(g.release):
		return p.await(g)
	case p.stranded(g):
		return p.bring(goal{p.m.Live.Release, p.m.Live.Color})
	case p.alreadyServing(g):
		return []Step{{Confirm, p.o.Live, live.Release}}, p.whySecure()
	case p.m.Live.Is(p.o.Live, g.release) && p.o.Live == g.color && p.gone(g.color) && !p.idle(g.color.Other()):
		return p.finish(g)
	case p.o.Live != g.color:
		return p.move(g)
	case live.Release != g.release:
		return p.replaceLive(g)
	case p.m.Live.Is(g.color, g.release):
		return p.finish(g)
	case live.Condition == Running:
		return p.adopt(g), p.whyAdopt(g)
	default:
		// The right containers, but no record that they were ever fit for traffic.
		return p.replaceLive(g)
	}
}

// onTrial tells that r is confirmed live and has not had its verdict. Nothing
// else may be done for it before: should it be dead or gone, that is a verdict
// too, unless there was an outage, and the way back must still be there then.
func (p planner) onTrial(r Release) bool {
	return p.m.Live.Is(p.o.Live, r) && p.watchNeeded(r)
}

func (p planner) await(g goal) ([]Step, Reason) {
	here := goal{g.release, p.o.Live}
	steps, reason := p.handOver(here.color), Watching
	if p.m.Healing && p.o.Of(here.color).Release == g.release {
		// An outage, which is no verdict: it passes its gate again before it is watched.
		// One of which nothing is left has its verdict all the same.
		steps, reason = append(p.heal(here), p.handOverAfter(here)...), Healing
	}
	steps = append(steps, Step{Watch, here.color, here.release})
	if here.color != g.color {
		steps = append(steps, p.bringWatched(g)...)
	}
	return steps, reason
}

// stranded tells that the traffic has to return to the confirmed release before
// anything else is done. Nginx sends it to the other stack, which is dead or was
// rejected: killed between the flip and its confirmation, say, or flipped by
// hand. A new release would have to go where the confirmed one still is, and
// would destroy the only way back.
func (p planner) stranded(g goal) bool {
	live, beside := p.o.Of(p.o.Live), p.o.Of(p.o.Live.Other())
	_, bad := p.m.Blocked(beside.Release)
	switch {
	case bad || !p.m.Live.Is(p.o.Live.Other(), beside.Release):
		return false
	case live.Release == g.release:
		return live.Condition != Running
	default:
		return beside.Condition == Running && (live.Condition != Running || p.m.EverRejected(live.Release))
	}
}

// finish is the rest of the way for a release that is live in the color where it
// belongs, confirmed and watched.
func (p planner) finish(g goal) ([]Step, Reason) {
	if steps := p.heal(g); steps != nil {
		return steps, Healing
	}
	if steps := p.handOver(g.color); steps != nil {
		return steps, MovingSingletons
	}
	otherwise := UpToDate
	if p.contractDue(g) {
		if steps := p.contract(g); steps != nil {
			return steps, Contracting
		}
		otherwise = MigrationFailed
	}
	steps, reason := p.tidy(g.color.Other(), otherwise)
	if steps == nil {
		if steps = p.backupOn(g); steps != nil && reason == UpToDate {
			reason = BackupChange
		}
	}
	return steps, reason
}

// heal mends the live stack in place.
func (p planner) heal(g goal) []Step {
	switch {
	case p.o.Of(g.color).Condition != Running:
		return []Step{{Up, g.color, g.release}, {Gate, g.color, g.release}}
	case p.m.Healing:
		return []Step{{Gate, g.color, g.release}}
	default:
		return nil
	}
}

// tidy stops a stack that nobody needs to run: a rejected one, or a standby
// whose time is over. Otherwise there is nothing to do, for the reason given.
func (p planner) tidy(c Color, otherwise Reason) ([]Step, Reason) {
	s := p.o.Of(c)
	if s.Condition != Running && s.Condition != Broken {
		return nil, otherwise
	}
	_, rejected := p.m.Blocked(s.Release)
	if !rejected && !s.Expired {
		return nil, otherwise
	}
	return append(p.drain(c), Step{Retire, c, s.Release}), Retiring
}

// drain is the step that lets c finish what it has, if it has anything.
func (p planner) drain(c Color) []Step {
	s := p.o.Of(c)
	if s.Idle || (s.Condition != Running && s.Condition != Broken) {
		return nil
	}
	return []Step{{Drain, c, s.Release}}
}

// replaceLive is for a goal whose color has the traffic now, but not the
// release. A live stack is never touched, so the way leads over the other color.
// Only where nothing runs at all is there no traffic to lose; then it is sent to
// the other, empty color while this one is filled, because otherwise the first
// requests would reach a stack that has not passed its gate. A confirmed release
// is not given up for that, even if it is down: it is the way back.
func (p planner) replaceLive(g goal) ([]Step, Reason) {
	over := goal{g.release, g.color.Other()}
	if p.inPlace(g) {
		return p.bring(g)
	}
	if p.idle(g.color) && p.idle(over.color) && !p.m.Live.Is(g.color, p.o.Of(g.color).Release) {
		steps, reason := p.bring(g)
		return append([]Step{{Park, over.color, Release{}}}, steps...), reason
	}
	steps, _ := p.bring(over)
	back := []Step{{Up, g.color, g.release}, {Gate, g.color, g.release}, {Flip, g.color, g.release}, {Confirm, g.color, g.release}}
	back = append(back, p.handOverAfter(g)...)
	return append(append(steps, p.drain(g.color)...), back...), NewRelease
}

// move is for a goal whose color does not have the traffic.
func (p planner) move(g goal) ([]Step, Reason) {
	live := p.o.Of(p.o.Live)
	steps, reason := p.bring(g)
	switch {
	case live.Release != g.release:
		return steps, reason
	case !p.m.Live.Is(p.o.Live, g.release):
		// Killed between the flip to this color and its confirmation: what Nginx
		// sends traffic to has to prove itself before its way back is overwritten.
		if p.o.Of(g.color).Release == g.release || live.Condition != Running {
			return steps, reason
		}
		return append(p.adopt(goal{g.release, p.o.Live}), p.bringWatched(g)...), p.whyAdopt(g)
	default:
		// The second hop takes its time, in which the release runs here.
		return append(p.handOver(p.o.Live), steps...), ColorChange
	}
}

// adopt confirms what Nginx sends traffic to already, once it has passed the gate.
func (p planner) adopt(g goal) []Step {
	var steps []Step
	if !p.o.Of(g.color).Gated {
		steps = append(steps, Step{Gate, g.color, g.release})
	}
	steps = append(steps, Step{Confirm, g.color, g.release})
	steps = append(steps, p.handOverAfter(g)...)
	if p.watchNeeded(g.release) {
		steps = append(steps, Step{Watch, g.color, g.release})
	}
	return steps
}

// bring makes a color without traffic run the release, proves it and flips.
// Every prefix of it is safe: the live stack is untouched until the flip, and
// afterwards it is the way back until the watch has passed.
func (p planner) bring(g goal) ([]Step, Reason) {
	s := p.o.Of(g.color)
	ready := s.Release == g.release && s.Condition == Running
	steps := p.expand(g)
	if !ready {
		if s.Release != g.release {
			steps = append(steps, p.drain(g.color)...)
		}
		steps = append(steps, Step{Up, g.color, g.release})
	}
	if !ready || !s.Gated {
		steps = append(steps, Step{Gate, g.color, g.release})
	}
	steps = append(steps, Step{Flip, g.color, g.release}, Step{Confirm, g.color, g.release})
	steps = append(steps, p.handOverAfter(g)...)
	if p.watchNeeded(g.release) {
		steps = append(steps, Step{Watch, g.color, g.release})
	}
	return steps, p.whyBring(g, s)
}

// bringWatched is bring for a release that will have been watched in the other
// color by then: it is not watched twice.
func (p planner) bringWatched(g goal) []Step {
	steps, _ := p.bring(g)
	if last := len(steps) - 1; steps[last].Action == Watch {
		return steps[:last]
	}
	return steps
}

func (p planner) whyBring(g goal, s StackFacts) Reason {
	switch {
	case p.m.Live.Release.IsZero():
		return FirstDeploy
	case p.m.Live.Is(g.color, g.release):
		return Drifted
	case s.Release == g.release && p.m.HasPassed(g.release):
		return Returning
	default:
		return NewRelease
	}
}

// whyAdopt is the reason with which the deploy began that brought g this far.
func (p planner) whyAdopt(g goal) Reason {
	if d := p.m.Pending; d != nil && g.release == p.app.Release {
		return d.Reason
	}
	return NewRelease
}

// watchNeeded tells whether r still has to prove itself under traffic. A
// rejected one has had its verdict.
func (p planner) watchNeeded(r Release) bool {
	_, rejected := p.m.Blocked(r)
	return !rejected && !p.m.HasPassed(r)
}
