package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// world is what was just observed.
type world struct {
	facts  deploy.Observed
	stacks [2]deploy.Stack // blue, green
	known  bool            // facts.Live is what Nginx said
	next   time.Time       // when time alone will change the facts; zero: never
	opens  time.Time       // when the next deploy window opens; zero where one is open

	unasked bool // Docker was looked at, and Nginx could not be asked: see healUnasked

	lacks     error // what a person has to write before requests can come to an app that was never live; nil: nothing
	unwritten bool  // that are include lines: Nginx does not read all of the app's files

	holders map[int]deploy.Holder // of the ports of the routes
	taken   []takenPort           // of those that the desired release wants

	outdated error // what of the site has to be changed; nil: nothing

	lines    string // what a person has to write before Nginx can use the files that are to be rendered
	loadSite bool   // a person has changed the site, and Nginx has to load it
}

// at notes a moment at which time alone will change the facts.
func (w *world) at(t time.Time) {
	if w.next.IsZero() || t.Before(w.next) {
		w.next = t
	}
}

// of returns the stack of one color.
func (w world) of(c deploy.Color) deploy.Stack {
	if c == deploy.Green {
		return w.stacks[1]
	}
	return w.stacks[0]
}

// observe asks Docker and Nginx afresh. It changes nothing.
func (r *Runner) observe(ctx context.Context, app deploy.App) (world, error) {
	var w world
	r.memory.KeepTime(r.options.Clock(), r.options.Now())
	stacks, err := r.observeStacks(ctx, app)
	if err != nil {
		return w, err
	}
	w.stacks = stacks
	if err := r.lookHolders(ctx, app, &w); err != nil {
		return w, err
	}
	if w.taken = r.taken(app, w); len(w.taken) > 0 {
		w.at(r.options.Now().Add(seldom)) // no event tells when a program gives a port back
	}
	if err := r.askRouter(ctx, app, &w); err != nil {
		return w, err
	}
	w.facts.Unpruned = r.dirty && len(r.unneeded(app, w)) > 0
	if w.facts.Closed, w.opens = appfile.Closed(app.Windows, r.options.Now()); w.facts.Closed {
		w.at(w.opens)
	}
	if w.facts.Awaits, err = r.awaits(ctx, app, &w); err != nil {
		return w, err
	}
	if w.facts.SharedDue, err = r.sharedDue(ctx, app); err != nil {
		return w, err
	}
	w.facts.Blue, w.facts.Green = r.facts(app, &w, deploy.Blue), r.facts(app, &w, deploy.Green)
	for _, c := range deploy.Colors() {
		if err := r.lookIdle(ctx, app, &w, c); err != nil {
			return w, err
		}
	}
	return w, nil
}

// askRouter asks Nginx, and whether it has the files that it should have.
func (r *Runner) askRouter(ctx context.Context, app deploy.App, w *world) (err error) {
	defer func() { w.unasked = err != nil && !w.known && ctx.Err() == nil }()
	rendering, unknown := r.options.Router.Check(ctx, r.routing(app, w))
	if rendering.Due && r.lacking != nil {
		// A person has to write something first, and files that Nginx does not take are
		// taken back: trying the same again would say the same.
		rendering, unknown = deploy.RenderState{}, r.lacking
	}
	w.facts.Unrendered, w.lines = rendering.Due, rendering.Lines
	if deploy.ReasonOf(unknown) == deploy.SiteOutdated {
		w.outdated, unknown = unknown, nil // Nginx has what the site uses, and the app goes on
		w.at(r.options.Now().Add(seldom))
	}
	if err := r.askLive(ctx, app, w, unknown); err != nil {
		return err
	}
	if r.proven.live != w.facts.Live {
		// Whoever moved the traffic: what it left has no pass any more, and may still
		// have connections.
		delete(r.proven.gated, r.proven.live)
		delete(r.proven.drained, r.proven.live)
		clear(r.proven.backups)
		r.proven.live = w.facts.Live
	}
	r.believe(w, w.facts.Live)
	if !w.known {
		return nil
	}
	w.facts.Backup, err = r.backupState(ctx, app)
	return err
}

// believe fills a memory that knows of no starts. Until now it could not tell which
// one-shots have finished.
func (r *Runner) believe(w *world, live deploy.Color) {
	r.memory.Believe(live, w.stacks)
	for i, s := range w.stacks {
		w.stacks[i] = r.memory.WithoutFinished(s)
	}
}

// lookTime is how long one look at the containers may take. An engine that hangs
// must not use up the gate's time, because that would be taken for a verdict on
// the release, and must not keep the runner from saying what is wrong.
const lookTime = 10 * time.Second

// observeStacks is look in turn. A gate and a watch look without: their time is limited, and
// the wait would be taken for a fault of the release.
func (r *Runner) observeStacks(ctx context.Context, app deploy.App) ([2]deploy.Stack, error) {
	if err := r.options.Slots.Acquire(ctx, 1); err != nil {
		return [2]deploy.Stack{}, err
	}
	defer r.options.Slots.Release(1)
	return observeStacks(ctx, r.options.Stacks, app)
}

