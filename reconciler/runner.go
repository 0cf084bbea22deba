package reconciler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"tandem/reconciler/deploy"
)

// Desired is what the newest commit says about one app: an App, or the reason
// why there is none.
type Desired struct {
	File deploy.AppFile
	App  deploy.App // as ParseApp returned it; zero when Err is set
	Err  error      // Faults, or why the app cannot be taken from this commit
	// Withheld says why a newer commit is not taken; see Revision. nil: there is none.
	Withheld error
	Beside   deploy.Faults // of other files of the commit that name this app too, and are refused
}

// Options are the parts that a Runner works with. All are needed.
type Options struct {
	Name         string // the app's
	Host         string // this machine, for the status
	Trees        string // directory under which the app's files are exported
	Source       Source
	Resolver     Resolver
	Stacks       Stacks
	Examiner     Examiner
	DirectProber DirectProber
	Router       Router
	Holders      Holders
	ProxyProber  ProxyProber
	AccessLog    AccessLog
	StatsReader  StatsReader
	Backup       Backup
	Singletons   Singletons
	Migrator     Migrator
	Pruner       Pruner
	Reverter     Reverter
	InUse        func(deploy.Image) bool   // whether another app needs the image
	Turns        Turns                     // those of the agent's runners
	Memory       deploy.Memory             // as it was saved last
	Save         func(deploy.Memory) error // atomically; called before anything relies on it
	Emit         func(deploy.Event)        // must not block
	Now          func() time.Time
	Clock        func() deploy.Clock // the one that Now reads
}

// Runner brings one app from what is observed to what is desired, and keeps it
// there. One goroutine (Run or Once) does all the work; the other methods only
// leave word for it and may be called from anywhere.
type Runner struct {
	Options
	kick chan struct{} // of size one: something may have changed
	news chan struct{} // of size one: somebody decided something

	mu       sync.Mutex
	desired  *Desired
	commands []func(*deploy.Memory)
	abort    context.CancelFunc // of the pass in hand; nil between passes
	status   *deploy.Status     // the last one emitted
	roots    map[string]bool    // exported files that are needed
	known    deploy.Memory      // for other goroutines: as it was when the last status was made

	// Below: only the working goroutine.
	memory   deploy.Memory
	unsaved  bool                         // the last Save failed: nothing may rely on memory yet
	file     string                       // the name of the app's tandem.yaml in its directory
	ready    *deploy.App                  // the last App that was read, exported and resolved
	apps     map[string]deploy.App        // by root, for stacks of other releases
	changed  map[string]bool              // roots whose files are not those of git any more: see trees.go
	gated    map[deploy.Color]string      // Stack.Instance that passed the gate since this process started
	drained  map[deploy.Color]bool        // was waited out since traffic left it
	proofs   map[deploy.Color]backupCheck // as a backup
	reported deploy.Entry                 // the newest line of the history that listeners heard of
	dirty    bool                         // images may have become needless

	strangers map[int]time.Time // ports on which a program of the host listens, since it was seen first
	live      deploy.Color      // what Nginx said last
	prober    *proxyProber      // the last that was begun; nil before the first
	inHand    *view             // of the pass that goes on
	nextAsk   time.Time         // when an image that is awaited is asked for again
	stuck     deploy.Reason     // of the plan whose step failed in the last pass
	parked    bool              // traffic was sent to an empty color by this process, not by somebody
}

// NewRunner returns a Runner that has nothing to do until Offer.
func NewRunner(o Options) *Runner {
	r := &Runner{
		Options: o,
		kick:    make(chan struct{}, 1),
		news:    make(chan struct{}, 1),
		memory:  o.Memory.Clone(),
		apps:    map[string]deploy.App{},
		changed: map[string]bool{},
		gated:   map[deploy.Color]string{},
		drained: map[deploy.Color]bool{},
		proofs:  map[deploy.Color]backupCheck{},

		strangers: map[int]time.Time{},

		known:    o.Memory.Clone(),
		reported: newest(o.Memory.History),
		dirty:    true,
		roots:    map[string]bool{o.Memory.Live.Root: true},
	}
	r.Stacks = rememberingStacks{o.Stacks, &r.memory, map[string]deploy.Container{}, o.Now}
	return r
}

