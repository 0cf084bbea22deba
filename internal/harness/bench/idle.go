package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// measureIdle takes what an agent costs that has nothing to do.
func (b *bench) measureIdle(ctx context.Context) (_ section, err error) {
	g, err := newGround(ctx, "idle")
	if err != nil {
		return section{}, err
	}
	defer func() { err = errors.Join(err, g.Close(context.WithoutCancel(ctx))) }()
	s := section{
		intro: fmt.Sprintf(`Real apps that are as desired: each is live with one running container. The agent is
restarted, looks at everything once, and is then left alone for %s, looking at a Git server over
HTTP every ten seconds as it does by default; CPU is told for an hour. One agent serves one
repository, so many repositories are many agents, each with an Nginx of its own; the row is their
sum. Memory is VmRSS, the median of a look each second. The highest is VmHWM, the start
included. The share is Pss, in which the program's pages are divided among the agents that run
it. What Docker, Nginx and the Git server do meanwhile is not in it.`, b.idle),
		header: []string{"what", "CPU seconds an hour", "memory", "its share", "the highest"},
	}
	if err := b.idleApps(ctx, g, &s); err != nil {
		return section{}, err
	}
	return s, b.idleRepositories(ctx, g, &s)
}

// idleApps measures one agent with more and more apps.
func (b *bench) idleApps(ctx context.Context, g *fixture, s *section) (err error) {
	f, err := b.newFleet(ctx, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(context.WithoutCancel(ctx))) }()
	var figures []idleness
	for i, count := range b.apps {
		b.say("  %s: up to %d apps", time.Now().UTC().Format("15:04:05"), count)
		if err := f.grow(ctx, count); err != nil {
			return err
		}
		if err := f.restart(ctx); err != nil {
			return err
		}
		one, err := idle(ctx, b.idle, f)
		if err != nil {
			return err
		}
		figures = append(figures, one)
		s.rows = append(s.rows, one.row(fmt.Sprintf("one agent, %s", counted(count, "app"))))
		b.say("  %v", s.rows[len(s.rows)-1])
		if i == 0 {
			s.notes = append(s.notes, target("memory with "+counted(count, "app"), one.resident.median(), 40e6, megabytes))
			if err := b.manyPasses(ctx, f, s); err != nil {
				return err
			}
		}
	}
	first, last := figures[0], figures[len(figures)-1]
	if more := b.apps[len(b.apps)-1] - b.apps[0]; more > 0 {
		s.notes = append(s.notes, target("growth for each app, from the first row to the last of one agent",
			(last.resident.median()-first.resident.median())/float64(more), 100e3, kilo))
	}
	took, cpu, err := f.passAll(ctx)
	if err != nil {
		return err
	}
	s.notes = append(s.notes, fmt.Sprintf("A commit that changes no app makes the agent look at all of its %s once, at the same time: %s until Nginx was asked for the last time, %s of the agent's CPU.",
		counted(len(f.apps), "app"), seconds(took.Seconds()), seconds(cpu)))
	return nil
}

// manyPasses tells whether passes leave something behind.
func (b *bench) manyPasses(ctx context.Context, f *fleet, s *section) error {
	m, err := f.pass(ctx, b.passes)
	if err != nil {
		return err
	}
	tenth := len(m.resident) / 10
	early, late := m.resident[tenth:2*tenth], m.resident[len(m.resident)-tenth:]
	s.notes = append(s.notes,
		target(fmt.Sprintf("growth between passes %d and %d (the medians of a tenth after and before)", b.passes/10, b.passes),
			late.median()-early.median(), noise, megabytes),
		fmt.Sprintf("Each of these passes was asked for by `tandem resume`, with a webhook for a look at the repository: %s of the agent's CPU each, the memory's file written included; memory %s after %d passes, %s after all %d.",
			seconds(m.cpu/float64(b.passes)), megabytes(early.median()), b.passes/10, megabytes(late.median()), b.passes))
	return nil
}

// noise is by how much the memory of a Go program that leaves nothing behind goes up
// and down.
const noise = 2e6

// idleRepositories measures many agents with one app each.
func (b *bench) idleRepositories(ctx context.Context, g *fixture, s *section) (err error) {
	var fleets []*fleet
	defer func() {
		for _, f := range fleets {
			err = errors.Join(err, f.Close(context.WithoutCancel(ctx)))
		}
	}()
	for range b.repositories {
		f, err := b.newFleet(ctx, g)
		if err != nil {
			return err
		}
		fleets = append(fleets, f)
		if err := f.grow(ctx, 1); err != nil {
			return err
		}
	}
	for _, f := range fleets {
		if err := f.restart(ctx); err != nil {
			return err
		}
	}
	all, err := idle(ctx, b.idle, fleets...)
	if err != nil {
		return err
	}
	s.rows = append(s.rows, all.row(fmt.Sprintf("%s, one app each: %s", counted(len(fleets), "agent"), counted(len(fleets), "repository"))))
	return nil
}

// idleness is what agents used while they had nothing to do, all together.
type idleness struct {
	cpu             float64 // seconds an hour
	resident, share series
	highest         float64
}

func (i idleness) row(what string) []string {
	return []string{what, plain(i.cpu), i.resident.text(megabytes), i.share.text(megabytes), megabytes(i.highest)}
}

// idle watches the agents for a time.
func idle(ctx context.Context, long time.Duration, fleets ...*fleet) (found idleness, err error) {
	before, err := usedBy(fleets)
	if err != nil {
		return found, err
	}
	began := time.Now()
	for time.Since(began) < long {
		wait(ctx, min(time.Second, long))
		var sum memory
		for _, f := range fleets {
			m, err := memoryOf(f.agent.PID())
			if err != nil {
				return found, err
			}
			sum = memory{sum.resident + m.resident, sum.highest + m.highest, sum.share + m.share}
		}
		found.resident, found.share = append(found.resident, sum.resident), append(found.share, sum.share)
		found.highest = sum.highest
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
	}
	after, err := usedBy(fleets)
	found.cpu = (after - before) / time.Since(began).Hours()
	return found, err
}

func usedBy(fleets []*fleet) (sum float64, err error) {
	for _, f := range fleets {
		cpu, err := cpuOf(f.agent.PID())
		if err != nil {
			return 0, err
		}
		sum += cpu
	}
	return sum, nil
}

// wait pauses, and ends early with ctx.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// counted is "1 app", "2 apps", "2 repositories".
func counted(n int, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case thing[len(thing)-1] == 'y':
		return fmt.Sprintf("%d %sies", n, thing[:len(thing)-1])
	default:
		return fmt.Sprintf("%d %ss", n, thing)
	}
}