// observeStacks asks for both stacks, and gives up after lookTime.
func observeStacks(ctx context.Context, stacks Stacks, app deploy.App) ([2]deploy.Stack, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	pair, err := stacks.Observe(ctx, app)
	return pair, lookError(err)
}

// lookError is that of a look at the engine, which may have taken too long.
func lookError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &deploy.TemporaryError{Reason: deploy.DockerAway, Err: fmt.Errorf("look at the containers: %w", err)}
	}
	return err
}

func (r *Runner) facts(app deploy.App, w *world, c deploy.Color) deploy.StackFacts {
	s := w.of(c)
	f := deploy.StackFacts{Release: s.Release, Condition: s.Condition, Started: r.memory.HasStarted(s), Singletons: s.Singletons, Idle: true}
	f.Taken = slices.ContainsFunc(w.taken, func(p takenPort) bool { return p.color == c })
	up := s.Condition == deploy.Running || s.Condition == deploy.Broken
	if !up || c == w.facts.Live {
		f.Gated = up && r.proven.gated[c] == s.Instance()
		return f
	}
	f.Gated = r.proven.gated[c] == s.Instance()
	f.Expired = r.expired(app, w)
	f.BackupHealth = r.backupHealthOf(s, w)
	f.Idle = r.proven.drained[c]
	return f
}

// lookIdle asks whether the stack still has connections, where that changes the plan.
// The kernel takes longer to list its connections than all else that is observed, and
// a way back must not wait for that before each of its steps.
func (r *Runner) lookIdle(ctx context.Context, app deploy.App, w *world, c deploy.Color) error {
	f := &w.facts.Blue
	if c == deploy.Green {
		f = &w.facts.Green
	}
	if f.Idle {
		return nil
	}
	if !deploy.AsksIdle(app, w.facts, r.memory, c) {
		f.Idle = true
		return nil
	}
	open, err := r.options.Router.Connections(ctx, r.routing(app, w), c)
	f.Idle = open.Idle()
	return err
}

// expired tells whether the standby has been kept for long enough; if not, it
// notes when it will have been.
func (r *Runner) expired(app deploy.App, w *world) bool {
	if app.Standby.Keep == deploy.StandbyStopped {
		return true
	}
	until := r.memory.Live.Since.Add(app.Standby.For)
	if !r.options.Now().Before(until) {
		return true
	}
	w.at(until)
	return false
}

// routing is the App as Nginx needs it at this moment. Where a stack still runs
// another release, its routes keep the ports that it really listens on: a
// commit that changes ports must not move live traffic to where nobody answers.
// One that cannot be begun, because something else holds its ports, changes nothing.
func (r *Runner) routing(app deploy.App, w *world) deploy.App {
	begun := func(s deploy.Stack) bool { return s.Release == app.Release }
	if len(w.taken) > 0 && !slices.ContainsFunc(w.stacks[:], begun) {
		if live, known := r.liveApp(); known {
			app = live
		}
	}
	routes := make([]deploy.Route, len(app.Routes))
	copy(routes, app.Routes)
	for _, c := range deploy.Colors() {
		of, known := r.appOn(app, w.of(c))
		for i := range routes {
			service := "" // of a stack whose files are gone: any
			if known {
				service = keepPort(&routes[i], of, c)
			}
			routes[i].Access.Set(c, r.access(w, c, service, routes[i].Ports.Of(c)))
		}
		app.FormerRoutes = append(app.FormerRoutes, r.formerRoutes(w, app, of, c)...)
	}
	app.Routes = routes
	return app
}

// formerRoutes are the routes of what the color's stack runs that the app does not have.
func (r *Runner) formerRoutes(w *world, app, of deploy.App, c deploy.Color) (former []deploy.FormerRoute) {
	for _, o := range of.Routes {
		if slices.ContainsFunc(app.Routes, func(r deploy.Route) bool { return r.Name == o.Name }) {
			continue
		}
		o.Access = deploy.Accesses{}
		o.Access.Set(c, r.access(w, c, o.Service, o.Ports.Of(c)))
		former = append(former, deploy.FormerRoute{Route: o, Color: c, Of: of})
	}
	return former
}

// liveApp is the App of the release that is live.
func (r *Runner) liveApp() (live deploy.App, known bool) {
	t := r.memory.Live
	live, err := r.appAt(t.Root, t.Release, t.Commit, nil)
	return live, err == nil
}

// appOn is the App that a stack runs. It is not known where the stack's files are
// gone; then today's ports are the best guess.
func (r *Runner) appOn(app deploy.App, s deploy.Stack) (of deploy.App, known bool) {
	if s.Condition == deploy.Absent || s.Release == app.Release || s.Root == "" {
		return app, true
	}
	of, err := r.appAt(s.Root, s.Release, s.Commit, s.Ports)
	return of, err == nil
}

// keepPort gives the route the port that the App of the color's stack has for it, and
// returns the service that answers there.
func keepPort(r *deploy.Route, of deploy.App, c deploy.Color) (service string) {
	for _, o := range of.Routes {
		if o.Name != r.Name {
			continue
		}
		if c == deploy.Blue {
			r.Ports.Blue = o.Ports.Blue
		} else {
			r.Ports.Green = o.Ports.Green
		}
		return o.Service
	}
	return r.Service
}
