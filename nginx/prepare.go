package nginx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem/reconciler/deploy"
)

// Prepare makes the generated files of the app what they should be. While
// nothing changed and the running Nginx answers with this generation, it asks
// one question over loopback and runs no program.
func (p *Proxy) Prepare(ctx context.Context, app deploy.App) (repaired []string, err error) {
	t := &turn{app: app, called: time.Now()}
	p.waiting.add(t)
	err = p.loading.Acquire(ctx, 1)
	p.waiting.remove(t)
	if err != nil {
		return nil, err
	}
	defer p.loading.Release(1)
	if !t.done {
		p.forgetTestResult()
		t.err = p.acceptFiles(ctx, t)
	}
	if t.err == nil {
		t.err = t.diff.outdated(app)
	}
	return t.diff.repaired, t.err
}

func (p *Proxy) acceptFiles(ctx context.Context, t *turn) error {
	switch due, err := p.begin(ctx, t); {
	case err != nil:
		return err
	case due:
		err := p.load(ctx, t.diff)
		if p.refusesMinTimeout(err) {
			return p.acceptFiles(ctx, t)
		}
		return err
	default:
		reload, err := p.checkSite(ctx, t.diff)
		if reload {
			return p.load(ctx, t.diff)
		}
		return err
	}
}

// Reserve writes those generated files of the app that are missing. What they are tested
// with is what Nginx would load, and where that refuses them they are gone again; it is
// not made to load them.
func (p *Proxy) Reserve(ctx context.Context, app deploy.App) error {
	if err := p.loading.Acquire(ctx, 1); err != nil {
		return err
	}
	defer p.loading.Release(1)
	if err := p.undoInterrupted(); err != nil {
		return err
	}
	w, err := p.diff(ctx, app, deploy.NoColor, time.Now())
	if err != nil {
		return err
	}
	missing := w.missing()
	if err := ctx.Err(); err != nil || len(missing) == 0 || w.environment.stopped != "" {
		return err
	}
	if _, err := p.makeDirs(); err != nil {
		return err
	}
	// As with load: what was written is tested, or taken back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	if err := p.write(missing); err != nil {
		return err
	}
	if _, err := p.test(ctx); err != nil {
		return errors.Join(err, p.undo(missing))
	}
	return p.tested()
}

// appDiff is how things are with one app, and what has to be written.
type appDiff struct {
	app          string
	of           deploy.App
	reloads      bool      // mode is SwitchReload
	called       time.Time // when the diff was asked for; the wait for its turn comes after
	environment  environment
	running      answer
	asked        error // why there is no answer; nil when running is one
	files        []file
	generation   string
	changes      []change
	repaired     []string
	currentColor deploy.Color
	fromReload   bool
	hasBackup    bool // the files have groups for a backup
	removed      []removedRoute

	upstreams     []upstreamState // the names that a site passes to
	written       []upstreamState // those that the files have
	upstreamFiles []string        // the names of files that hold one, or held one
}

// inForce tells whether the running Nginx runs with the files as they should be.
func (w appDiff) inForce() bool { return w.asked == nil && w.running.generation == w.generation }

// diff finds out what has to be written so that color is live; NoColor keeps
// the one that is. It changes nothing, except that it undoes what a process that
// was killed left untested. What Nginx said before called is not believed.
func (p *Proxy) diff(ctx context.Context, app deploy.App, color deploy.Color, called time.Time) (appDiff, error) {
	v, err := p.inspect(ctx)
	if err != nil {
		return appDiff{}, err
	}
	w := appDiff{app: app.Name, of: app, reloads: p.mode == SwitchReload, environment: v, called: called}
	if w.running, w.asked = p.ask(ctx, v, app.Name); ctx.Err() != nil {
		return appDiff{}, ctx.Err()
	}
	if w.currentColor, w.fromReload, err = p.currentColor(app.Name, w.running, w.asked); err != nil {
		return appDiff{}, err
	}
	if color == deploy.NoColor {
		color = w.currentColor
	}
	if w.written, w.upstreamFiles, err = p.writtenUpstreams(app.Name); err != nil {
		return appDiff{}, err
	}
	if w.upstreams, err = p.siteUpstreams(ctx, app, w); err != nil {
		return appDiff{}, err
	}
	if w.removed, err = p.removedRoutes(ctx, app, w); err != nil {
		return appDiff{}, err
	}
	s, err := p.site(ctx, v, app, color)
	if err != nil {
		return appDiff{}, err
	}
	if s.minTimeout, err = p.wantsMinTimeout(ctx, s.nginx, w); err != nil {
		return appDiff{}, err
	}
	if s, app, err = p.withRemoved(ctx, s, v, app, w.removed); err != nil {
		return appDiff{}, err
	}
	if s, err = p.applyAccess(s, app, w, color); err != nil {
		return appDiff{}, err
	}
	if s, err = p.withListeners(s, app, w); err != nil {
		return appDiff{}, err
	}
	if w.files, w.generation, err = render(s); err != nil {
		return appDiff{}, err
	}
	w.hasBackup = s.hasBackup()
	w.changes, w.repaired, err = p.compare(app.Name, w.generation, w.files)
	return w, err
}

