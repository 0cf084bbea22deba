package reconciler

import (
	"context"
	"errors"
	"slices"
	"time"

	"tandem/reconciler/deploy"
)

// ledger is what Nginx's log and Docker's figures say on a stage. Where a test
// says nothing, plenty of good requests are made and containers use little, so
// that tales are short.
type ledger struct {
	probes  []probeTo
	mute    bool                                                                    // the log stays empty
	traffic func(a *actor, c deploy.Color, since time.Time) (deploy.Traffic, error) // guarded by stage.mu; nil: all is well
	usage   func(a *actor, c deploy.Color) (deploy.Usage, error)
}

// probeTo is one probe of the agent's that was answered.
type probeTo struct {
	at    time.Time
	color deploy.Color
	route string
}

type fakeProxyProber struct{ p *process }

// Probe is answered by the live stack if that listens. It is no call: probes are
// made whenever their time comes, and would give every other call another number.
func (f fakeProxyProber) ProbeLive(ctx context.Context, app deploy.App, r deploy.Route) deploy.Probe {
	ctx, cancel := context.WithTimeout(ctx, r.Health.MaxLatency)
	defer cancel()
	wait(ctx, probeTime)
	w := f.p.stage
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.stacks[w.live]
	switch {
	case ctx.Err() != nil:
		return deploy.Probe{Err: ctx.Err(), Took: probeTime}
	case w.stackOf(w.live).Condition != deploy.Running || !serves(a.app, r):
		return deploy.Probe{Err: errors.New("bad gateway"), Took: probeTime}
	}
	w.ledger.probes = append(w.ledger.probes, probeTo{time.Now(), w.live, r.Name})
	if b := w.fates[a.release.Tag]; b.sick || b.sickLive {
		return deploy.Probe{Status: 500, Took: probeTime}
	}
	return deploy.Probe{Status: 200, Took: probeTime}
}

func serves(app deploy.App, r deploy.Route) bool {
	return slices.ContainsFunc(app.Routes, func(x deploy.Route) bool { return x.Name == r.Name && x.Health.Path == r.Health.Path })
}

type fakeAccessLog struct{ p *process }

func (f fakeAccessLog) Traffic(ctx context.Context, _ deploy.App, c deploy.Color, since time.Time) (t deploy.Traffic, err error) {
	err = f.p.call(ctx, "accesslog.traffic", func() (err error) {
		w := f.p.stage
		t = deploy.Traffic{Requests: 1000, P95: 5 * time.Millisecond}
		if w.ledger.traffic != nil {
			t, err = w.ledger.traffic(w.stacks[c], c, since)
		}
		for _, v := range w.ledger.probes {
			if v.color == c && !v.at.Before(since) && !w.ledger.mute {
				t.Probes++
			}
		}
		return err
	})
	return t, err
}

type fakeStatsReader struct{ p *process }

func (f fakeStatsReader) Usage(ctx context.Context, s deploy.Stack) (u deploy.Usage, err error) {
	err = f.p.call(ctx, "statsreader.usage", func() (err error) {
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
func steady(s deploy.Stack, memory int64, cores float64) deploy.Usage {
	u := deploy.Usage{}
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

// longAgo is when containers were started that nobody counts the age of.
var longAgo = time.Date(2026, 11, 21, 22, 10, 4, 0, time.UTC)
