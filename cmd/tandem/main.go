package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := interruptible(context.Background(), os.Stderr)
	err := newRoot().ExecuteContext(ctx)
	stop()
	report(os.Stderr, err)
	exit(codeOf(err))
}

// interruptible returns a context that ends at the first SIGINT or SIGTERM; a
// second one exits at once. stop gives the signals back.
func interruptible(parent context.Context, stderr io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
		// Said before cancelling: a command that ends fast would swallow it.
		_, _ = fmt.Fprintln(stderr, "stopping; press again to exit at once") // the terminal may be gone already
		cancel()
		<-signals
		exit(codeInterrupted)
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}
