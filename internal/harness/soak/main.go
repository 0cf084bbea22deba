package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tandem/internal/harness/testbed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, os.Args[1:]); err != nil {
		var inside *exec.ExitError
		if !errors.As(err, &inside) { // that one has said it
			fmt.Fprintln(os.Stderr, "soak:", err)
		}
		os.Exit(1)
	}
}

// start runs the walk apart from the network of this machine, on which a second Docker
// engine has no place.
func start(ctx context.Context, args []string) error {
	if testbed.IsReexec() {
		return errors.Join(testbed.StartLoopback(ctx), run(ctx, args, os.Stdout))
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	// There is no network any more where modules could be had from.
	if _, err := o.programs(ctx); err != nil {
		return err
	}
	return testbed.Reexec(ctx, append(args, fmt.Sprintf("-seed=%d", o.seed))...)
}

// options say which walk is to be taken.
type options struct {
	seed     uint64
	duration time.Duration // no step begins after it
	steps    []int         // these alone; empty: one after the other
	without  []string      // names of steps that never come
	shorten  time.Duration // how long a shorter story of a failure is looked for
}

// run takes one walk. It returns an error when an invariant broke or the walk could
// not be taken; the figures are the last line on out in any case.
func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	end, err := o.take(ctx, o.story(), out)
	defer func() { _, _ = fmt.Fprintln(out, end.figures) }() // a walk goes on without a reader
	var broken errBroken
	if !errors.As(err, &broken) || ctx.Err() != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s\nlooking for a shorter story, for %s at most\n", err, o.shorten)
	short, failure := shortest(end.numbers, func(story []int) error {
		if time.Since(end.at) > o.shorten || ctx.Err() != nil {
			return nil
		}
		_, _ = fmt.Fprintf(out, "\nonce more, with the steps %s\n", join(story))
		_, err := o.take(ctx, slices.Values(story), out)
		if ctx.Err() != nil {
			return nil // it was stopped, and shows nothing
		}
		return err
	})
	if failure == nil {
		return fmt.Errorf("%w\nno shorter story showed it", err)
	}
	return fmt.Errorf("%w\n\nthe shortest story that shows it, or something else: make soak SEED=%d STEPS=%s\n%w", err, o.seed, join(short), failure)
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.Uint64Var(&o.seed, "seed", 0, "seed of the walk; 0: one of chance")
	flags.DurationVar(&o.duration, "duration", 10*time.Minute, "no step begins after this time")
	flags.DurationVar(&o.shorten, "shorten", 10*time.Minute, "how long to look for a shorter story after a failure")
	flags.Func("steps", "numbers of the steps to take, with commas between them: a story that a failure printed", func(text string) error {
		for n := range strings.SplitSeq(text, ",") {
			number, err := strconv.Atoi(n)
			if err != nil {
				return fmt.Errorf("%q is not a number", n)
			}
			o.steps = append(o.steps, number)
		}
		return nil
	})
	flags.Func("without", "name of a step that is not to come; may be given several times", func(name string) error {
		if !slices.ContainsFunc(steps(), func(s step) bool { return s.name == name }) {
			return fmt.Errorf("there is no step %q", name)
		}
		o.without = append(o.without, name)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.duration <= 0 {
		return o, fmt.Errorf("duration %s: want more than 0", o.duration)
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1e6) + 1
	}
	return o, nil
}

// programs builds what walks: tandem, and tandem with a clock that jumps unless that
// never comes.
func (o options) programs(ctx context.Context) (p programs, err error) {
	if p.tandem, err = testbed.GoBinary(ctx, "cmd/tandem"); err != nil {
		return p, err
	}
	if !slices.Contains(o.without, clockJump) {
		p.jumping, err = testbed.GoBinaryWithClock(ctx, "cmd/tandem")
	}
	return p, err
}

// programs are paths.
type programs struct{ tandem, jumping string }

// story yields the numbers of the steps to take.
func (o options) story() iter.Seq[int] {
	if len(o.steps) > 0 {
		return slices.Values(o.steps)
	}
	return func(yield func(int) bool) {
		began := time.Now() // the stage is set only now
		for n := 1; time.Since(began) < o.duration && yield(n); n++ {
		}
	}
}

// ending is what is left of a walk.
type ending struct {
	at      time.Time
	numbers []int  // of the steps
	figures string // in a line
}

// take takes a walk on a stage of its own.
func (o options) take(ctx context.Context, story iter.Seq[int], out io.Writer) (end ending, err error) {
	w, err := newWalk(ctx, o, out)
	if err != nil {
		return ending{at: time.Now()}, fmt.Errorf("seed %d: %w", o.seed, err)
	}
	if err = w.take(ctx, story, o.without); err != nil {
		err = fmt.Errorf("seed %d, %w\nthe steps:\n%s\nthe end of the agent's log:\n%s", o.seed, err, w.story(), w.log.Tail(30))
	}
	err = errors.Join(err, w.close(context.WithoutCancel(ctx)))
	return ending{time.Now(), w.numbers(), w.figures()}, err
}

func join(numbers []int) string {
	var all []string
	for _, n := range numbers {
		all = append(all, strconv.Itoa(n))
	}
	return strings.Join(all, ",")
}
