package reconciler

import (
	"context"
	"time"

	"tandem/reconciler/deploy"
)

const (
	// baselineSpan is how far back the old stack is looked at: long enough for
	// rates, short enough to be the same time of the day.
	baselineSpan = 5 * time.Minute
	// baselineTime bounds each of the few questions before a flip.
	baselineTime = 500 * time.Millisecond
	// firstLookTime bounds the one that nothing waits for, because the gate goes on.
	firstLookTime = 5 * time.Second
	// leastApart: a rate over less is noise.
	leastApart = 500 * time.Millisecond
)

// baselineSampler is the look at the old stack while the gate of the new one goes on.
type baselineSampler struct {
	r         *Runner
	step      deploy.Step
	app       deploy.App
	stack     deploy.Stack // its containers are empty where no other release is live
	startedAt time.Time
	since     time.Time           // when the stack got the traffic; zero: not known
	first     chan baselineSample // one
}

// baselineSample is what one look shows, the zero value where it could not be had.
type baselineSample struct {
	usage   deploy.Usage
	traffic deploy.Traffic
	read    bool // traffic is what the log says
}

// startBaseline begins to look at the stack whose place that of s is about to take.
func (r *Runner) startBaseline(ctx context.Context, app deploy.App, w world, s deploy.Step) *baselineSampler {
	p := &baselineSampler{r: r, step: s, app: app, startedAt: r.options.Now(), first: make(chan baselineSample, 1)}
	old := w.of(s.Color.Other())
	up := old.Condition == deploy.Running || old.Condition == deploy.Broken
	if s.Color != w.facts.Live && up && !old.Release.IsZero() && old.Release != s.Release && !r.memory.HasPassed(s.Release) {
		p.stack = old
		// Read here, because the sample below is taken beside what writes the memory.
		if t := r.memory.Live; t.Is(old.Color, old.Release) {
			p.since = t.Since
		}
		// Nobody may have asked for the log for long; the first to ask reads all of it.
		go func() { p.first <- p.sample(ctx, firstLookTime) }()
	}
	return p
}

// baseline ends the look. It is taken before the flip, because afterwards the old
// stack idles. What cannot be had is left out: the flip does not wait for it.
func (p *baselineSampler) baseline(ctx context.Context) deploy.Baseline {
	if len(p.stack.Containers) == 0 {
		return deploy.Baseline{}
	}
	first, now := p.earlier(), p.r.options.Now()
	var last baselineSample
	// After a quick gate a second look could tell nothing new, and the engine takes up
	// to a second to give one: the flip would come later for it.
	if now.Sub(p.startedAt) >= leastApart || first.usage.Started.IsZero() || !first.read {
		last, now = p.sample(ctx, baselineTime), p.r.options.Now()
	}
	if last.usage.Started.IsZero() {
		// What it used when the gate began says nearly as much.
		last.usage, now = first.usage, p.startedAt
	}
	if !last.read {
		last.traffic, last.read = first.traffic, first.read
	}
	b := deploy.Baseline{For: p.step.Release, Traffic: last.traffic, Usage: last.usage, TrafficUnknown: !last.read}
	if b.Usage.Started.IsZero() {
		return b
	}
	b.CPU, _ = deploy.Rate(deploy.Usage{Started: b.Usage.Started}, b.Usage, now.Sub(b.Usage.Started))
	// The average of a stack that was idle all night says little about its busy
	// minutes, in which a new one has to be compared with it.
	if apart := now.Sub(p.startedAt); apart >= leastApart {
		lately, _ := deploy.Rate(first.usage, b.Usage, apart)
		b.CPU = max(b.CPU, lately)
	}
	return b
}

// earlier is the look at the begin of the gate, if there was an answer by now.
func (p *baselineSampler) earlier() baselineSample {
	timer := time.NewTimer(baselineTime)
	defer timer.Stop()
	select {
	case g := <-p.first:
		return g
	case <-timer.C:
		return baselineSample{}
	}
}

// sample asks for both at once; each is given the time.
func (p *baselineSampler) sample(ctx context.Context, most time.Duration) (g baselineSample) {
	used := make(chan deploy.Usage, 1)
	go func() { used <- p.usage(ctx, most) }()
	g.traffic, g.read = p.traffic(ctx, most)
	g.usage = <-used
	return g
}

func (p *baselineSampler) traffic(ctx context.Context, most time.Duration) (t deploy.Traffic, read bool) {
	since := p.r.options.Now().Add(-baselineSpan)
	if p.since.After(since) {
		since = p.since // before that, the color was another release's
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	t, err := p.r.options.AccessLog.Traffic(ctx, p.app, p.stack.Color, since)
	if err != nil {
		return deploy.Traffic{}, false
	}
	return t, true
}

func (p *baselineSampler) usage(ctx context.Context, most time.Duration) deploy.Usage {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	u, err := p.r.options.StatsReader.Usage(ctx, p.stack)
	if err != nil {
		return deploy.Usage{}
	}
	return u
}

// baselineOf is what a release is held against; none where that which is
// remembered was taken for another.
func (r *Runner) baselineOf(release deploy.Release) deploy.Baseline {
	if r.memory.Baseline.For != release {
		return deploy.Baseline{}
	}
	return r.memory.Baseline
}
