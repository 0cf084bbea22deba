package main

import (
	"context"
	"fmt"
	"time"
)

// How it is known that a pass is over: each asks Nginx the same number of
// questions, and a look at the repository one for each app.
const (
	askPause  = 2 * time.Millisecond
	quietTime = time.Second // without a question: nobody is at work
	passTime  = 2 * time.Minute
)

// passed is what many passes of one app used.
type passed struct {
	cpu      float64 // seconds
	resident series  // looks at the memory, evenly spread
}

// pass makes the agent pass over its one app so many times. Each pass is a whole
// one: `tandem resume` makes a runner observe and plan whether or not there was
// anything to resume.
func (f *fleet) pass(ctx context.Context, times int) (p passed, err error) {
	own := 0
	each, err := f.questions(ctx, &own)
	if err != nil {
		return p, err
	}
	before, err := cpuOf(f.agent.PID())
	if err != nil {
		return p, err
	}
	every := max(1, times/100)
	for i := range times {
		if err := f.passOnce(ctx, each, &own); err != nil {
			return p, fmt.Errorf("pass %d: %w", i+1, err)
		}
		if (i+1)%every != 0 {
			continue
		}
		m, err := memoryOf(f.agent.PID())
		if err != nil {
			return p, err
		}
		p.resident = append(p.resident, m.resident)
	}
	after, err := cpuOf(f.agent.PID())
	p.cpu = after - before
	return p, err
}

// questions is how many a pass asks of Nginx, those of looks at the repository aside.
func (f *fleet) questions(ctx context.Context, own *int) (int, error) {
	before, _, err := f.quiet(ctx, own)
	if err != nil {
		return 0, err
	}
	if err := f.client.Resume(ctx, f.apps[0]); err != nil {
		return 0, err
	}
	after, _, err := f.quiet(ctx, own)
	if err == nil && after <= before {
		err = fmt.Errorf("a pass asked nginx nothing")
	}
	return after - before, err
}

// passOnce asks for one pass and a look at the repository, and waits until both are over.
func (f *fleet) passOnce(ctx context.Context, questions int, own *int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, passTime, fmt.Errorf("not over after %s", passTime))
	defer cancel()
	looks := f.git.looks.Load()
	before, err := f.asked(ctx, own)
	if err != nil {
		return err
	}
	if err := f.client.Resume(ctx, f.apps[0]); err != nil {
		return err
	}
	if err := f.wake(ctx); err != nil {
		return err
	}
	for {
		now, err := f.asked(ctx, own)
		if err != nil {
			return err
		}
		if more := int(f.git.looks.Load() - looks); more > 0 && now-before >= questions+more {
			return nil
		}
		if wait(ctx, askPause); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// quiet waits until Nginx has not been asked for a while, and returns how many
// passes' questions it has had, without those of the looks at the repository, and
// when the last one came.
func (f *fleet) quiet(ctx context.Context, own *int) (count int, last time.Time, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, passTime, fmt.Errorf("not quiet after %s", passTime))
	defer cancel()
	last = time.Now()
	for count = -1; time.Since(last) < quietTime; wait(ctx, 5*askPause) {
		if ctx.Err() != nil {
			return 0, last, context.Cause(ctx)
		}
		now, err := f.asked(ctx, own)
		if err != nil {
			return 0, last, err
		}
		if now != count {
			count, last = now, time.Now()
		}
	}
	return count - int(f.git.looks.Load())*len(f.apps), last, nil
}

// passAll makes the agent pass over all of its apps at once, which every new commit
// does, and tells how long that took and the agent's CPU seconds.
func (f *fleet) passAll(ctx context.Context) (took time.Duration, cpu float64, err error) {
	own := 0
	if _, _, err := f.quiet(ctx, &own); err != nil {
		return 0, 0, err
	}
	if err := f.git.commit(ctx, "A commit that concerns no app", map[string]string{"README.md": "Apps.\n"}); err != nil {
		return 0, 0, err
	}
	before, err := cpuOf(f.agent.PID())
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := f.wake(ctx); err != nil {
		return 0, 0, err
	}
	_, last, err := f.quiet(ctx, &own)
	if err != nil {
		return 0, 0, err
	}
	after, err := cpuOf(f.agent.PID())
	return last.Sub(began), after - before, err
}
