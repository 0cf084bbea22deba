package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/api"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// A release that does not pass the gate never gets a request, whatever is wrong
// with it, and the status says what that is.
func TestReject_ABadReleaseNeverGetsTraffic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	check(t, w.AddWorker())
	w.deployed()
	traffic := w.traffic()
	for _, bad := range []struct {
		name, tag, trouble string
		latency            string // the limit; empty: the stage's own
		reasons            []deploy.Reason
		message            string // part of it
		logs               string // part of the log lines in the message; empty: there are none
	}{
		{"an image that does not exist", "2.0.0", "", "", []deploy.Reason{deploy.ImageNotFound}, "shop:2.0.0", ""},
		{"a container that exits", "2.1.0", "exit", "", []deploy.Reason{deploy.ContainerExited, deploy.RestartLoop}, "-api-1", "BREAK=exit"},
		{"a container that restarts in a loop", "2.2.0", "crashloop", "", []deploy.Reason{deploy.RestartLoop, deploy.ContainerExited}, "-api-1", "out of luck"},
		{"a health check that never passes", "2.3.0", "unhealthy", "", []deploy.Reason{deploy.Unhealthy}, "answered 500", "BREAK=unhealthy"},
		{"a health answer slower than the limit", "2.4.0", "slow", "200ms", []deploy.Reason{deploy.TooSlow}, "took longer than 200ms", ""},
		{"a worker that crashes while the api is healthy", "2.5.0", "worker-exit", "", []deploy.Reason{deploy.RestartLoop, deploy.ContainerExited}, "-worker-1", "BREAK=worker-exit"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			w.t = t
			if bad.trouble != "" {
				w.build(bad.tag, "BREAK="+bad.trouble)
			}
			// The time of a gate passes whole only where nothing ends.
			policy := quick
			if bad.trouble == "unhealthy" || bad.trouble == "slow" {
				policy = gated(quick, "6s")
			}
			commit := w.push(stage.Desired{Tag: bad.tag, Color: "green", More: policy, MaxLatency: bad.latency})
			s := w.phase(commit, deploy.PhaseHeld)
			if s.Live == nil || s.Live.Tag != "1.0.0" || s.Live.Color != deploy.Blue {
				t.Errorf("live is %+v, want 1.0.0 on blue", s.Live)
			}
			e, ok := entry(s, commit)
			if !ok || e.Result != deploy.RejectedBeforeTraffic || !contains(bad.reasons, e.Reason) {
				t.Errorf("the history says %+v, want %s with one of %v", e, deploy.RejectedBeforeTraffic, bad.reasons)
			}
			for _, part := range []string{string(e.Reason), bad.message, bad.logs} {
				if !strings.Contains(s.Message, part) {
					t.Errorf("the message lacks %q:\n%s", part, s.Message)
				}
			}
		})
	}
	w.t = t
	report := w.unharmed(traffic)
	for a := range report.Answers {
		if a.Tag != "1.0.0" {
			t.Errorf("a request was answered by %+v", a)
		}
	}
}

func contains(list []deploy.Reason, r deploy.Reason) bool {
	for _, x := range list {
		if x == r {
			return true
		}
	}
	return false
}

func TestReject_IsNotTriedAgainUntilSomebodySaysSo(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	bad := w.push(stage.Desired{Tag: "2.0.0", Color: "green"})
	w.phase(bad, deploy.PhaseHeld)

	t.Log("the image appears, and the agent looks again: it stays held")
	w.build("2.0.0")
	before := w.containers()
	w.stop()
	w.start()
	w.answers("held", func(s deploy.Status) bool { return s.Phase == deploy.PhaseHeld })
	if after := w.containers(); !maps.Equal(before, after) {
		t.Errorf("containers were touched:\nbefore %v\nafter  %v", before, after)
	}

	t.Log("tandem retry makes it worth another try")
	if err := api.NewClient(w.Config().Listen).Retry(t.Context(), w.App); err != nil {
		t.Fatal(err)
	}
	w.live(bad, "2.0.0", deploy.Green)
}

