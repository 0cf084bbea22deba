package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"tandem/internal/config"
	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

func TestFlip_LosesNoRequestInManySwitches(t *testing.T) {
	t.Parallel()
	report := switchBackAndForth(t, config.SwitchFlip)
	if report.Failed > 0 {
		t.Errorf("%d of %d requests failed: %v", report.Failed, report.Requests, report.Examples)
	}
	for _, s := range report.Sessions {
		if s.Reason != "" {
			t.Errorf("WebSocket %d was cut, though no stack was retired: %s", s.Index, s.Reason)
		}
	}
}

// The same load with reloads is measured for comparison. What it loses is
// Nginx's, and no promise of tandem's.
func TestReload_IsMeasuredBesideFlip(t *testing.T) {
	t.Parallel()
	switchBackAndForth(t, config.SwitchReload)
}

// switchBackAndForth moves the traffic between two warm releases under load, by
// commits alone.
func switchBackAndForth(t *testing.T, how string) load.Report {
	w := deployed(t, stage.Options{Switch: how})
	w.build("1.1.0")
	w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "green"}), "1.1.0", deploy.Green)

	traffic, flips := w.traffic(), times(20, 6)
	for i := range flips {
		tag, color := "1.0.0", deploy.Blue
		if i%2 == 1 {
			tag, color = "1.1.0", deploy.Green
		}
		w.live(w.push(stage.Desired{Tag: tag, Color: string(color)}), tag, color)
	}
	report := traffic.Stop()
	t.Logf("switch: %s, %d switches: %d requests (%d POST), %d failed %v, longest gap %s, p99 %s, %d WebSockets",
		how, flips, report.Requests, report.Posts, report.Failed, report.Kinds, report.LongestGap, report.P99, len(report.Sessions))
	if report.Requests == 0 || len(report.Answers) < 2 {
		t.Errorf("the load saw only %v, so nothing is proven", report.Answers)
	}
	return report
}

func TestRevert_MovesTheTrafficAndTouchesNoContainer(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "green"}), "1.1.0", deploy.Green)

	before := w.containers()
	s := w.live(w.revert(), "1.0.0", deploy.Blue)
	if after := w.containers(); !maps.Equal(before, after) {
		t.Errorf("containers were touched:\nbefore %v\nafter  %v", before, after)
	}
	if got := s.History[0].Result; got != deploy.Reverted {
		t.Errorf("the history calls it %s, want %s", got, deploy.Reverted)
	}
}

// containers maps the id of each container of both stacks to when it was
// started and how often it was restarted.
func (w *world) containers() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for _, c := range w.inspect() {
		out[c.ID] = fmt.Sprintf("%s started %s, restarts %d", c.Name, c.State.StartedAt, c.RestartCount)
	}
	return out
}

// inspect returns the containers of both stacks, stopped ones included, by name.
func (w *world) inspect() []container.InspectResponse {
	w.t.Helper()
	list, err := w.Engine.Client.ContainerList(w.t.Context(), container.ListOptions{All: true})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []container.InspectResponse
	for _, c := range list {
		project := c.Labels["com.docker.compose.project"]
		if project != w.App+"-blue" && project != w.App+"-green" {
			continue
		}
		info, err := w.Engine.Client.ContainerInspect(w.t.Context(), c.ID)
		if cerrdefs.IsNotFound(err) {
			continue // it went away since it was listed
		}
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b container.InspectResponse) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

// Everything that a commit can ask for, one after the other, under one load.
func TestConverge_WhateverTheCommitAsksForUnderLoad(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	for _, tag := range []string{"1.1.0", "1.2.0"} {
		w.build(tag)
	}
	traffic := w.traffic()

	t.Log("the same color with a new tag: over the other color and back")
	w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "blue"}), "1.1.0", deploy.Blue)

	t.Log("a color change without a tag bump")
	w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "green"}), "1.1.0", deploy.Green)

	t.Log("a changed environment value without a tag bump")
	w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "blue", Env: map[string]string{"GREETING": "hi"}}), "1.1.0", deploy.Blue)

	t.Log("auto: the release goes to whichever color is not live")
	w.live(w.push(stage.Desired{Tag: "1.2.0", Color: "auto"}), "1.2.0", deploy.Green)

	t.Log("auto with a changed environment value")
	w.live(w.push(stage.Desired{Tag: "1.2.0", Color: "auto", Env: map[string]string{"GREETING": "hey"}}), "1.2.0", deploy.Blue)

	report := w.unharmed(traffic)
	if len(report.Answers) < 5 {
		t.Errorf("the load was answered by %v only", report.Answers)
	}
}

