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
	"strconv"
	"strings"
	"syscall"
	"time"

	"tandem/internal/harness/testbed"
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
	rounds   int // in which the candidates take turns
	switches int // of tandem and of the script, for each number of connections
	inPlace  int // of `up` in place, each of which costs seconds
	requests int64

	connections []int  // at which switches are measured
	ways        string // of switching; empty: all

	apps int           // of an idle agent that has many
	idle time.Duration // for which it is left alone

	only  string
	write string
}

// measurements are all there are, in the order of the report.
func (b *bench) measurements() []measurement {
	return []measurement{
		{"switches", "Failed requests per switch", b.measureSwitches},
		{"releases", "From push to the first answer of a new release", b.measureReleases},
		{"rollbacks", "From revert to the old release answering", b.measureRollbacks},
		{"flag", "The cost of the flag check", b.measureFlag},
		{"idle", "The cost of being idle", b.measureIdle},
	}
}

type measurement struct {
	name  string
	title string // of its section
	run   func(ctx context.Context) (section, error)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	b := &bench{out: out}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&b.rounds, "rounds", 5, "rounds in which the candidates take turns")
	flags.IntVar(&b.switches, "switches", 500, "switches of each candidate, for each number of connections")
	flags.IntVar(&b.inPlace, "in-place", 20, "deploys in place, for each number of connections")
	flags.Int64Var(&b.requests, "requests", 20000, "requests of each turn of the measurement \"flag\"")
	connections := flags.String("connections", "32,256", "`numbers` of connections at which switches are measured")
	flags.StringVar(&b.ways, "ways", "", "ways to switch, separated by commas, of flip, reload, script and place; empty: all")
	flags.IntVar(&b.apps, "apps", 50, "apps of the agent that has many in the measurement \"idle\"")
	flags.DurationVar(&b.idle, "idle", 2*time.Minute, "how long the agent of the measurement \"idle\" is left alone")
	flags.StringVar(&b.only, "only", "", "measurements, separated by commas; empty: all")
	flags.StringVar(&b.write, "write", "", "file for the report; empty: only printed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for word := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("-connections=%s: want numbers such as 32,256", *connections)
		}
		b.connections = append(b.connections, n)
	}
	chosen, err := b.chosen()
	if err != nil {
		return err
	}
	if b.program, err = testbed.GoBinary(ctx, "cmd/tandem"); err != nil {
		return err
	}
	command := "make bench"
	if said := without(flags, "write"); said != "" {
		command += " BENCH='" + said + "'"
	}
	for _, m := range chosen {
		if err := b.measure(ctx, m, command); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// measure runs one measurement and writes it down at once: what was measured for
// minutes is not lost because a later one fails.
func (b *bench) measure(ctx context.Context, m measurement, command string) error {
	b.say("measuring: %s", m.name)
	machine, err := describeMachine(ctx)
	if err != nil {
		return err
	}
	s, err := m.run(ctx)
	if err != nil {
		return err
	}
	s.title, s.where = m.title, machine+" By `"+command+"`."
	b.say("%s", s)
	if b.write == "" {
		return nil
	}
	p, err := readPage(b.write)
	if err != nil {
		return err
	}
	p[s.title] = s.String()
	var titles []string
	for _, m := range b.measurements() {
		titles = append(titles, m.title)
	}
	return p.write(b.write, titles)
}

// chosen are the measurements that were asked for.
func (b *bench) chosen() ([]measurement, error) {
	all := b.measurements()
	if b.rounds < 1 || b.switches < b.rounds || b.inPlace < 1 || b.requests < 1 {
		return nil, errors.New("want at least 1 round, a switch for each, a deploy in place and a request")
	}
	if b.apps < 2 || b.idle < time.Second {
		return nil, errors.New("want at least 2 apps and a second of idleness")
	}
	for way := range strings.SplitSeq(b.ways, ",") {
		if b.ways != "" && !slices.Contains(ways, way) {
			return nil, fmt.Errorf("there is no way %q: want some of %s", way, strings.Join(ways, ", "))
		}
	}
	if b.only == "" {
		return all, nil
	}
	var some []measurement
	for name := range strings.SplitSeq(b.only, ",") {
		i := slices.IndexFunc(all, func(m measurement) bool { return m.name == name })
		if i < 0 {
			var names []string
			for _, m := range all {
				names = append(names, m.name)
			}
			return nil, fmt.Errorf("there is no measurement %q: want some of %s", name, strings.Join(names, ", "))
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
