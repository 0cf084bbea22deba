package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tandem/internal/agent"
	"tandem/internal/config"
	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// patience is how long a test waits for something that ought to happen. It is
// far more than any of it takes, so that a busy machine fails nothing.
const patience = 4 * time.Minute

// quick is what most tests add to a tandem.yaml: a watch that is over soon, and that
// a busy machine does not fail.
const quick = "gate: {timeout: " + gateLimit + ", image_timeout: 0s}\nwatch: {for: 1s, max_p95: 1m, compare: limits}\ndrain: {timeout: 1s, websockets: 1s}\n"

// gateLimit is how long a release of most tests may take to become healthy: a good one
// has it, however busy the machine is.
const gateLimit = "60s"

// gated is a policy with another limit of its gate, for a release that is to fail it.
func gated(policy, limit string) string {
	if !strings.Contains(policy, gateLimit) {
		panic("no gate of " + gateLimit + " in " + policy)
	}
	return strings.Replace(policy, gateLimit, limit, 1)
}

// times is how often a test does what is left to chance, or what only shows after
// long: as often as tandem promises for, and in a short run, as `make test` makes
// it, often enough to find what was broken.
func times(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}

// world is a stage with an agent that looks after it.
type world struct {
	*stage.Stage
	t      *testing.T           // or that of the subtest
	whole  *testing.T           // never a subtest's: the agent logs while those come and go
	stop   func()               // stops the agent and waits for it
	change func(*config.Config) // of the next agent that is started
	lines  atomic.Int64         // of the agent's log, at level Info and above
}

// newWorld sets a stage for one app; the agent runs and nothing is pushed yet.
func newWorld(t *testing.T, o stage.Options) *world {
	t.Helper()
	w := newStage(t, o)
	w.start()
	return w
}

// newStage sets a stage on which no agent runs yet. Its app is one container a color:
// the start of each costs seconds of a processor here, and most tests are not about
// what runs beside it.
func newStage(t *testing.T, o stage.Options) *world {
	t.Helper()
	o.Bare = true
	return wholeStage(t, o)
}

// storeStage is newStage with the store, as the example's shared stack.
func storeStage(t *testing.T, o stage.Options) *world {
	t.Helper()
	o.APIOnly = true
	w := wholeStage(t, o)
	// A network that the api is in alone costs Docker as much as another container.
	put(t, filepath.Join(w.Work, w.App, "compose.yaml"), "networks: [default, data]", "networks: [data]")
	return w
}

// wholeStage is newStage with the app as the example has it.
func wholeStage(t *testing.T, o stage.Options) *world {
	t.Helper()
	if o.App == "" {
		o.App = fmt.Sprintf("e2e-%06x", rand.N(1<<24))
	}
	if o.Registry == nil {
		o.Registry = sharedRegistry(t)
	}
	s, err := stage.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Stage: s, t: t, whole: t, stop: func() {}, change: func(*config.Config) {}}
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			w.explain()
		}
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return w
}

// configure adds a change to the configuration of the next agent that is started.
func (w *world) configure(change func(*config.Config)) {
	before := w.change
	w.change = func(c *config.Config) {
		before(c)
		change(c)
	}
}

// start runs an agent in this process until stop or the end of the test.
func (w *world) start() {
	w.t.Helper()
	cfg := w.Config()
	w.change(&cfg)
	a, err := agent.New(cfg, w.logger())
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := a.Stop(ctx); err != nil {
			w.t.Errorf("agent: %v", err)
		}
		cancel() // for an agent that had not begun to run
		if err := <-done; err != nil {
			w.t.Errorf("agent: %v", err)
		}
	}
}

// logger writes into the test's log; a passing test shows none of it.
func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(testLog{w}, nil))
}

// testLog counts lines and passes them on to the test's log.
type testLog struct{ w *world }

