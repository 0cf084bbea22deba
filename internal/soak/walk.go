package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tandem/internal/load"
	"tandem/internal/stage"
	"tandem/internal/testbed"
)

// patience is how long anything may take. It is far more than any of it does.
const patience = 2 * time.Minute

// policies are what tandem.yaml says beside the release: times that are over soon,
// and limits that a busy machine does not reach.
const policies = "gate: {timeout: 15s}\nwatch: {for: 1s, max_p95: 1m, compare: limits}\ndrain: {timeout: 1s, websockets: 1s}\n"

// walk is one random walk.
type walk struct {
	*stage.Stage
	seed    uint64
	chance  *rand.Rand
	out     io.Writer
	program string
	agent   *stage.Agent
	log     stage.Log
	traffic *load.Runner
	started time.Time

	tags   []string        // what each commit so far asks for
	bad    map[string]bool // the releases that must never have traffic
	built  int             // releases
	store  string          // the container of the shared stack
	failed int64           // requests, up to the last step

	taken              []string // the steps
	did                map[string]int
	free, costly       int // of the steps
	failedInCostly     int64
	requestsBeforeStop int64
}

// newWalk sets the stage and deploys the first release.
func newWalk(ctx context.Context, seed uint64, out io.Writer) (_ *walk, err error) {
	program, err := testbed.GoBinary(ctx, "cmd/tandem")
	if err != nil {
		return nil, err
	}
	s, err := stage.New(ctx, stage.Options{App: fmt.Sprintf("soak-%06x", rand.N(1<<24)), APIOnly: true})
	if err != nil {
		return nil, err
	}
	w := &walk{
		Stage: s, seed: seed, chance: rand.New(rand.NewPCG(seed, 0)), out: out, program: program,
		log: stage.Log{Path: filepath.Join(s.Dir, "agent.log")}, started: time.Now(), bad: map[string]bool{}, did: map[string]int{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(context.WithoutCancel(ctx)))
		}
	}()
	if err := w.startAgent(); err != nil {
		return nil, err
	}
	if err := w.release(ctx); err != nil {
		return nil, err
	}
	if err := w.until(ctx, "generated files", func() error { return w.AddSite(ctx) }); err != nil {
		return nil, err
	}
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	if w.store, err = w.storeID(ctx); err != nil {
		return nil, err
	}
	w.traffic, err = load.Run(ctx, load.Options{URL: w.URL(), Rate: 200, PostEvery: 4, WebSockets: 5})
	return w, err
}

// take takes steps until the time is over, and checks after each.
func (w *walk) take(ctx context.Context, duration time.Duration) error {
	for time.Since(w.started) < duration {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := w.choose()
		w.taken = append(w.taken, s.name)
		w.did[s.name]++
		w.say("%6s  %d  %s", time.Since(w.started).Round(time.Second), len(w.taken), s.name)
		before, err := w.liveContainers(ctx)
		if err != nil {
			return err
		}
		if err := s.do(w, ctx); err != nil {
			return fmt.Errorf("step %d, %s: %w", len(w.taken), s.name, err)
		}
		if err := w.settle(ctx); err != nil {
			return fmt.Errorf("step %d, %s: it does not converge: %w", len(w.taken), s.name, err)
		}
		if err := w.asked(ctx); err != nil {
			return err
		}
		if err := w.check(ctx, s, before); err != nil {
			return fmt.Errorf("step %d, %s: %w", len(w.taken), s.name, err)
		}
	}
	return nil
}

// choose picks a step by its weight.
func (w *walk) choose() step {
	all, sum := steps(), 0
	for _, s := range all {
		sum += s.weight
	}
	n := w.chance.IntN(sum)
	for _, s := range all {
		if n -= s.weight; n < 0 {
			return s
		}
	}
	return all[0]
}

func (w *walk) startAgent() (err error) {
	w.agent, err = stage.StartAgent(w.program, w.Flags(), w.log, false)
	return err
}

func (w *walk) close(ctx context.Context) error {
	var errs []error
	if w.traffic != nil {
		w.requestsBeforeStop = w.traffic.Stop().Requests
	}
	if w.agent != nil {
		errs = append(errs, w.agent.Stop(ctx))
	}
	return errors.Join(append(errs, w.Stage.Close(ctx))...)
}

// figures sums the walk up in a line.
func (w *walk) figures() string {
	var did []string
	for _, name := range slices.Sorted(maps.Keys(w.did)) {
		did = append(did, fmt.Sprintf("%s %d", name, w.did[name]))
	}
	return fmt.Sprintf("seed %d: %s, %d steps (%s); %d requests; failed: %d in %d steps that must cost nobody anything, %d in %d that kill what is live or make Nginx reload",
		w.seed, time.Since(w.started).Round(time.Second), len(w.taken), strings.Join(did, ", "),
		w.requestsBeforeStop, w.failed-w.failedInCostly, w.free, w.failedInCostly, w.costly)
}

// story is every step so far.
func (w *walk) story() string { return strings.Join(w.taken, ", ") }

func (w *walk) until(ctx context.Context, what string, cond func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not within %s", patience))
	defer cancel()
	return testbed.Until(ctx, what, cond)
}

func (w *walk) say(format string, args ...any) {
	_, _ = fmt.Fprintf(w.out, format+"\n", args...) // a walk goes on without a reader
}
