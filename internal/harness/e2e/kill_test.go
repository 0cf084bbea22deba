package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// program is the tandem binary as a process of its own, which can be killed.
type program struct {
	w    *world
	path string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended

	mu       sync.Mutex
	lookouts []*lookout // for lines of the log
}

// lookout waits for lines, one after the other, each with all of its words.
type lookout struct {
	lines [][]string
	seen  chan struct{} // closed then
}

// newProgram builds tandem; nothing runs yet.
func newProgram(w *world) *program {
	w.t.Helper()
	p := &program{w: w, path: tb.GoBinary(w.t, "../../../cmd/tandem")}
	w.stop = func() { p.kill() }
	return p
}

// deployedBy builds two releases and lets the program make the first one live.
func deployedBy(w *world) *program {
	w.t.Helper()
	p := newProgram(w)
	w.build("1.0.0")
	w.build("1.1.0")
	p.start()
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(commit, "1.0.0", deploy.Blue)
	return p
}

// start runs `tandem run`.
func (p *program) start() {
	p.w.t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.cmd = exec.Command(p.path, append([]string{"run"}, p.w.Flags()...)...)
	p.cmd.Stdout, p.cmd.Stderr = in, in
	if err := p.cmd.Start(); err != nil {
		p.w.t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		p.w.t.Fatal(err)
	}
	p.done = make(chan struct{})
	go p.follow(p.cmd, out, p.done)
}

func (p *program) follow(cmd *exec.Cmd, out *os.File, done chan struct{}) {
	defer close(done)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.w.t.Log(lines.Text())
		p.logged(lines.Text())
	}
	_ = cmd.Wait() // it was killed, so it has an error to tell
	_ = out.Close()
}

// kill sends SIGKILL and waits until the process is gone.
func (p *program) kill() {
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.w.t.Errorf("kill tandem: %v", err)
	}
	<-p.done
	p.cmd = nil
}

// sees returns a channel that is closed once the log had these lines, one after the
// other, each with all of its words.
func (p *program) sees(lines ...[]string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &lookout{lines, make(chan struct{})}
	p.lookouts = append(p.lookouts, l)
	return l.seen
}

func (p *program) logged(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookouts = slices.DeleteFunc(p.lookouts, func(l *lookout) bool {
		for _, word := range l.lines[0] {
			if !strings.Contains(line, word) {
				return false
			}
		}
		if l.lines = l.lines[1:]; len(l.lines) > 0 {
			return false
		}
		close(l.seen)
		return true
	})
}

// killAt runs the program until its log has a line with all of the words,
// kills it there, and fails the test when that line never comes.
func (p *program) killAt(what string, words ...string) {
	p.w.t.Helper()
	hit := p.sees(words)
	p.start()
	select {
	case <-hit:
	case <-time.After(patience):
		p.w.t.Fatalf("tandem never came to %s", what)
	}
	p.kill()
}

// Two releases in turn, under load. At each boundary the agent is killed, and
// the next one has to finish the work.
func TestKill_AtEveryStepBoundary(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	p := deployedBy(w)
	p.kill()

	traffic := w.traffic()
	more := quick + "standby: {keep: stopped}\n"
	live, tag := deploy.Blue, "1.0.0"
	for _, step := range []deploy.Action{deploy.Up, deploy.Gate, deploy.Flip, deploy.Confirm, deploy.Watch, deploy.Drain, deploy.Retire} {
		live, tag = live.Other(), other(tag)
		before := w.stack(live.Other())
		commit := w.push(stage.Desired{Tag: tag, Color: string(live), More: more, Env: map[string]string{"GREETING": string(step)}})
		p.killAt(string(step)+" done", "step done", "step="+string(step))
		p.start()
		w.live(commit, tag, live)
		w.neverRestarted(live.Other(), before)
		p.kill()
	}
	w.unharmed(traffic)
}

func other(tag string) string {
	if tag == "1.0.0" {
		return "1.1.0"
	}
	return "1.0.0"
}

func TestKill_ManyTimesAtRandomMoments(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	w := newStage(t, stage.Options{})
	p := deployedBy(w)

	traffic := w.traffic()
	live, tag := deploy.Blue, "1.0.0"
	for i, kills := 0, times(50, 8); i < kills; {
		live, tag = live.Other(), other(tag)
		before := w.stack(live.Other())
		// Every other time a release that has to be brought up, then a warm one.
		commit := w.push(stage.Desired{Tag: tag, Color: string(live), Env: map[string]string{"GREETING": fmt.Sprint(i / 10)}})
		for range 1 + chance.IntN(3) {
			pass(chance, 3*time.Second)
			p.kill()
			p.start()
			i++
		}
		w.live(commit, tag, live)
		w.neverRestarted(live.Other(), before)
	}
	w.unharmed(traffic)
}

// pass lets a time of chance pass, up to the longest.
func pass(chance *rand.Rand, longest time.Duration) {
	timer := time.NewTimer(time.Duration(chance.Int64N(int64(longest))))
	<-timer.C
}

// stack maps the containers of one color to when they were started.
func (w *world) stack(c deploy.Color) map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for _, info := range w.inspect() {
		if info.Config.Labels["com.docker.compose.project"] == w.App+"-"+string(c) {
			out[info.ID] = fmt.Sprintf("%s started %s, restarts %d", info.Name, info.State.StartedAt, info.RestartCount)
		}
	}
	return out
}

// neverRestarted compares the stack that was live with what it was then: the
// agent may stop it once it is no longer needed, and nothing else.
func (w *world) neverRestarted(c deploy.Color, before map[string]string) {
	w.t.Helper()
	now := w.stack(c)
	for id, was := range before {
		if now[id] != was {
			w.t.Errorf("a container of the stack that was live was touched: %q is now %q", was, now[id])
		}
	}
}