// A commit may change ports. Nginx has to reload for that, which can cost it a
// kept-alive connection, but traffic never goes to a port where nobody answers.
func TestConverge_PortsThatChangeMoveWithTheirStack(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	traffic := w.traffic()
	p := tb.Ports(t, 4)
	w.Ports.APIBlue, w.Ports.APIGreen, w.Ports.WebBlue, w.Ports.WebGreen = p[0], p[1], p[2], p[3]
	w.live(w.push(stage.Desired{Tag: "1.0.0", Color: "green"}), "1.0.0", deploy.Green)
	w.live(w.push(stage.Desired{Tag: "1.0.0", Color: "blue"}), "1.0.0", deploy.Blue)
	report := traffic.Stop()
	t.Logf("%d requests, %d failed %v", report.Requests, report.Failed, report.Kinds)
	if n := report.Kinds[load.Status]; n > 0 || report.Requests == 0 {
		t.Errorf("%d of %d requests were answered with an error: %v", n, report.Requests, report.Examples)
	}
}

// slowGate keeps a release in its gate until a newer commit comes.
const slowGate = "gate: {timeout: 10m}\nwatch: {for: 1s, max_p95: 1m, compare: limits}\ndrain: {timeout: 1s, websockets: 1s}\n"

func TestNewerCommit_WinsInTheMiddleOfAGate(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0", "BREAK=unhealthy")
	w.build("1.2.0")
	stuck := w.push(stage.Desired{Tag: "1.1.0", Color: "green", More: slowGate})
	w.running("green")
	s := w.live(w.push(stage.Desired{Tag: "1.2.0", Color: "green"}), "1.2.0", deploy.Green)
	if e, ok := entry(s, stuck); !ok || e.Result != deploy.Superseded {
		t.Errorf("the history has %+v for the commit that was dropped, want %s", e, deploy.Superseded)
	}
}

// longWatch lasts longer than any test.
const longWatch = "gate: {timeout: " + gateLimit + "}\nwatch: {for: 30m, max_p95: 1m, compare: limits}\ndrain: {timeout: 1s, websockets: 1s}\n"

func TestRevert_WinsInTheMiddleOfAWatch(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	watched := w.push(stage.Desired{Tag: "1.1.0", Color: "green", More: longWatch})
	w.until("the watch", func(s deploy.Status) error {
		if s.Desired.Commit != watched || s.Reason != deploy.Watching {
			return fmt.Errorf("%s at %s", s.Reason, s.Desired.Commit)
		}
		return nil
	})
	before := w.containers()
	w.live(w.revert(), "1.0.0", deploy.Blue)
	if after := w.containers(); !maps.Equal(before, after) {
		t.Errorf("containers were touched:\nbefore %v\nafter  %v", before, after)
	}
}

// running waits until a container of the color runs.
func (w *world) running(color string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		for _, c := range w.inspect() {
			if c.Config.Labels["com.docker.compose.project"] == w.App+"-"+color && c.State.Running {
				return
			}
		}
		<-time.After(50 * time.Millisecond)
	}
	w.t.Fatalf("no container of %s ran", color)
}

// entry finds the newest line of the history about a commit.
func entry(s deploy.Status, commit string) (deploy.Entry, bool) {
	for _, e := range s.History {
		if e.Commit == commit {
			return e, true
		}
	}
	return deploy.Entry{}, false
}