// A processor that this host does not have: Docker says so in words that are in no list, and every
// try of the same ends like that, also where the agent is killed between two of them.
func TestReject_WhatDockerCannotStartAgainAndAgainIsAVerdict(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	p := deployedBy(w)
	traffic := w.traffic()
	put(t, filepath.Join(w.Work, w.App, "compose.yaml"), "    command: [api]\n", "    command: [api]\n    cpuset: \"4095\"\n")
	tried := p.sees([]string{"step failed", "step=up", "CPUs"})
	bad := w.push(stage.Desired{Tag: "1.1.0", More: reverting})
	select {
	case <-tried:
	case <-time.After(patience):
		t.Fatal("it was never tried")
	}
	p.kill()
	p.start()
	s := w.until("the revert live", func(s deploy.Status) error {
		if e, ok := entry(s, bad); s.Phase != deploy.PhaseLive || !ok || e.Result != deploy.RejectedBeforeTraffic || e.Reason != deploy.CannotStart {
			return fmt.Errorf("%s: %s, history %+v", s.Phase, s.Message, s.History)
		}
		return nil
	})
	w.git("pull", "--quiet", "--rebase", "origin", "main")
	if body := w.git("log", "-1", "--format=%b", "origin/main"); !strings.Contains(body, "CannotStart") || !strings.Contains(body, "CPUs") || !strings.Contains(body, "(3 times in a row)") {
		t.Errorf("the commit does not say why:\n%s", body)
	}
	if s.Live == nil || s.Live.Tag != "1.0.0" || s.Live.Color != deploy.Blue {
		t.Errorf("live is %+v", s.Live)
	}
	w.unharmed(traffic)
}

func TestReject_ANewCommitIsTried(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.phase(w.push(stage.Desired{Tag: "2.0.0", Color: "green"}), deploy.PhaseHeld)
	w.build("2.0.0")
	again := w.push(stage.Desired{Tag: "2.0.0", Color: "green", More: quick + "# tried again\n"})
	w.live(again, "2.0.0", deploy.Green)
}

// A bump that is pushed while its image is still being built.
func TestReject_AnImageThatComesAfterTheCommitIsDeployed(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	before := w.containers()
	more := strings.Replace(quick, "image_timeout: 0s", "image_timeout: 10m", 1)
	commit := w.push(stage.Desired{Tag: "2.0.0", Color: "green", More: more})
	s := w.phase(commit, deploy.PhaseDeploying)
	if s.Reason != deploy.AwaitingImage || !strings.Contains(s.Message, "waits for the image until ") || !strings.Contains(s.Message, "shop:2.0.0") {
		t.Errorf("%s: %s", s.Reason, s.Message)
	}
	w.stop()
	w.start()
	w.answers("it still waits", func(s deploy.Status) bool { return s.Reason == deploy.AwaitingImage })
	if diff := cmp.Diff(before, w.containers()); diff != "" {
		t.Errorf("containers were touched meanwhile:\n%s", diff)
	}
	w.build("2.0.0")
	w.live(commit, "2.0.0", deploy.Green)
}

// answers waits until the agent itself, asked over HTTP, says so.
func (w *world) answers(what string, cond func(deploy.Status) bool) {
	w.t.Helper()
	tb.Until(w.t, patience, what, func() error {
		s, err := api.NewClient(w.Config().Listen).Status(w.t.Context(), w.App)
		if err != nil {
			return err
		}
		if !cond(s) {
			return fmt.Errorf("phase %s, reason %s: %s", s.Phase, s.Reason, s.Message)
		}
		return nil
	})
}

func TestWatch_TakesBackAReleaseThatTurnsBad(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	for name, c := range map[string]struct {
		tag    string
		signal syscall.Signal
	}{"it crashes": {"1.1.0", syscall.SIGKILL}, "it hangs": {"1.2.0", syscall.SIGSTOP}} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.build(c.tag)
			bad := w.push(stage.Desired{Tag: c.tag, Color: "green", More: longWatch})
			w.until("the watch", func(s deploy.Status) error {
				if s.Desired.Commit != bad || s.Reason != deploy.Watching {
					return fmt.Errorf("%s (%s)", s.Phase, s.Reason)
				}
				return nil
			})
			if err := syscall.Kill(w.service("green", "api").State.Pid, c.signal); err != nil {
				t.Fatal(err)
			}
			s := w.until("taken back", func(s deploy.Status) error {
				if s.Desired.Commit != bad || s.Phase != deploy.PhaseHeld || s.Reason != deploy.Held {
					return fmt.Errorf("%s (%s)", s.Phase, s.Reason)
				}
				return nil
			})
			if s.Live == nil || s.Live.Tag != "1.0.0" {
				t.Errorf("live is %+v, want 1.0.0", s.Live)
			}
			if e, _ := entry(s, bad); e.Result != deploy.RolledBack || e.Reason != deploy.WatchFailed {
				t.Errorf("the history says %+v, want %s, %s", e, deploy.RolledBack, deploy.WatchFailed)
			}
			if got := w.tag(); got != "1.0.0" {
				t.Errorf("nginx answers with %q, want 1.0.0", got)
			}
		})
	}
}
