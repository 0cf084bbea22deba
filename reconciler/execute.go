package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// flipTime bounds a flip and its confirmation. They are not cut short by a newer
// commit or a stop: half a flip is the one thing that must not happen.
const flipTime = 15 * time.Second

// execute does one step. A *RejectError becomes a verdict in the memory, and the
// next plan deals with it; any other error ends the pass.
func (r *Runner) execute(ctx context.Context, app deploy.App, w world, s deploy.Step, reason deploy.Reason) error {
	of, err := r.appOf(app, w, s)
	if err != nil && !s.KnowsNoFiles() {
		return err
	}
	if err := r.beginDeploy(app, w, s, reason); err != nil {
		return err
	}
	began := r.options.Now()
	err = r.exportAnew(ctx, of, r.do(ctx, app, of, w, s))
	took := r.options.Now().Sub(began)
	if ctx.Err() != nil && err != nil {
		return ctx.Err()
	}
	e := deploy.Event{Time: r.options.Now(), App: r.options.Name, Kind: deploy.StepDone, Commit: r.memory.Commit, Step: s, Reason: reason, Took: took}
	if err == nil {
		r.options.Emit(e)
		return nil
	}
	if s.Action == deploy.Render && deploy.ReasonOf(err) == deploy.NotIncluded {
		return err // it waits for a person, who is told by the status
	}
	e.Kind, e.Err = deploy.StepFailed, err
	r.options.Emit(e)
	var bad *deploy.RejectError
	var unfit *unhealthyBackupError
	if errors.As(err, &unfit) {
		return nil
	}
	if errors.As(err, &bad) && s.Release == app.Release && s.Release != r.memory.Live.Release && r.mayAwait(of, bad) {
		return r.await(s.Release, bad)
	}
	if errors.As(err, &bad) && !deploy.Forgives(app, w.facts, r.memory, s) {
		return r.reject(app, w, s, bad)
	}
	givesWay := s.Action == deploy.Up && deploy.GivesWay(app, w.facts, r.memory, s)
	if givesWay && !away(err) {
		// Whatever is in its way, a newer release must not wait for it.
		return r.reject(app, w, s, &deploy.RejectError{Reason: deploy.ReasonOf(err), Detail: err.Error()})
	}
	if s.Action == deploy.Render {
		return err // which says what is wrong with Nginx, and is the same wherever it shows
	}
	if bad != nil && (bad.Reason == deploy.RestartLoop || bad.Reason == deploy.ContainerExited) {
		// Whichever step sees it, it is the same failure.
		return fmt.Errorf("%s: %w", s.Color, err)
	}
	return fmt.Errorf("%s %s: %w", s.Action, s.Color, err)
}

// do is the one switch over the actions. of is the App of the step's release.
func (r *Runner) do(ctx context.Context, app, of deploy.App, w world, s deploy.Step) error {
	switch s.Action {
	case deploy.Render:
		return r.render(ctx, app, w)
	case deploy.Prune:
		return r.prune(ctx, app, w)
	case deploy.Park:
		r.parked = true
		r.noteGone(app, w)
		return r.flip(ctx, app, w, s.Color, true)
	case deploy.DisableBackup:
		return r.setBackup(ctx, app, w, false)
	case deploy.Expand:
		return r.expand(ctx, of, s)
	case deploy.Up:
		return r.up(ctx, app, of, w, s)
	case deploy.Gate:
		return r.passGate(ctx, of, w, s)
	case deploy.Flip:
		if err := r.reach(ctx, app, w, s.Color); err != nil {
			return err
		}
		r.parked = false
		// A color that was confirmed before (drift) gets no Confirm step of its own.
		return r.flip(ctx, app, w, s.Color, r.memory.Live.Is(s.Color, s.Release))
	case deploy.Confirm:
		return r.confirm(ctx, app, of, w, s)
	case deploy.HandOver:
		return r.handOver(ctx, app, of, w, s)
	case deploy.Watch:
		return r.watch(ctx, of, w, s)
	case deploy.Drain:
		return r.drain(ctx, app, w, s.Color)
	case deploy.Retire:
		return r.options.Stacks.Stop(ctx, app, s.Color)
	case deploy.Contract:
		return r.contract(ctx, of, w, s)
	case deploy.EnableBackup:
		return r.proveBackup(ctx, app, of, w, s)
	case deploy.Share:
		return r.options.Shared.UpShared(ctx, app, r.publishAwaited)
	case deploy.Revert:
		return r.revert(ctx, app)
	default:
		return fmt.Errorf("unknown action %q", s.Action)
	}
}

