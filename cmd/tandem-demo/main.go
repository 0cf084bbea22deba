package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"tandem/internal/harness/demo"
)

const usage = `Play the whole story of tandem on this machine, unattended, in a few minutes: a first
deploy, a tag bump under load, a release that never gets traffic, a revert, an agent
that is killed. Docker, Nginx and Git are real, everything listens on 127.0.0.1, and
all of it is removed at the end. Exit code 1 when a request failed or anything was left.

usage: tandem-demo [-keep | -remove DIR] [-tandem PROGRAM]

`

// exitUsage is that of sysexits.h, as for tandem itself.
const exitUsage = 64

func main() {
	ctx, stop := untilStopped(context.Background())
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := demo.Options{Out: stdout}
	var remove string
	flags := flag.NewFlagSet("tandem-demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.Keep, "keep", false, "leave everything running at the end, and say how to play with it")
	flags.StringVar(&remove, "remove", "", "remove the demo in this directory, and do nothing else")
	flags.StringVar(&o.Program, "tandem", "", "the `program` that deploys; empty: the tandem beside this program")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	case flags.NArg() > 0 || o.Keep && remove != "":
		_, _ = fmt.Fprintln(stderr, "tandem-demo: there are no arguments, and -keep and -remove exclude each other; -h explains them")
		return exitUsage
	}
	if err := play(ctx, o, remove); err != nil {
		_, _ = fmt.Fprintln(stderr, "tandem-demo:", err)
		if unready := (*demo.NotReadyError)(nil); errors.As(err, &unready) {
			_, _ = fmt.Fprintln(stderr, "`make demo` installs and starts what is missing")
		}
		return 1
	}
	return 0
}

func play(ctx context.Context, o demo.Options, remove string) error {
	if remove != "" {
		return demo.Remove(ctx, remove, o.Out)
	}
	if o.Program == "" {
		own, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
		o.Program = filepath.Join(filepath.Dir(own), "tandem")
	}
	if _, err := os.Stat(o.Program); err != nil {
		return fmt.Errorf("%w: build it with `make build`, or name it with -tandem", err)
	}
	return demo.Run(ctx, o)
}

// untilStopped returns a context that ends at Ctrl-C and when the terminal is closed, so
// that the demo cleans up; a second signal ends the program at once. A reader that goes
// away (`tandem-demo | head`) makes the next write fail, which ends the demo in order too.
func untilStopped(parent context.Context) (ctx context.Context, stop func()) {
	pipe := make(chan os.Signal, 1) // never read: without it SIGPIPE kills this program on the spot
	signal.Notify(pipe, syscall.SIGPIPE)
	ctx, cancel := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, cancel)
	return ctx, func() {
		cancel()
		signal.Stop(pipe)
	}
}
