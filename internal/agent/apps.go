package agent

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"tandem/reconciler"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// apps holds one running reconciler.Runner an app, each in a goroutine of its
// own, so that one app that hangs or fails holds up no other.
type apps struct {
	newRunner     func(name string) *reconciler.Runner
	gone          func(name string) // hears of an app that is no longer looked after; must not block
	log           *slog.Logger
	own           map[int]string                 // ports that are the agent's, each with what it is for
	chosen        func(deploy.App) deploy.Faults // of ports that the file names and that were chosen for another route
	restoreOrigin func() []remembered
	seen          func(app string) (tree string) // of what is live, where nothing is remembered; empty: nobody knows

	mu      sync.Mutex
	runners map[string]*running       // by app
	current map[string]bool           // those of the last revision
	names   map[string]string         // directory -> the app that was last read there
	leaving map[string]chan struct{}  // apps that are being removed; closed when that is over
	origins map[string]appfile.Origin // by app; nil: what was remembered has not been read yet
}

// running is a Runner and its goroutine.
type running struct {
	*reconciler.Runner
	stop context.CancelFunc
	done chan struct{}
}

func newApps(newRunner func(string) *reconciler.Runner, gone func(string), log *slog.Logger) *apps {
	return &apps{newRunner: newRunner, gone: gone, log: log,
		chosen:        func(deploy.App) deploy.Faults { return nil },
		restoreOrigin: func() []remembered { return nil }, seen: func(string) string { return "" },
		runners: map[string]*running{}, names: map[string]string{}, leaving: map[string]chan struct{}{}}
}

// offer hands a revision to the runners, starting those that are new. An app
// that is gone from the repository is no longer looked after; its stacks stay.
func (a *apps) offer(ctx context.Context, rev deploy.Revision) {
	for _, r := range a.replace(ctx, rev) {
		<-r.done // without the lock: a runner may ask for the others to its last moment
	}
}

// replace is offer without waiting for the runners that are no longer wanted,
// which it returns.
func (a *apps) replace(ctx context.Context, rev deploy.Revision) (leaving []*running) {
	a.mu.Lock()
	defer a.mu.Unlock()
	desired := a.read(rev)
	for _, name := range slices.Sorted(maps.Keys(desired)) {
		a.runner(ctx, name).Offer(desired[name])
	}
	for name, r := range a.runners {
		if _, wanted := desired[name]; !wanted {
			a.log.Warn("the app is no longer in the repository; its stacks are left as they are (tandem remove "+name+" takes them away)", "app", name)
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
	leaving := a.leaving[name]
	go func() {
		defer close(r.done)
		if leaving != nil { // it came back while it was being removed
			select {
			case <-leaving:
			case <-ctx.Done():
			}
		}
		r.Run(ctx)
	}()
	return r
}

// reserve keeps runners of an app from beginning until leave is called. It is not free
// where there is one, or somebody else has reserved it.
func (a *apps) reserve(name string) (leave func(), free bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.runners[name] != nil || a.leaving[name] != nil {
		return nil, false
	}
	over := make(chan struct{})
	a.leaving[name] = over
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.leaving, name)
		close(over)
	}, true
}

// cameFrom returns the app that was last read in the directory; empty: none was.
func (a *apps) cameFrom(dir string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.names[dir]
}

// has tells whether the last revision had the app.
func (a *apps) has(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current[name]
}

// namedPorts are those that the files of the repository name, now or when they could be
// read last.
func (a *apps) namedPorts() map[int]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	named := map[int]bool{}
	for _, o := range a.origins {
		for _, port := range o.Ports {
			named[port] = true
		}
	}
	return named
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
func (a *apps) need(name string, i deploy.Image) bool {
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
func (a *apps) statuses() []deploy.Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []deploy.Status
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