func (r *Runner) up(ctx context.Context, app, of deploy.App, w world, s deploy.Step) error {
	heals := w.facts.Live == s.Color && r.memory.Live.Is(s.Color, s.Release)
	r.memory.Healing = r.memory.Healing || heals
	how := &deploy.Start{Was: r.memory.Starting(w.of(s.Color), s.Release)}
	if s.Release == app.Release && s.Release != r.memory.Live.Release {
		how.Await = r.publishAwaited // what mends, or goes back, waits for nothing
	}
	if err := r.save(); err != nil {
		return err
	}
	delete(r.proven.gated, s.Color)
	g := r.gateOf(of, s.Color)
	err := r.countFailure(ctx, of, s, r.options.Stacks.Up(ctx, of, s.Color, how))
	stack, unseen := g.observe(ctx)
	if unseen == nil {
		r.own(ctx, stack) // also of a stack that does not start: its images are here
	}
	if err := cmp.Or(err, unseen); err != nil {
		return err
	}
	now := deploy.StartedOf(stack)
	now.Gated = how.Was.Gated
	r.memory.Started[s.Color] = now
	if err := r.save(); err != nil {
		return err
	}
	if err := g.started(ctx); err != nil {
		return err
	}
	if heals {
		r.note(of, "the live stack was damaged ("+damage(w.of(s.Color))+"); mended")
	}
	return nil
}

func (r *Runner) gateOf(app deploy.App, c deploy.Color) *gate {
	return &gate{stacks: r.options.Stacks, examiner: r.options.Examiner, prober: r.options.DirectProber, holders: r.options.Holders, app: app, color: c, now: r.options.Now}
}

// damage lists what a stack lacks.
func damage(s deploy.Stack) string {
	var what []string
	for _, c := range s.Containers {
		if !c.Up() && !c.Singleton {
			what = append(what, c.Name+" "+c.Words()+c.IfMeant())
		}
	}
	for _, m := range s.Missing {
		what = append(what, "no container for "+m)
	}
	switch {
	case len(s.Containers) == 0:
		return "no containers"
	case len(what) == 0:
		return "its start did not end well"
	}
	return strings.Join(what, "; ")
}

func (r *Runner) passGate(ctx context.Context, of deploy.App, w world, s deploy.Step) error {
	began := r.options.Now()
	old := r.startBaseline(ctx, of, w, s)
	g, seen := r.gateOf(of, s.Color), w.of(s.Color)
	g.seen, g.noAlternative = &seen, deploy.NoAlternative(of, w.facts, r.memory, s.Release)
	stack, err := g.pass(ctx)
	if err != nil {
		return err
	}
	if words := g.warning(); words != "" {
		r.warn(of, words)
	}
	took := r.options.Now().Sub(began)
	r.proven.gated[s.Color] = stack.Instance()
	r.memory.RecordGate(s)
	if r.memory.Live.Is(s.Color, s.Release) {
		if r.memory.Healing && r.memory.OnTrial() {
			r.memory.Live.RestartWatch(stack, r.noted())
		}
		r.memory.Healing = false // the receipt stays that of the deploy
	} else {
		r.recordGateTime(s, took)
	}
	if s.Color != w.facts.Live {
		r.memory.Baseline = old.baseline(ctx)
	}
	return r.save()
}

// reach waits until Nginx gets through to where the traffic is to go. That is no verdict
// on the release, which has passed its gate. An Nginx that does not read the app's files
// yet has no way there, and no traffic for it.
func (r *Runner) reach(ctx context.Context, app deploy.App, w world, to deploy.Color) error {
	if w.unwritten {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, app.Gate.Timeout)
	defer cancel()
	return r.options.Router.Reach(ctx, r.routing(app, &w), to)
}

