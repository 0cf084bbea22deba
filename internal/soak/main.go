package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// run takes one walk. It returns an error when an invariant broke or the walk could
// not be taken; the figures are the last line on out in any case.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	seed := flags.Uint64("seed", 0, "seed of the walk; 0: one of chance")
	duration := flags.Duration("duration", 10*time.Minute, "no step begins after this time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *duration <= 0 {
		return fmt.Errorf("duration %s: want more than 0", *duration)
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1e6) + 1
	}
	w, err := newWalk(ctx, *seed, out)
	if err != nil {
		return fmt.Errorf("seed %d: %w", *seed, err)
	}
	defer func() {
		err = errors.Join(err, w.close(context.WithoutCancel(ctx)))
		w.say("%s", w.figures())
	}()
	if err := w.take(ctx, *duration); err != nil {
		return fmt.Errorf("seed %d, %w\nthe steps:\n%s\nthe end of the agent's log:\n%s", *seed, err, w.story(), w.log.Tail(30))
	}
	return nil
}
