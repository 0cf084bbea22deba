package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// patient is a watch that ends only with a verdict, and whose limit for p95 no
// release here reaches.
const patient = "gate: {timeout: " + gateLimit + "%s}\nwatch: {for: 60s, max_p95: 10s%s}\ndrain: {timeout: 1s, websockets: 1s}\n"

// Each release passes its gate, and is bad only under traffic. It is taken back,
// and status, metric and notification name the figure and the limit.
func TestWatch_TakesBackWhatIsBadUnderTraffic(t *testing.T) {
	t.Parallel()
	box := newMailbox(t, http.StatusOK)
	w := newStage(t, stage.Options{})
	w.tells(box)
	w.start()
	// So slow that a busy machine does not come near to making it twice as slow.
	w.build("1.0.0", "BREAK=latency=500")
	first := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(first, "1.0.0", deploy.Blue)

	for _, bad := range []struct {
		tag, trouble string
		gate, watch  string
		figure       deploy.Figure
		says         []string
	}{
		{"2.1.0", "errors=5", "", ", max_error_rate: 1%", deploy.ErrorRatio, []string{"error rate ", "is over the limit of 1%"}},
		{"2.2.0", "latency=1500", "", ", compare: old", deploy.P95Seconds, []string{"p95 ", "is over twice the old stack's "}},
		// Meanwhile a busy Docker says what the old stack uses.
		{"2.3.0", "leak=40", ", successes: 100", "", deploy.MemoryBytes, []string{"memory ", "is over the old stack's ", "and 64MiB more"}},
		{"2.4.0", "", "", "", deploy.RestartSum, []string{"1 restart of its containers; the limit is 0"}},
	} {
		t.Run(string(bad.figure), func(t *testing.T) {
			w.t = t
			traffic := w.load(load.Options{Rate: 200})
			w.build(bad.tag, "BREAK="+bad.trouble)
			if bad.figure == deploy.RestartSum {
				check(t, w.AddWorker())
			}
			commit := w.push(stage.Desired{Tag: bad.tag, Color: "green", More: fmt.Sprintf(patient, bad.gate, bad.watch)})
			arrived := w.arrived(bad.tag)
			if bad.figure == deploy.RestartSum { // as the kernel does when memory is short
				check(t, syscall.Kill(w.service("green", "worker").State.Pid, syscall.SIGKILL))
			}
			s := w.phase(commit, deploy.PhaseHeld)
			report := traffic.Stop()

			if s.Live == nil || s.Live.Tag != "1.0.0" {
				t.Fatalf("live is %+v", s.Live)
			}
			began := arrived.Live.Since
			if bad.figure == deploy.ErrorRatio {
				began = report.Examples[0].At
			} else if report.Failed > 0 {
				t.Errorf("%d requests failed: %v", report.Failed, report.Examples)
			}
			t.Logf("%s: taken back %s after the first bad answer; %s", bad.figure, s.Live.Since.Sub(began).Round(time.Millisecond), s.Receipt.Verdict)

			if e, _ := entry(s, commit); e.Result != deploy.RolledBack || e.Reason != deploy.WatchFailed {
				t.Errorf("the history says %+v", e)
			}
			told := w.arrives(box, bad.tag+" rolled back (WatchFailed)")
			for _, part := range bad.says {
				for where, text := range map[string]string{"status": s.Message, "receipt": s.Receipt.Verdict, "notification": told.Message} {
					if !strings.Contains(text, part) {
						t.Errorf("the %s lacks %q:\n%s", where, part, text)
					}
				}
			}
			labels := fmt.Sprintf("{app=%q,figure=%q} ", w.App, bad.figure)
			w.measured("tandem_watch_failures_total"+labels+"1", "tandem_watch_breach"+labels, "tandem_watch_breach_limit"+labels)
		})
	}
}