// flip moves the traffic to color.
func (r *Runner) flip(ctx context.Context, app deploy.App, w world, to deploy.Color, confirm bool) error {
	if !confirm && !w.facts.Unused {
		r.startProberForFlip(ctx, app, w, to)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flipTime)
	defer cancel()
	began := r.options.Now()
	routing := r.routing(app, &w)
	if err := r.options.Router.Flip(ctx, routing, to); err != nil && !r.unheard(ctx, app, w, to, err) {
		return err
	}
	if confirm {
		return r.options.Router.Confirm(ctx, routing, to)
	}
	if r.memory.Receipt != nil {
		r.memory.Receipt.Flip = deploy.Took(r.options.Now().Sub(began))
	}
	return nil
}

// confirm asks the running Nginx, believes nothing else, and only then writes
// down that the release is live.
func (r *Runner) confirm(pass context.Context, app, of deploy.App, w world, s deploy.Step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(pass), flipTime)
	defer cancel()
	began := r.options.Now()
	if err := r.options.Router.Confirm(ctx, r.routing(app, &w), s.Color); err != nil {
		return err
	}
	if r.memory.Receipt != nil {
		r.memory.Receipt.Flip += deploy.Took(r.options.Now().Sub(began))
	}
	r.memory.Healing = false
	if !r.memory.Live.Is(s.Color, s.Release) {
		r.memory.Live = deploy.LiveRelease{
			Color: s.Color, Release: s.Release, Commit: of.Commit.Hash, Root: of.Root,
			Since: r.noted(),
		}
		r.memory.Live.RecordStart(w.of(s.Color))
	}
	r.startProber(pass, of, of.Routes, briskTime)
	r.recordArrival(s)
	return r.save()
}

func (r *Runner) watch(ctx context.Context, of deploy.App, w world, s deploy.Step) error {
	r.startProber(ctx, of, of.Routes, briskTime) // the agent may have been started again
	saved := r.options.Now()
	watch := &watch{
		stacks: r.options.Stacks, examiner: r.options.Examiner, prober: r.options.DirectProber, accessLog: r.options.AccessLog, stats: r.options.StatsReader, probes: r.prober.between,
		app: of, liveRelease: r.memory.Live, old: r.baselineOf(s.Release), now: r.options.Now,
		noAlternative: deploy.NoAlternative(of, w.facts, r.memory, s.Release), say: r.publishDoing,
		record: func(s deploy.Sample, verdict string) error {
			r.record(s, verdict)
			if r.options.Now().Sub(saved) < receiptEvery {
				return nil
			}
			saved = r.options.Now()
			return r.save()
		},
	}
	err := watch.run(ctx)
	var outage *deploy.OutageError
	if errors.As(err, &outage) {
		return r.interrupt(of, outage.What)
	}
	if err != nil {
		return err
	}
	if watch.warning != "" {
		r.warn(of, watch.warning)
	}
	r.memory.Pass(s.Release, w.stacks[0].Release, w.stacks[1].Release)
	return r.save()
}

// reject records the verdict. What follows from it is the next plan's business.
func (r *Runner) reject(app deploy.App, w world, s deploy.Step, bad *deploy.RejectError) error {
	result := deploy.RejectedBeforeTraffic
	if s.Color == w.facts.Live && !w.facts.Unused { // confirmed or not: killed in between, say
		result = deploy.RolledBack
	}
	r.memory.Reject(s.Release, *bad)
	if s.Release == app.Release { // what is in hand is always the desired release
		r.memory.Finish(result, bad.Reason, r.options.Now())
	}
	r.options.Emit(deploy.Event{
		Time: r.options.Now(), App: r.options.Name, Kind: deploy.Rejecting, Commit: r.memory.Commit, Step: s,
		Reason: bad.Reason, Message: bad.Detail + indentLogs(bad.Logs), Breach: bad.Breach,
	})
	return r.save()
}

// beginDeploy opens a line of the history with the first step that serves the
// desired release.
func (r *Runner) beginDeploy(app deploy.App, w world, s deploy.Step, reason deploy.Reason) error {
	if s.Release != app.Release || app.FilesRefused || r.memory.Pending != nil {
		return nil
	}
	switch reason {
	case deploy.FirstDeploy, deploy.NewRelease, deploy.ColorChange, deploy.Returning, deploy.Watching:
	default:
		return nil
	}
	r.memory.Note = ""
	r.noteGone(app, w)
	r.memory.Begin(deploy.Entry{
		Commit: r.memory.Commit, Tag: app.Tag, Color: s.Color, Reason: reason,
		Started: r.noted(),
	})
	return r.save()
}