// Offer hands over what a newer commit says. If the app's directory changed, the
// work in hand is dropped at the next point where that is safe: the newer commit
// wins.
func (r *Runner) Offer(d Desired) {
	r.mu.Lock()
	if r.desired != nil && r.desired.File.Tree != d.File.Tree && r.abort != nil {
		r.abort()
	}
	r.desired = &d
	r.mu.Unlock()
	signal(r.news)
}

// Wake makes the runner look at the world again soon.
func (r *Runner) Wake() { signal(r.kick) }

// Retry makes a rejected release be tried again.
func (r *Runner) Retry() { r.command((*deploy.Memory).Retry) }

// Pause keeps new releases from being deployed until Resume. What is live is
// still kept alive, and taken back if it proves bad.
func (r *Runner) Pause() { r.command(func(m *deploy.Memory) { m.Paused = true }) }

// Resume ends a Pause.
func (r *Runner) Resume() { r.command(func(m *deploy.Memory) { m.Paused = false }) }

func (r *Runner) command(f func(*deploy.Memory)) {
	r.mu.Lock()
	r.commands = append(r.commands, f)
	if r.abort != nil {
		r.abort()
	}
	r.mu.Unlock()
	signal(r.news)
}

// Status returns the last status, or nil before the first pass ended.
func (r *Runner) Status() *deploy.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

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
		timer = time.After(out.next.Sub(r.Now()))
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
	r.mu.Lock()
	defer r.mu.Unlock()
	// What was announced so far is taken here.
	empty(r.kick)
	empty(r.news)
	commands := r.commands
	r.commands = nil
	for _, f := range commands {
		f(&r.memory)
	}
	d := r.desired
	changed := len(commands) > 0 || r.unsaved
	if d != nil && r.memory.See(d.File.Tree, d.File.Commit.Hash, r.noted()) {
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
	r.abort = cancel
	return ctx, cancel, d, nil
}

func (r *Runner) end() {
	r.mu.Lock()
	r.abort = nil
	r.mu.Unlock()
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
			r.publish(view{desired: *d, err: err})
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
func (r *Runner) converge(ctx context.Context, app deploy.App, v *view) error {
	r.inHand = v
	for range maxSteps {
		v.doing = ""
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := r.observe(ctx, app)
		v.world, v.app = w, app
		if w.facts.Unrendered {
			if err = r.execute(ctx, app, w, deploy.Step{Action: deploy.Render}, deploy.Rendering); err == nil {
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
	}
	return errors.New("the plan does not come to rest; this is a bug in tandem, please report it with the log")
}

// render has Nginx's generated files of the app written and loaded. What is in the way of
// their use, and a person has to write, shows at the next look.
func (r *Runner) render(ctx context.Context, app deploy.App, w world) error {
	repaired, err := r.Router.Prepare(ctx, r.routing(app, &w))
	for _, file := range repaired {
		r.note(app, fmt.Sprintf("%s had been changed by somebody else; written again", file))
	}
	switch reason := deploy.ReasonOf(err); {
	case err != nil && reason != deploy.SiteOutdated && reason != deploy.NotIncluded:
		return err
	case w.loadSite:
		return r.Router.LoadSite(ctx, app)
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
		r.memory.Finish(result, "", r.Now())
		return r.save()
	default:
		return nil
	}
}

// save keeps the memory. Where that fails the pass ends, and no other begins
// before it went well: a verdict that was acted on and then forgotten in a crash
// would be acted against.
func (r *Runner) save() error {
	r.unsaved = true
	if err := r.Save(r.memory.Clone()); err != nil {
		return fmt.Errorf("save memory: %w", err)
	}
	r.unsaved = false
	return nil
}

// tellEnded tells the listeners of each deploy that ended since they last heard.
func (r *Runner) tellEnded() {
	fresh := slices.Clone(r.memory.History)
	if i := slices.Index(fresh, r.reported); i >= 0 {
		fresh = fresh[:i]
	}
	for _, e := range slices.Backward(fresh) {
		r.dirty = true
		r.Emit(deploy.Event{Time: r.Now(), App: r.Name, Kind: deploy.DeployEnded, Commit: e.Commit, Reason: e.Reason, Took: time.Duration(e.Took), Entry: &e})
	}
	r.reported = newest(r.memory.History)
}

func newest(history []deploy.Entry) deploy.Entry {
	if len(history) == 0 {
		return deploy.Entry{}
	}
	return history[0]
}
