package reconciler

import (
	"context"
	"slices"
	"sync"
	"time"

	"tandem/reconciler/deploy"
)

const (
	// probeEvery lies between two probes while traffic moves: ten a second in all,
	// however many routes there are. Nobody feels that, and a gap of a tenth of a second
	// is seen.
	probeEvery = 100 * time.Millisecond
	// calmEvery lies between two probes once traffic has moved and briskTime is over. An app
	// may limit how often one address asks, and more would say no more.
	calmEvery = time.Second
	briskTime = 2 * time.Second // after a flip is confirmed
	// probesKept bounds the memory of a watch that lasts a day: an hour of probes.
	probesKept = 36_000
)

// prober probes the app through Nginx, as people do, while a deploy goes on. What
// it sees is evidence for the receipt, and for the watch where people make too few
// requests. It decides nothing, and nothing waits for it.
type proxyProber struct {
	prober ProxyProber
	now    func() time.Time
	over   <-chan struct{} // closed when it probes no more
	word   chan struct{}   // has word when it is asked to probe something else

	mu      sync.Mutex
	app     deploy.App
	routes  []deploy.Route
	results []probeResult // oldest first
	untold  counts        // since the last take
	good    time.Time
	brisk   time.Time // until when it probes as often as it does while traffic moves
	failed  bool      // the last probe
}

// probeResult is one question and what came of it.
type probeResult struct {
	at       time.Time // of the answer
	took     time.Duration
	answered bool
	failed   bool
}

// counts is a sum of probes.
type counts struct {
	probes, failed int
	gap            time.Duration // the longest between two good answers
}

func newProxyProber(v ProxyProber, now func() time.Time) *proxyProber {
	return &proxyProber{prober: v, now: now, good: now(), word: make(chan struct{}, 1)}
}

// run probes until ctx ends. One probe waits for the other: an app that hangs is
// not made worse.
func (w *proxyProber) run(ctx context.Context) {
	empty(w.word)
	next := time.NewTimer(0)
	defer next.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		case <-w.word:
		}
		next.Reset(w.pause()) // a probe that takes long delays no other
		w.probe(ctx, n)
	}
}

// pause is the time between the begin of two probes.
func (w *proxyProber) pause() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now().Before(w.brisk) {
		return probeEvery
	}
	return calmEvery
}

// probe asks the next route.
func (w *proxyProber) probe(ctx context.Context, n int) {
	w.mu.Lock()
	app, routes := w.app, w.routes
	if now := w.now(); !w.failed && now.Sub(w.brisk) > probeEvery {
		w.good = now // a pause of its own is no gap
	}
	w.mu.Unlock()
	if len(routes) == 0 {
		return
	}
	route := routes[n%len(routes)]
	p := w.prober.ProbeLive(ctx, app, patient(route))
	if ctx.Err() != nil {
		return // it was cut short, which says nothing about the app
	}
	w.record(p, route.Health)
}

// record notes what came of a probe. An answer that is merely slow has not failed:
// its time counts in the p95.
func (w *proxyProber) record(p deploy.Probe, h deploy.Health) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := probeResult{at: w.now(), took: p.Took, answered: p.Err == nil && p.Status != 0}
	v.failed = !v.answered || p.Status < h.StatusMin || p.Status > h.StatusMax
	if len(w.results) == probesKept {
		w.results = slices.Delete(w.results, 0, probesKept/10)
	}
	w.results = append(w.results, v)
	w.untold.probes++
	// A gap that is still open counts as far as it has come.
	w.untold.gap = max(w.untold.gap, v.at.Sub(w.good))
	if w.failed = v.failed; v.failed {
		w.untold.failed++
	} else {
		w.good = v.at
	}
}

// askFor makes it probe other routes from now on, as often as while traffic moves for that
// long.
func (w *proxyProber) askFor(app deploy.App, routes []deploy.Route, brisk time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.routes) == 0 {
		w.good = w.now() // nobody asked in the meantime
	}
	w.app, w.routes, w.brisk = app, routes, w.now().Add(brisk)
	signal(w.word)
}

// drainCounts returns what was seen since it was called last.
func (w *proxyProber) drainCounts() counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.untold
	w.untold = counts{}
	return t
}

// between sums up the probes of a time. answered are those that Nginx must have
// written down.
func (w *proxyProber) between(from, to time.Time) (v deploy.Probes, answered int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var times []time.Duration
	for _, x := range slices.Backward(w.results) {
		if x.at.Before(from) {
			break
		}
		// By the wall clock, as from is: one that was set back makes the probes before lie ahead.
		if x.at.Round(0).After(to.Round(0)) {
			continue
		}
		v.Count++
		if x.failed {
			v.Failed++
		}
		if x.answered {
			times = append(times, x.took)
		}
	}
	v.P95 = deploy.P95(times)
	return v, len(times)
}

func (w *proxyProber) ended() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

// startProber makes the prober probe the routes until ctx ends, which is when the pass
// does. One that probes already goes on.
func (r *Runner) startProber(ctx context.Context, app deploy.App, routes []deploy.Route, brisk time.Duration) {
	if r.prober != nil && !r.prober.ended() {
		r.prober.askFor(app, routes, brisk)
		return
	}
	r.addProbes() // what the last one saw after it was asked for the last time
	w := newProxyProber(r.options.ProxyProber, r.options.Now)
	w.over = ctx.Done()
	w.askFor(app, routes, brisk)
	r.prober = w
	go w.run(ctx)
}

// startProberForFlip makes the prober probe what both stacks have, as long as it is open
// which of them answers. Where nothing has the traffic there is nothing to probe
// before the flip is confirmed.
func (r *Runner) startProberForFlip(ctx context.Context, app deploy.App, w world, to deploy.Color) {
	from := w.of(w.facts.Live)
	if w.facts.Live == to || (from.Condition != deploy.Running && from.Condition != deploy.Broken) {
		return
	}
	before, err := r.appOf(app, w, deploy.Step{Release: from.Release})
	if err != nil {
		return
	}
	after, err := r.appOf(app, w, deploy.Step{Release: w.of(to).Release})
	if err != nil {
		return
	}
	r.startProber(ctx, after, common(before.Routes, after.Routes), flipTime)
}

// common are the routes of b that mean the same in a.
func common(a, b []deploy.Route) []deploy.Route {
	var both []deploy.Route
	for _, r := range b {
		if slices.ContainsFunc(a, func(x deploy.Route) bool { return x.Name == r.Name && x.Health.SameQuestion(r.Health) }) {
			both = append(both, r)
		}
	}
	return both
}
