package reconciler

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ledger is what Nginx's log and Docker's figures say on a stage. Where a test
// says nothing, plenty of good requests are made and containers use little, so
// that tales are short.
type ledger struct {
	visits  []visitTo
	mute    bool                                                      // the log stays empty
	traffic func(a *actor, c Color, since time.Time) (Traffic, error) // guarded by stage.mu; nil: all is well
	usage   func(a *actor, c Color) (Usage, error)
}

// visitTo is one visit of the agent's that was answered.
type visitTo struct {
	at    time.Time
	color Color
	route string
}

type fakeVisitor struct{ p *process }

// Visit is answered by the live stack if that listens. It is no call: visits are
// made whenever their time comes, and would give every other call another number.
func (f fakeVisitor) Visit(ctx context.Context, app App, r Route) Probe {
	ctx, cancel := context.WithTimeout(ctx, r.Health.MaxLatency)
	defer cancel()
	wait(ctx, probeTime)
	w := f.p.stage
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.stacks[w.live]
	switch {
	case ctx.Err() != nil:
		return Probe{Err: ctx.Err(), Took: probeTime}
	case w.stackOf(w.live).Condition != Running || !serves(a.app, r):
		return Probe{Err: errors.New("bad gateway"), Took: probeTime}
	}
	w.ledger.visits = append(w.ledger.visits, visitTo{time.Now(), w.live, r.Name})
	if b := w.fates[a.release.Tag]; b.sick || b.sickLive {
		return Probe{Status: 500, Took: probeTime}
	}
	return Probe{Status: 200, Took: probeTime}
}

func serves(app App, r Route) bool {
	return slices.ContainsFunc(app.Routes, func(x Route) bool { return x.Name == r.Name && x.Health.Path == r.Health.Path })
}

type fakeMeter struct{ p *process }

func (f fakeMeter) Traffic(ctx context.Context, _ App, c Color, since time.Time) (t Traffic, err error) {
	err = f.p.call(ctx, "meter.traffic", func() (err error) {
		w := f.p.stage
		t = Traffic{Requests: 1000, P95: 5 * time.Millisecond}
		if w.ledger.traffic != nil {
			t, err = w.ledger.traffic(w.stacks[c], c, since)
		}
		for _, v := range w.ledger.visits {
			if v.color == c && !v.at.Before(since) && !w.ledger.mute {
				t.Visits++
			}
		}
		return err
	})
	return t, err
}

type fakeGauge struct{ p *process }

func (f fakeGauge) Usage(ctx context.Context, s Stack) (u Usage, err error) {
	err = f.p.call(ctx, "gauge.usage", func() (err error) {
		w := f.p.stage
		if w.ledger.usage != nil {
			u, err = w.ledger.usage(w.stacks[s.Color], s.Color)
			return err
		}
		u = steady(s, 50<<20, 0.1)
		return nil
	})
	return u, err
}

// steady is a stack that has always used that much.
func steady(s Stack, memory int64, cores float64) Usage {
	u := Usage{}
	for _, c := range s.Containers {
		if c.Up() && (u.Started.IsZero() || c.StartedAt.Before(u.Started)) {
			u.Started = c.StartedAt
		}
	}
	if !u.Started.IsZero() {
		u.Memory, u.CPU = memory, time.Duration(cores*float64(time.Since(u.Started)))
	}
	return u
}
