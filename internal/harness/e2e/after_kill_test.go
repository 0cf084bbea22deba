package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// Whatever is killed whenever: the traffic ends where git wants it, there are never
// two schedulers, and each migration runs once.
func TestKill_InTheMinutesAfterTheFlip(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := storeStage(t, stage.Options{Scheduler: true, Migrations: true})
	walk := &afterWalk{world: w, chance: rand.New(rand.NewPCG(seed, 0)), p: newProgram(w), migrated: map[string]int{}}
	walk.p.start()
	walk.forward("", false)
	traffic := w.load(load.Options{Rate: 100})

	// Flips, rollbacks and kills of the scheduler; and with an agent that is killed in
	// the middle.
	moves, kills := times(50, 4), times(30, 3)
	due := map[int]bool{}
	for _, i := range walk.chance.Perm(moves)[:kills] {
		due[i] = true
	}
	for walk.move = 0; walk.move < moves || walk.owed > 0; walk.move++ {
		if due[walk.move] {
			walk.owed++
		}
		switch n := walk.chance.IntN(10); {
		case n < 5:
			walk.forward("", walk.chance.IntN(3) == 0)
		case n < 7 && walk.former != "":
			walk.back()
		case n < 9:
			walk.forward("BREAK=sick-after=5", false)
		default:
			walk.killScheduler()
		}
		walk.settled()
	}
	w.unharmed(traffic)
	t.Logf("%d moves, %d kills: %s", walk.move, len(walk.killed), strings.Join(walk.killed, ", "))
	walk.ranOnce()
}

// shortWatch is how long a good release is watched: long enough for a look or two.
const shortWatch = 3 * time.Second

// afterWalk is a walk of chance through what people push.
type afterWalk struct {
	*world
	chance *rand.Rand
	p      *program
	owed   int      // kills of the agent: one for each of the next moves, until none is
	killed []string // where

	move, tags   int
	live, former string         // releases; there is no way back to a former one that is ""
	migrated     map[string]int // runs that ought to be recorded
}

// policy is what a release is pushed with. Its watch is over soon, except where the
// trouble has to begin within it.
func (a *afterWalk) policy(migrations string, watch time.Duration) string {
	keep := "warm"
	if a.owed > 0 || a.chance.IntN(3) == 0 {
		keep = "stopped" // so that there is a drain to be killed in
	}
	return "gate: {timeout: " + gateLimit + "}\nwatch: {for: " + watch.String() + ", max_p95: 1m, compare: limits}\ndrain: {timeout: 1s, websockets: 1s}\n" +
		"standby: {keep: " + keep + "}\nsingletons: [scheduler]\nmigrations: {" + migrations + "}\n"
}

// forward pushes a release that nobody has seen yet. One with trouble is good
// enough to get traffic, or not even that; in any case it is taken back.
func (a *afterWalk) forward(trouble string, contract bool) {
	a.t.Helper()
	a.tags++
	tag := fmt.Sprintf("1.%d.0", a.tags)
	env := []string{"MIGRATE_TIME=600ms"}
	if trouble != "" {
		env = append(env, trouble)
	}
	a.build(tag, env...)
	migrations, watch, steps := "expand: migrate-expand", shortWatch, []deploy.Action{"expanding", deploy.Confirm, deploy.HandOver, deploy.Watch, deploy.Drain}
	if trouble != "" {
		watch, steps = time.Minute, steps[:3]
	}
	if contract {
		migrations += ", contract: migrate-contract"
		steps = append(steps, deploy.Retire)
	}
	cut := a.killDuring(tag, steps)
	commit := a.push(stage.Desired{Tag: tag, More: a.policy(migrations, watch)})
	if a.tags == 1 {
		a.addSite()
	}
	cut()
	a.migrated["expand "+tag]++
	if trouble != "" {
		a.phase(commit, deploy.PhaseHeld)
		a.push(stage.Desired{Tag: a.live, More: a.policy("", shortWatch)}) // nothing is held any more
		return
	}
	a.until(tag+" live", func(s deploy.Status) error {
		// Also what comes after it: the old stack retired, or a backup, or a contract.
		if s.Desired.Commit != commit || s.Reason != deploy.UpToDate || s.Live.Tag != tag {
			return fmt.Errorf("%s: %s", s.Phase, s.Reason)
		}
		return nil
	})
	a.live, a.former = tag, a.live
	if contract {
		a.migrated["contract "+tag]++
		a.former = ""
	}
}