// carryLiveColor carries the live color over when reload mode gives way to flip mode:
// without the flag the new files would send everybody back to blue.
func (p *Proxy) carryLiveColor(app string, w appDiff) error {
	if p.mode != SwitchFlip || !w.fromReload {
		return nil
	}
	return p.setFlag(app, w.currentColor)
}

// site gathers what the files depend on.
func (p *Proxy) site(ctx context.Context, v environment, app deploy.App, live deploy.Color) (site, error) {
	nginx, err := p.askVersion(ctx, v)
	if err != nil {
		return site{}, err
	}
	s := site{app: app.Name, dir: v.dir, listen: v.listen, nginx: nginx, mode: p.mode, live: live,
		dynamic: v.bridged, backup: app.Standby.Backup}
	p.noBackup.Store(!s.canHaveBackup())
	if v.bridged {
		if s.allow, err = p.gateways(ctx, v.networks); err != nil {
			return site{}, err
		}
	}
	s.routes, err = p.backends(ctx, s, v, app)
	return s, err
}

// backends are where the routes of an app are answered.
func (p *Proxy) backends(ctx context.Context, s site, v environment, app deploy.App) (all []backend, err error) {
	for _, r := range app.Routes {
		b := backend{r.Name, loopback(r.Ports.Blue), loopback(r.Ports.Green)}
		if v.bridged {
			if b, err = p.backendInside(ctx, s, v, app, r); err != nil {
				return nil, err
			}
		}
		all = append(all, b)
	}
	return all, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// load writes, tests, reloads and waits until the new files are in force: as
// long as the workers from before answer, the next diff would take them at their word
// and write the old files again. It does not stop half way when ctx ends. A
// configuration that Nginx does not accept is undone; files that it merely does
// not read yet stay.
func (p *Proxy) load(ctx context.Context, w appDiff) error {
	if w.environment.stopped != "" {
		return p.writeMissing(w)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	configuration, err := p.install(ctx, w.changes)
	if err != nil {
		clear(p.included) // what was seen there may be gone
		return p.explainDuplicate(w, err)
	}
	if !w.includesFiles(configuration) {
		return p.notIncluded(w, httpLine, configuration)
	}
	joined, configuration := p.join(ctx, configuration)
	return p.loadAll(ctx, w, joined, configuration)
}

// undoRefused undoes what Nginx refused. What it refuses for a name that is gone is read in
// the configuration that has the name again: nginx -t shows no fault any more.
func (p *Proxy) undoRefused(ctx context.Context, changes []change, refused error) error {
	if err := p.undo(changes); err != nil {
		return errors.Join(refused, err)
	}
	if missingName(refused) != "" {
		if configuration, err := p.test(ctx); err == nil {
			return located(refused, configuration)
		}
	}
	return refused
}

// writeMissing helps a container that cannot start because its configuration
// names a generated file that does not exist yet. Nothing can be tested in it,
// so what exists is left alone.
func (p *Proxy) writeMissing(w appDiff) error {
	if err := p.write(w.missing()); err != nil {
		return err
	}
	if err := p.tested(); err != nil {
		return err
	}
	return p.doesNotRun(w.environment)
}

// missing are the changes that write the files that do not exist, and leave alone what
// the app has. tandem's own files are made new with them, because those of another
// version may lack what the app's new files need.
func (w appDiff) missing() []change {
	if !slices.ContainsFunc(w.changes, func(c change) bool { return !c.Existed }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(w.changes), func(c change) bool {
		return c.Existed && c.Name != ownName+confFile && c.Name != ownName+serverFile
	})
}

func (w appDiff) text(name string) string {
	for _, f := range w.files {
		if f.name == name {
			return f.text
		}
	}
	return ""
}