// Half of a shop's trouble is older than its newest release.
func TestWatch_AReleaseAsBadAsTheOldOneStaysWhereThePolicyIsRelative(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	w.build("1.0.0", "BREAK=errors=5")
	w.build("1.1.0", "BREAK=errors=5", "ANOTHER=1")
	first := w.push(stage.Desired{Tag: "1.0.0", Color: "blue", More: "watch: {for: 1s, max_error_rate: 100%, max_p95: 1m}\n"})
	w.addSite()
	w.live(first, "1.0.0", deploy.Blue)

	// Few enough that a busy machine does not make the one slower than the other.
	traffic := w.load(load.Options{Rate: 50})
	w.probed(traffic, "1.0.0", 100)
	relative := "watch: {for: 6s, max_error_rate: 1%, max_p95: 1m, compare: old}\ndrain: {timeout: 1s, websockets: 1s}\n"
	s := w.live(w.push(stage.Desired{Tag: "1.1.0", More: relative}), "1.1.0", deploy.Green)
	if r := s.Receipt; r.Errors == 0 || !strings.Contains(r.Verdict, "before: ") && !strings.Contains(r.Verdict, "errors (limit ") {
		t.Errorf("receipt %+v, want one that counts the errors and compares them", r)
	}
	if e, _ := entry(s, s.Desired.Commit); e.Result != deploy.Promoted {
		t.Errorf("the history says %+v", e)
	}
	traffic.Stop()
}

// No evidence is neither good nor bad, and the receipt says what a release was
// judged by instead.
func TestWatch_WithoutEvidenceItNeverFailsAndNeverSilentlyPasses(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	short := "gate: {timeout: " + gateLimit + "}\nwatch: {for: 1s, max: 5s, max_p95: 1m%s}\ndrain: {timeout: 1s, websockets: 1s}\nstandby: {backup: off}\n"
	log := filepath.Join(w.Config().Nginx.Dir, "log", w.App+".access.log")
	for i, c := range []struct {
		name, policy string
		during       func() // the watch
		result       deploy.Result
		verdict      []string
	}{
		{"no traffic at all", "", func() {}, deploy.Promoted, []string{"no requests; judged by ", " probes of the agent: 0% failed"}},
		{"three requests", "", func() {
			for range 3 {
				check(t, w.get("/"))
			}
		}, deploy.Promoted, []string{"3 requests; judged by ", " probes of the agent: 0% failed"}},
		{"too few probes too", ", min_requests: 100000", func() {}, deploy.Promoted,
			[]string{"inconclusive: no requests; with ", "less than watch.min_requests, 100,000; promoted, as watch.inconclusive says"}},
		{"too few, and the policy is careful", ", min_requests: 100000, inconclusive: revert", func() {}, deploy.RolledBack,
			[]string{"inconclusive: ", "taken back, as watch.inconclusive says"}},
		{"a log that cannot be read", "", func() { check(t, os.Rename(log, log+".1")) }, deploy.Promoted,
			[]string{"the access log cannot be read: ", "judged by ", "0% failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			tag := fmt.Sprintf("1.%d.0", i+1)
			w.build(tag)
			commit := w.push(stage.Desired{Tag: tag, More: fmt.Sprintf(short, c.policy)})
			w.arrived(tag)
			c.during()
			s := w.until("the end of the deploy", func(s deploy.Status) error {
				if e, ok := entry(s, commit); !ok || e.Result == "" {
					return fmt.Errorf("the history has no result of it yet")
				}
				return nil
			})
			if e, _ := entry(s, commit); e.Result != c.result {
				t.Errorf("the history says %+v, want %s", e, c.result)
			}
			for _, part := range c.verdict {
				if !strings.Contains(s.Receipt.Verdict, part) {
					t.Errorf("verdict %q lacks %q", s.Receipt.Verdict, part)
				}
			}
		})
	}
}

// arrived waits until traffic goes to a release, by the status: no request is made.
func (w *world) arrived(tag string) deploy.Status {
	w.t.Helper()
	return w.until("traffic on "+tag, func(s deploy.Status) error {
		if s.Live == nil || s.Live.Tag != tag {
			return fmt.Errorf("live is %+v", s.Live)
		}
		return nil
	})
}

// probed waits until the load got so many answers of a release.
func (w *world) probed(r *load.Runner, tag string, n int64) {
	w.t.Helper()
	tb.Until(w.t, patience, fmt.Sprintf("%d answers of %s", n, tag), func() error {
		if got := r.Report().Tag(tag); got < n {
			return fmt.Errorf("got %d", got)
		}
		return nil
	})
}

// measured waits until the agent's metrics have lines that begin so.
func (w *world) measured(lines ...string) {
	w.t.Helper()
	tb.Until(w.t, patience, "metrics", func() error {
		resp, err := http.Get("http://" + w.Config().Listen + "/metrics")
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
		for _, line := range lines {
			if !strings.Contains("\n"+string(body), "\n"+line) {
				return fmt.Errorf("no line begins with %s", line)
			}
		}
		return nil
	})
}
