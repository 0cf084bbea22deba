package reconciler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"tandem/reconciler/deploy"
)

// The pauses after a failure grow from the first to the last.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// Run works until ctx ends. A pass that failed is repeated after a growing,
// jittered pause. A decision ends the pause at once; an event only after
// firstPause, so that the events which a failing pass itself causes do not keep
// it spinning.
func (r *Runner) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		out := r.pass(ctx)
		if out.retry {
			failures++
		} else {
			failures = 0
		}
		if out.again {
			continue
		}
		r.sleep(ctx, out, failures)
	}
}

// Once does passes until the app is as desired, cannot be, or ctx ends.
func (r *Runner) Once(ctx context.Context) *deploy.Status {
	for ctx.Err() == nil {
		if out := r.pass(ctx); !out.again {
			break
		}
	}
	return r.Status()
}

func (r *Runner) sleep(ctx context.Context, out outcome, failures int) {
	var timer <-chan time.Time
	events := r.kick
	switch {
	case failures > 0:
		pause := min(firstPause<<min(failures-1, 10), lastPause)
		timer = time.After(pause + rand.N(pause/5))
		events = nil
	case !out.next.IsZero():
		timer = time.After(out.next.Sub(r.options.Now()))
	}
	var quiet <-chan time.Time
	if events == nil {
		quiet = time.After(firstPause)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer:
			return
		case <-r.news:
			return
		case <-quiet:
			events = r.kick
		case <-events:
			return
		}
	}
}