// Write implements io.Writer.
func (l testLog) Write(p []byte) (int, error) {
	l.w.lines.Add(1)
	l.w.whole.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// explain shows what a person would look at first.
func (w *world) explain() {
	_, text, err := w.Published(context.Background())
	w.t.Logf("last published status (%v):\n%s", err, text)
	w.t.Logf("nginx error log:\n%s", w.Nginx.ErrorLog())
}

// build makes the image of a release.
func (w *world) build(tag string, env ...string) {
	w.t.Helper()
	if err := w.Build(w.t.Context(), tag, env...); err != nil {
		w.t.Fatal(err)
	}
}

// push commits and pushes what is desired, and returns the commit.
func (w *world) push(d stage.Desired) string {
	w.t.Helper()
	if d.More == "" {
		d.More = quick
	}
	commit, err := w.Push(w.t.Context(), "Deploy "+d.Tag, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return commit
}

// revert reverts the newest commit, and returns the commit that does so.
func (w *world) revert() string {
	w.t.Helper()
	commit, err := w.Revert(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return commit
}

// until waits for a published status that is as the condition asks; an error of
// the condition says what is still missing.
func (w *world) until(what string, cond func(deploy.Status) error) deploy.Status {
	w.t.Helper()
	var got deploy.Status
	tb.Until(w.t, patience, what, func() error {
		s, text, err := w.Published(w.t.Context())
		if err != nil {
			return err
		}
		got = s
		if err := cond(s); err != nil {
			return fmt.Errorf("%w; the status is\n%s", err, text)
		}
		return nil
	})
	return got
}

// live waits until the commit is live, with its watch passed.
func (w *world) live(commit, tag string, color deploy.Color) deploy.Status {
	w.t.Helper()
	return w.until(fmt.Sprintf("%s live on %s", tag, color), func(s deploy.Status) error {
		return isLive(s, commit, tag, color)
	})
}

func isLive(s deploy.Status, commit, tag string, color deploy.Color) error {
	switch {
	case s.Desired.Commit != commit:
		return fmt.Errorf("the status is about commit %s", s.Desired.Commit)
	case s.Phase != deploy.PhaseLive:
		return fmt.Errorf("phase %s (%s)", s.Phase, s.Reason)
	case s.Live == nil || s.Live.Tag != tag || s.Live.Color != color:
		return fmt.Errorf("live is %+v", s.Live)
	}
	return nil
}

// phase waits until the status about the commit has the phase.
func (w *world) phase(commit string, phase deploy.Phase) deploy.Status {
	w.t.Helper()
	return w.until("phase "+string(phase), func(s deploy.Status) error {
		if s.Desired.Commit != commit || s.Phase != phase {
			return fmt.Errorf("phase %s at commit %s", s.Phase, s.Desired.Commit)
		}
		return nil
	})
}

// addSite waits for the generated files and includes them, as a user does once.
func (w *world) addSite() {
	w.t.Helper()
	tb.Until(w.t, patience, "generated files", func() error {
		if _, err := os.Stat(w.Config().Nginx.Dir + "/" + w.App + ".server"); err != nil && w.Config().Nginx.Switch == config.SwitchFlip {
			return err
		}
		return w.AddSite(w.t.Context())
	})
}

// deployed sets a world in which release 1.0.0 is live on blue.
func deployed(t *testing.T, o stage.Options) *world {
	t.Helper()
	return newWorld(t, o).deployed()
}

func (w *world) deployed() *world {
	w.t.Helper()
	w.build("1.0.0")
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(commit, "1.0.0", deploy.Blue)
	return w
}

// traffic starts a load at a steady rate: 32 kept-alive connections that never
// retry, GET and POST, and 5 WebSockets. As fast as the machine gives it is what
// `make bench` does; here it would take the processor from the tests beside it.
func (w *world) traffic() *load.Runner {
	w.t.Helper()
	return w.load(load.Options{Rate: 100})
}

func (w *world) load(o load.Options) *load.Runner {
	w.t.Helper()
	if o.URL == "" {
		o.URL = w.URL()
	}
	o.Connections, o.PostEvery, o.WebSockets, o.EchoEvery = 32, 4, 5, 250*time.Millisecond
	r, err := load.Run(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { r.Stop() })
	return r
}

// unharmed stops the load and fails the test if a single request failed.
func (w *world) unharmed(r *load.Runner) load.Report {
	w.t.Helper()
	report := r.Stop()
	w.t.Logf("%d requests (%d POST), %d failed, longest gap %s, p99 %s", report.Requests, report.Posts, report.Failed, report.LongestGap, report.P99)
	if report.Requests == 0 {
		w.t.Error("no request was made, so nothing is proven")
	}
	if report.Failed > 0 {
		w.t.Errorf("%d of %d requests failed: %v", report.Failed, report.Requests, report.Examples)
	}
	return report
}
