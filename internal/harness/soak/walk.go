package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
)

// patience is how long anything may take. It is far more than any of it does.
const patience = 2 * time.Minute

// diskSize is that of the state directory, in bytes: many times what is on it.
const diskSize = 32 << 20

// policies are what tandem.yaml says beside the release: times that are over soon,
// and limits that a busy machine does not reach.
const policies = "gate: {timeout: 15s}\nwatch: {for: 1s, max_p95: 1m, compare: limits}\ndrain: {timeout: 1s, websockets: 1s}\n"

// walk is one random walk.
type walk struct {
	*stage.Stage
	seed   uint64
	chance *rand.Rand // of the step at hand
	out    io.Writer
	programs
	agent   *stage.Agent
	log     stage.Log
	disk    *testbed.Disk // with the state directory on it
	traffic *load.Runner
	started time.Time

	tags   []string        // what each commit so far asks for
	bad    map[string]bool // the releases that must never have traffic
	built  int             // releases
	notes  int             // that others pushed to the status branch
	shared shared
	failed int64 // requests, up to the last step

	taken              []taken
	did                map[string]int
	free, costly       int // of the steps
	failedInCostly     int64
	requestsBeforeStop int64
}

// taken is a step that was begun.
type taken struct {
	number int
	name   string
}

// newWalk sets the stage and deploys the first release.
func newWalk(ctx context.Context, o options, out io.Writer) (_ *walk, err error) {
	p, err := o.programs(ctx)
	if err != nil {
		return nil, err
	}
	s, err := stage.New(ctx, stage.Options{App: fmt.Sprintf("soak-%06x", rand.N(1<<24)), APIOnly: true, OwnDocker: true})
	if err != nil {
		return nil, err
	}
	w := &walk{
		Stage: s, seed: o.seed, out: out, programs: p,
		log: stage.Log{Path: filepath.Join(s.Dir, "agent.log")}, started: time.Now(), bad: map[string]bool{}, did: map[string]int{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(context.WithoutCancel(ctx)))
		}
	}()
	if w.disk, err = testbed.NewDisk(w.Config().State, diskSize); err != nil {
		return nil, err
	}
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
	if w.shared, err = w.lookAtShared(ctx); err != nil {
		return nil, err
	}
	w.traffic, err = load.Run(ctx, load.Options{URL: w.URL(), Rate: 200, PostEvery: 4, WebSockets: 5})
	return w, err
}

// take takes the steps of the story, and checks after each. The error of one that
// broke a promise is an errBroken.
func (w *walk) take(ctx context.Context, story iter.Seq[int], without []string) error {
	for number := range story {
		if err := ctx.Err(); err != nil {
			return err
		}
		var s step
		s, w.chance = choose(w.seed, number, without)
		w.taken = append(w.taken, taken{number, s.name})
		w.did[s.name]++
		w.say("%6s  %d  %s", time.Since(w.started).Round(time.Second), number, s.name)
		if err := w.step(ctx, s); err != nil {
			return errBroken{fmt.Errorf("step %d, %s: %w", number, s.name, err)}
		}
	}
	return nil
}

func (w *walk) step(ctx context.Context, s step) error {
	before, err := w.liveContainers(ctx)
	if err != nil {
		return err
	}
	if err := s.do(w, ctx); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return fmt.Errorf("it does not converge: %w", err)
	}
	if err := w.asked(ctx); err != nil {
		return err
	}
	return w.check(ctx, s, before)
}

// errBroken is what a walk ends with that could be taken, and showed something.
type errBroken struct{ error }

func (e errBroken) Unwrap() error { return e.error }

// choose picks the step of a number, by the weights, and the chance that it has
// inside. Neither depends on the steps before, so that a story can leave some out.
func choose(seed uint64, number int, without []string) (step, *rand.Rand) {
	chance := rand.New(rand.NewPCG(seed, uint64(number)))
	all := slices.DeleteFunc(steps(), func(s step) bool { return slices.Contains(without, s.name) })
	sum := 0
	for _, s := range all {
		sum += s.weight
	}
	n := chance.IntN(sum)
	for _, s := range all {
		if n -= s.weight; n < 0 {
			return s, chance
		}
	}
	panic("no step has the last part of the weights")
}

// startAgent starts the agent with the clock of this machine.
func (w *walk) startAgent() (err error) {
	w.agent, err = stage.StartAgent(w.tandem, w.Flags(), w.log, false)
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
	if w.disk != nil {
		errs = append(errs, w.disk.Close())
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
func (w *walk) story() string {
	var all []string
	for _, t := range w.taken {
		all = append(all, fmt.Sprintf("%d %s", t.number, t.name))
	}
	return strings.Join(all, ", ")
}

// numbers are the steps so far, as the flag -steps reads them.
func (w *walk) numbers() []int {
	var all []int
	for _, t := range w.taken {
		all = append(all, t.number)
	}
	return all
}

func (w *walk) until(ctx context.Context, what string, cond func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not within %s", patience))
	defer cancel()
	return testbed.Until(ctx, what, cond)
}

func (w *walk) say(format string, args ...any) {
	_, _ = fmt.Fprintf(w.out, format+"\n", args...) // a walk goes on without a reader
}