// begin takes what was left for the working goroutine and returns the context
// of this pass, which ends when newer word arrives.
func (r *Runner) begin(ctx context.Context) (context.Context, context.CancelFunc, *Desired, error) {
	r.exchange.mu.Lock()
	defer r.exchange.mu.Unlock()
	// What was announced so far is taken here.
	empty(r.kick)
	empty(r.news)
	commands := r.exchange.commands
	r.exchange.commands = nil
	for _, f := range commands {
		f(&r.memory)
	}
	d := r.exchange.desired
	changed := len(commands) > 0 || r.unsaved
	if d != nil && r.memory.RecordTree(d.File.Tree, d.File.Commit.Hash, r.noted()) {
		changed, r.stuck = true, ""
	}
	if d != nil && d.Err == nil && r.memory.Dir != d.File.Dir {
		r.memory.Dir, changed = d.File.Dir, true
	}
	if changed {
		if err := r.save(); err != nil {
			return nil, nil, d, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	r.exchange.abort = cancel
	return ctx, cancel, d, nil
}

func (r *Runner) end() {
	r.exchange.mu.Lock()
	r.exchange.abort = nil
	r.exchange.mu.Unlock()
}

// outcome is how a pass ended.
type outcome struct {
	again bool      // newer word arrived in the middle: look at it at once
	retry bool      // something failed that may go better later
	next  time.Time // when time alone will change the plan; zero: never
}

// maxSteps bounds one pass. A plan that does not come to rest is a bug, and
// then a pause is better than a spin.
const maxSteps = 60

// pass reads, observes, plans and executes until there is nothing to do. Its
// status is emitted on every way out.
func (r *Runner) pass(parent context.Context) outcome {
	ctx, cancel, d, err := r.begin(parent)
	if err != nil {
		if d != nil {
			r.publish(passState{desired: *d, err: err})
		}
		return outcome{retry: true}
	}
	defer r.end()
	defer cancel()
	if d == nil {
		return outcome{}
	}
	app, view, err := r.prepare(ctx, *d)
	if app == nil && view.refused != nil && d.Err == nil {
		r.prepareSite(ctx, d.App)
	}
	if app != nil {
		trouble := r.converge(ctx, *app, &view)
		if errors.Is(trouble, errChosenAnew) && r.reallocated < maxReallocated {
			r.reallocated++
			return outcome{again: true}
		}
		r.reallocated = 0
		if away(trouble) {
			trouble = errors.Join(trouble, r.interrupt(*app, deploy.WasAway))
		}
		if err == nil {
			err = trouble
		}
	}
	switch {
	case parent.Err() != nil:
		return outcome{}
	case ctx.Err() != nil:
		return outcome{again: true}
	}
	if err == nil {
		r.stuck = ""
	}
	view.err = err
	r.publish(view)
	return outcome{retry: err != nil, next: view.next}
}

// converge executes one step after another, planning afresh before each.
func (r *Runner) converge(ctx context.Context, app deploy.App, v *passState) error {
	r.inHand, r.lacking = v, nil
	for range maxSteps {
		v.doing = ""
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := r.observe(ctx, app)
		v.world, v.app = w, app
		if w.facts.Unrendered {
			err = r.execute(ctx, app, w, deploy.Step{Action: deploy.Render}, deploy.Rendering)
			if deploy.ReasonOf(err) == deploy.NotIncluded {
				r.lacking, err = err, nil
			}
			if err == nil {
				continue
			}
			v.world.unasked = ctx.Err() == nil
		}
		if err != nil {
			healed, failed := r.healUnasked(ctx, app, *v, err)
			if healed && failed == nil {
				continue
			}
			return errors.Join(err, failed)
		}
		if err := r.chooseOthers(ctx, app, w); err != nil {
			return err
		}
		steps, reason := deploy.Plan(app, w.facts, r.memory)
		v.reason = reason
		if deploy.AtRest(steps) || reason.Afterwards() {
			if err := r.settled(app, reason); err != nil {
				return err
			}
		}
		if reason == deploy.PortTaken && deploy.AtRest(steps) {
			return r.takenError(app, w.taken)
		}
		if len(steps) == 0 {
			v.next = w.next
			return nil
		}
		r.noteDrift(app, w, reason, steps[0])
		broken := (reason == deploy.Held || reason == deploy.Healing) && reason != r.stuck && !w.of(w.facts.Live).Loops()
		if a := steps[0].Action; a == deploy.Watch || a == deploy.Expand || a == deploy.Up && w.unwritten || broken || reason.Afterwards() && reason != deploy.BackupChange {
			// The traffic has arrived where it belongs, and what is left takes its time, as
			// does a migration; or something is broken, which the next tries do not tell anew.
			r.publish(*v)
		}
		if err := r.execute(ctx, app, w, steps[0], reason); err != nil {
			if r.madeRoom(ctx, app, w, err) {
				continue
			}
			r.stuck = reason
			return err
		}
		r.lacking = nil // what passed its gate since may be told to write more
	}
	return errors.New("the plan does not come to rest; this is a bug in tandem, please report it with the log")
}

// render has Nginx's generated files of the app written and loaded.
func (r *Runner) render(ctx context.Context, app deploy.App, w world) error {
	repaired, err := r.options.Router.Prepare(ctx, r.routing(app, &w))
	for _, file := range repaired {
		r.note(app, fmt.Sprintf("%s had been changed by somebody else; written again", file))
	}
	switch {
	case err != nil && deploy.ReasonOf(err) != deploy.SiteOutdated: // which the next look tells
		return err
	case w.loadSite:
		return r.options.Router.LoadSite(ctx, app)
	}
	return nil
}

// settled closes the deploy in hand once there is nothing left to do for it, or
// nothing but what comes after a deploy.
func (r *Runner) settled(app deploy.App, reason deploy.Reason) error {
	if r.memory.Pending == nil || r.memory.Live.Release != app.Release {
		return nil
	}
	switch reason {
	case deploy.UpToDate, deploy.Paused, deploy.FilesRefused, deploy.Retiring, deploy.BackupChange, deploy.Contracting, deploy.MigrationFailed:
		result := deploy.Promoted
		if r.memory.Pending.Reason == deploy.Returning {
			result = deploy.Reverted
		}
		r.memory.Finish(result, "", r.options.Now())
		return r.save()
	default:
		return nil
	}
}

// noted is the time now as the memory keeps it, by the clock of what it keeps already.
func (r *Runner) noted() time.Time {
	now := r.options.Now()
	r.memory.KeepTime(r.options.Clock(), now)
	return deploy.Instant(now)
}

// planUnasked is what can be done while Nginx cannot be asked. The traffic is taken to be
// where it was confirmed last.
func (r *Runner) planUnasked(app deploy.App, w *world) []deploy.Step {
	live := r.memory.Live
	if !w.unasked || live.Release.IsZero() {
		return nil
	}
	r.believe(w, live.Color)
	w.facts.Live = live.Color
	w.facts.Blue, w.facts.Green = r.facts(app, w, deploy.Blue), r.facts(app, w, deploy.Green)
	return deploy.PlanUnasked(app, w.facts, r.memory)
}

// healUnasked does the first of those steps, if there is one. why says what is in the way
// of asking Nginx; that is told all the while.
func (r *Runner) healUnasked(ctx context.Context, app deploy.App, v passState, why error) (healed bool, err error) {
	steps := r.planUnasked(app, &v.world)
	if len(steps) == 0 {
		return false, nil
	}
	v.err = why
	r.publish(v)
	app.FilesRefused = true // a newer release must not have this one given up: its turn needs Nginx
	err = r.execute(ctx, app, v.world, steps[0], deploy.Healing)
	// Should Nginx send the traffic elsewhere by then, it proves itself again before a flip.
	delete(r.proven.gated, steps[0].Color)
	return true, err
}
