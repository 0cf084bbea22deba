package agent

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"tandem/reconciler"
)

// apps holds one running reconciler.Runner an app, each in a goroutine of its
// own, so that one app that hangs or fails holds up no other.
type apps struct {
	newRunner func(name string) *reconciler.Runner
	gone      func(name string) // hears of an app that is no longer looked after; must not block
	log       *slog.Logger
	own       map[int]string // ports that are the agent's, each with what it is for

	mu      sync.Mutex
	runners map[string]*running // by app
	names   map[string]string   // directory -> the app that was last read there
}

// running is a Runner and its goroutine.
type running struct {
	*reconciler.Runner
	stop context.CancelFunc
	done chan struct{}
}

func newApps(newRunner func(string) *reconciler.Runner, gone func(string), log *slog.Logger) *apps {
	return &apps{newRunner: newRunner, gone: gone, log: log, runners: map[string]*running{}, names: map[string]string{}}
}

// read turns a revision into what is desired of each app, by its name.
func (a *apps) read(rev reconciler.Revision) map[string]reconciler.Desired {
	var list []reconciler.Desired
	var good []reconciler.App
	for _, file := range rev.Files {
		app, err := reconciler.ParseAppBeside(file, a.own)
		if err == nil {
			good = append(good, app)
		}
		list = append(list, reconciler.Desired{File: file, App: app, Err: err, Withheld: rev.Withheld})
	}
	clashes := reconciler.Collisions(good)
	desired := map[string]reconciler.Desired{}
	var refused []reconciler.Desired
	for _, d := range list {
		if faults := clashes[d.File.Path]; len(faults) > 0 {
			d.Err, d.App.Name = faults, ""
		}
		if d.Err != nil {
			refused = append(refused, d)
			continue
		}
		a.names[d.File.Dir] = d.App.Name
		desired[d.App.Name] = d
	}
	// Last, so that a broken file takes no name from an app that can be read.
	for _, d := range refused {
		name := a.nameOf(d)
		if _, taken := desired[name]; taken {
			a.log.Warn("app not read", "app", name, "err", d.Err)
			continue
		}
		desired[name] = d
	}
	return desired
}

var unfit = regexp.MustCompile(`[^a-z0-9-]+`)

// nameOf finds the name under which the status of a refused app is published:
// what was read there last, what the file itself says if at least that can be
// read, or the directory's name made fit for one.
func (a *apps) nameOf(d reconciler.Desired) string {
	if name, ok := a.names[d.File.Dir]; ok {
		return name
	}
	if d.App.Name != "" {
		return d.App.Name
	}
	name := unfit.ReplaceAllString(strings.ToLower(path.Base(d.File.Dir)), "-")
	name = strings.TrimLeft(name, "-0123456789")
	name = strings.TrimRight(name[:min(len(name), 40)], "-")
	if name == "" {
		return "app"
	}
	return name
}

// offer hands a revision to the runners, starting those that are new. An app
// that is gone from the repository is no longer looked after; its stacks stay.
func (a *apps) offer(ctx context.Context, rev reconciler.Revision) {
	for _, r := range a.replace(ctx, rev) {
		<-r.done // without the lock: a runner may ask for the others to its last moment
	}
}

// replace is offer without waiting for the runners that are no longer wanted,
// which it returns.
func (a *apps) replace(ctx context.Context, rev reconciler.Revision) (leaving []*running) {
	a.mu.Lock()
	defer a.mu.Unlock()
	desired := a.read(rev)
	for _, name := range slices.Sorted(maps.Keys(desired)) {
		a.runner(ctx, name).Offer(desired[name])
	}
	for name, r := range a.runners {
		if _, wanted := desired[name]; !wanted {
			a.log.Warn("the app is no longer in the repository; its stacks are left as they are", "app", name)
			r.stop()
			leaving = append(leaving, r)
			delete(a.runners, name)
			a.gone(name)
		}
	}
	return leaving
}

// runner returns the app's runner and starts it if there is none.
func (a *apps) runner(ctx context.Context, name string) *running {
	if r, ok := a.runners[name]; ok {
		return r
	}
	ctx, stop := context.WithCancel(ctx)
	r := &running{Runner: a.newRunner(name), stop: stop, done: make(chan struct{})}
	a.runners[name] = r
	go func() {
		defer close(r.done)
		r.Run(ctx)
	}()
	return r
}

// wake wakes one app, or all for an empty name.
func (a *apps) wake(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for n, r := range a.runners {
		if name == "" || n == name {
			r.Wake()
		}
	}
}

// find returns the runner of an app.
func (a *apps) find(name string) (*reconciler.Runner, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.runners[name]
	if !ok {
		return nil, false
	}
	return r.Runner, true
}

// need tells whether an app other than the named one needs the image.
func (a *apps) need(name string, i reconciler.Image) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for other, r := range a.runners {
		if other != name && r.Needs(i) {
			return true
		}
	}
	return false
}

// statuses returns what the runners said last, sorted by app.
func (a *apps) statuses() []reconciler.Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []reconciler.Status
	for _, name := range slices.Sorted(maps.Keys(a.runners)) {
		if s := a.runners[name].Status(); s != nil {
			out = append(out, *s)
		}
	}
	return out
}

// ready names the apps that have had no pass yet; nil when there is none.
func (a *apps) ready() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var waiting []string
	for _, name := range slices.Sorted(maps.Keys(a.runners)) {
		if a.runners[name].Status() == nil {
			waiting = append(waiting, name)
		}
	}
	if len(waiting) > 0 {
		return fmt.Errorf("not looked at yet: %s", strings.Join(waiting, ", "))
	}
	return nil
}

// wait blocks until every runner has ended; their context must have ended before.
func (a *apps) wait() {
	a.mu.Lock()
	all := slices.Collect(maps.Values(a.runners))
	a.mu.Unlock()
	for _, r := range all {
		<-r.done
	}
}