// back names the former release again.
func (a *afterWalk) back() {
	a.t.Helper()
	cut := a.killDuring(a.former, []deploy.Action{deploy.Confirm, deploy.HandOver})
	commit := a.push(stage.Desired{Tag: a.former, More: a.policy("", shortWatch)})
	cut()
	a.until(a.former+" live again", func(s deploy.Status) error {
		if s.Desired.Commit != commit || s.Phase != deploy.PhaseLive || s.Live.Tag != a.former {
			return fmt.Errorf("%s", s.Phase)
		}
		return nil
	})
	a.live, a.former = a.former, a.live
}

// killDuring prepares to kill the agent in one of the moves in which that is due: a
// moment of chance after one of the steps has ended, which is in the next one.
// What it returns waits for that.
func (a *afterWalk) killDuring(tag string, steps []deploy.Action) (cut func()) {
	if a.owed == 0 || a.live == "" {
		return func() {}
	}
	step := steps[a.chance.IntN(len(steps))]
	longest := 600 * time.Millisecond
	if step == deploy.HandOver {
		longest *= 4 // the watch takes longer
	}
	// What is drained and retired then is the old stack.
	lines := [][]string{{"step done", "step=" + string(step), "tag=" + tag}}
	if step == deploy.Drain || step == deploy.Retire {
		lines = [][]string{{"step done", "step=watch", "tag=" + tag}, {"step done", "step=" + string(step)}}
	}
	seen := a.p.sees(lines...)
	return func() {
		if step == "expanding" {
			a.recorded(stage.Migrations, "begin", "expand", tag)
		} else if !a.waited(seen) {
			return // the kill is still owed
		}
		began := time.Now()
		pass(a.chance, longest)
		a.p.kill()
		a.owed--
		a.killed = append(a.killed, fmt.Sprintf("%s after %s", time.Since(began).Round(time.Millisecond), step))
		a.p.start()
	}
}

// waited tells whether the step came; a release in trouble may end before.
func (a *afterWalk) waited(seen <-chan struct{}) bool {
	select {
	case <-seen:
		return true
	case <-time.After(20 * time.Second):
		return false
	}
}

// killScheduler kills the process, as the kernel does when memory is short.
func (a *afterWalk) killScheduler() {
	a.t.Helper()
	for _, c := range a.inspect() {
		if c.Config.Labels["com.docker.compose.service"] == "scheduler" && c.State.Running {
			if err := syscall.Kill(c.State.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
				a.t.Error(err)
			}
		}
	}
}

// settled waits until the one scheduler that runs is that of the live release.
func (a *afterWalk) settled() {
	a.t.Helper()
	tb.Until(a.t, patience, "the scheduler of "+a.live, func() error {
		var running []string
		for _, c := range a.inspect() {
			if c.Config.Labels["com.docker.compose.service"] == "scheduler" && c.State.Running {
				running = append(running, c.Config.Image)
			}
		}
		if len(running) != 1 || !strings.HasSuffix(running[0], ":"+a.live) {
			return fmt.Errorf("running: %q", running)
		}
		return nil
	})
	for _, name := range []string{stage.Schedule, stage.Migrations} {
		for _, line := range a.records(name) {
			if strings.HasPrefix(line, "OVERLAP") {
				a.t.Fatalf("move %d: %s: %s", a.move, name, line)
			}
		}
	}
}

// ranOnce compares the records of migrations with what was pushed. The agent alone
// was killed, so none of them was cut.
func (a *afterWalk) ranOnce() {
	a.t.Helper()
	got := map[string]int{}
	for _, line := range a.records(stage.Migrations) {
		if run, ok := strings.CutPrefix(line, "begin "); ok {
			got[run]++
		}
		if run, ok := strings.CutPrefix(line, "end "); ok {
			got["end of "+run]++
		}
	}
	for run, n := range a.migrated {
		if got[run] != n || got["end of "+run] != n {
			a.t.Errorf("%s began %d times and ended %d times, want %d", run, got[run], got["end of "+run], n)
		}
		delete(got, run)
		delete(got, "end of "+run)
	}
	if len(got) > 0 {
		a.t.Errorf("nobody asked for %v", got)
	}
	starts := 0
	for _, line := range a.records(stage.Schedule) {
		if strings.HasPrefix(line, "start ") {
			starts++
		}
	}
	a.t.Logf("%d schedulers started, 0 overlaps; %d migrations", starts, len(a.migrated))
}
