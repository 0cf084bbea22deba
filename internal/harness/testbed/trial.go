package testbed

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
)

// Trial calls try, with what this process reads and writes, and ends the process, when
// it was started with just these arguments; else it returns at once. The TestMain of a
// package whose tests have agents calls it first: an agent starts its own program to
// make a trial.
func Trial(try func(ctx context.Context, in io.Reader, out io.Writer) error, args ...string) {
	if !slices.Equal(os.Args[1:], args) {
		return
	}
	code := 0
	if err := try(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	// os.Exit lets the race detector wait for a second, in case that a race is on its way.
	syscall.Exit(code)
}
