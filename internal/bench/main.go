package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"tandem/internal/atomicfile"
	"tandem/internal/testbed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the measurements.
type bench struct {
	options
	program string // tandem, as it is released
	out     io.Writer
}

type options struct {
	rounds   int // in which the contestants take turns
	switches int // of tandem and of the script, for each number of connections
	inPlace  int // of `up` in place, each of which costs seconds
	requests int64
	only     string
	write    string
}

// measurements are all there are, in the order of the report.
func (b *bench) measurements() []measurement {
	return []measurement{
		{"switches", b.measureSwitches},
		{"releases", b.measureReleases},
		{"rollbacks", b.measureRollbacks},
		{"flag", b.measureFlag},
	}
}

type measurement struct {
	name string
	run  func(ctx context.Context) (section, error)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	b := &bench{out: out}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&b.rounds, "rounds", 5, "rounds in which the contestants take turns")
	flags.IntVar(&b.switches, "switches", 500, "switches of each contestant, for each number of connections")
	flags.IntVar(&b.inPlace, "in-place", 20, "deploys in place, for each number of connections")
	flags.Int64Var(&b.requests, "requests", 20000, "requests of each turn of the measurement \"flag\"")
	flags.StringVar(&b.only, "only", "", "measurements, separated by commas; empty: all")
	flags.StringVar(&b.write, "write", "", "file for the report; empty: only printed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := b.chosen()
	if err != nil {
		return err
	}
	if b.program, err = testbed.GoBinary(ctx, "cmd/tandem"); err != nil {
		return err
	}
	machine, err := describeMachine(ctx)
	if err != nil {
		return err
	}
	r := report{machine: machine, command: "make bench"}
	if said := without(flags, "write"); said != "" {
		r.command += " BENCH='" + said + "'"
	}
	for _, m := range chosen {
		b.say("measuring: %s", m.name)
		s, err := m.run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		r.sections = append(r.sections, s)
		b.say("%s", s)
	}
	if b.write == "" {
		return nil
	}
	return atomicfile.Write(b.write, []byte(r.String()), 0o644)
}

// chosen are the measurements that were asked for.
func (b *bench) chosen() ([]measurement, error) {
	all := b.measurements()
	if b.rounds < 1 || b.switches < b.rounds || b.inPlace < 1 || b.requests < 1 {
		return nil, errors.New("want at least 1 round, a switch for each, a deploy in place and a request")
	}
	if b.only == "" {
		return all, nil
	}
	var some []measurement
	for name := range strings.SplitSeq(b.only, ",") {
		i := slices.IndexFunc(all, func(m measurement) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no measurement %q: want some of switches, releases, rollbacks, flag", name)
		}
		some = append(some, all[i])
	}
	return some, nil
}

// without are the flags that were given, one aside.
func without(flags *flag.FlagSet, name string) string {
	var said []string
	flags.Visit(func(f *flag.Flag) {
		if f.Name != name {
			said = append(said, "-"+f.Name+"="+f.Value.String())
		}
	})
	return strings.Join(said, " ")
}

func (b *bench) say(format string, args ...any) {
	// Progress only; the report has it all once more.
	_, _ = fmt.Fprintf(b.out, format+"\n", args...)
}
