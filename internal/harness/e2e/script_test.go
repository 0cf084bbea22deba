package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/agent"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// Where the 80-line shell script goes wrong that people run today. Each line of
// that list is a test; those that are not in this file are
//
//	switches to an unhealthy stack              TestReject_ABadReleaseNeverGetsTraffic
//	killed between the switch and its note      TestKill_AtEveryStepBoundary
//	edits the live file in place, untested      TestNginx_ABrokenConfigurationElsewhere
//	looks at one URL, a crashing worker passes  TestReject_ABadReleaseNeverGetsTraffic
//	sends "Connection: upgrade" always          the nginx package's tests, with a backend that counts
//	a recreated container is a 502              TestDrift_ADamagedLiveStackIsMended, TestFlask…
//	loses requests at every switch              TestFlip_LosesNoRequestInManySwitches

func TestScript_TwoRunsCannotInterleave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	tb.Until(t, patience, "the agent", func() error { return expect(w.healthz(), "200", "503") })
	second, err := agent.New(w.Config(), w.logger())
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another tandem works with") {
		t.Errorf("the second agent got %v, want to be told of the first", err)
	}
}

func TestScript_TheOldWorkerDoesNotRunForEver(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	more := quick + "standby: {keep: stopped}\n"
	commit := w.push(stage.Desired{Tag: "1.1.0", Color: "green", More: more})
	w.until("the old stack stopped", func(s deploy.Status) error {
		if err := isLive(s, commit, "1.1.0", deploy.Green); err != nil {
			return err
		}
		if s.Standby == nil || s.Standby.State != "stopped" {
			return fmt.Errorf("the standby is %+v", s.Standby)
		}
		return nil
	})
	for _, c := range w.inspect() {
		if blue := c.Config.Labels["com.docker.compose.project"] == w.App+"-blue"; blue == c.State.Running {
			t.Errorf("%s: running is %t", c.Name, c.State.Running)
		}
	}
	t.Log("a rollback to a stopped standby starts it, and gates it first")
	w.live(w.revert(), "1.0.0", deploy.Blue)
}

func TestScript_TheIdleStackIsNotPublishedToTheWorld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	w.build("1.0.0")
	compose := filepath.Join(w.Work, w.App, "compose.yaml")
	text, err := os.ReadFile(compose)
	if err != nil {
		t.Fatal(err)
	}
	open := strings.ReplaceAll(string(text), "127.0.0.1:${", "${")
	if open == string(text) {
		t.Fatal("the example names no address any more; this test has nothing to take away")
	}
	if err := os.WriteFile(compose, []byte(open), 0o644); err != nil {
		t.Fatal(err)
	}
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(commit, "1.0.0", deploy.Blue)
	published := 0
	for _, c := range w.inspect() {
		for port, bindings := range c.NetworkSettings.Ports {
			for _, b := range bindings {
				published++
				if b.HostIP != "127.0.0.1" {
					t.Errorf("%s publishes %s on %s", c.Name, port, b.HostIP)
				}
			}
		}
	}
	if published == 0 {
		t.Error("nothing is published at all, so nothing is proven")
	}
}

// Who, when and why stand in git; which stack answered stands in the access log;
// and a flip leaves no worker behind, not even with WebSockets open.
func TestScript_WhatHappenedCanBeReadAfterwards(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	before, err := w.Nginx.Workers()
	if err != nil {
		t.Fatal(err)
	}
	traffic := w.traffic()
	commit := w.push(stage.Desired{Tag: "1.1.0", Color: "green"})
	s := w.live(commit, "1.1.0", deploy.Green)
	w.unharmed(traffic)

	if e, ok := entry(s, commit); !ok || e.Result != deploy.Promoted || e.Color != deploy.Green || e.Started.IsZero() {
		t.Errorf("the history says %+v about %s", e, commit)
	}
	colors := map[string]int{}
	log := filepath.Join(w.Config().Nginx.Dir, "log", w.App+".access.log")
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var request struct {
			Color  string `json:"color"`
			Status int    `json:"status"`
		}
		if err := json.Unmarshal([]byte(line), &request); err != nil {
			t.Fatalf("the access log has %q: %v", line, err)
		}
		colors[request.Color]++
	}
	if colors["blue"] == 0 || colors["green"] == 0 {
		t.Errorf("the access log has requests of %v, want some of each color", colors)
	}
	after, err := w.Nginx.Workers()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("%d workers, before the flip %d", len(after), len(before))
	}
}

// One broken app holds up no other.
func TestApps_ABrokenOneDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	w.build("1.0.0")
	broken := filepath.Join(w.Work, "broken")
	if err := os.MkdirAll(broken, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "tandem.yaml"), []byte("app: broken\ntag: 1.10\ncolour: blue\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(commit, "1.0.0", deploy.Blue)

	app, ref := w.App, w.StatusRef
	w.StatusRef = "tandem-status:broken.yaml"
	s := w.phase(commit, deploy.PhaseRefused)
	w.App, w.StatusRef = app, ref
	for _, part := range []string{"broken/tandem.yaml:2", "broken/tandem.yaml:3", "colour", "routes"} {
		if !strings.Contains(s.Message, part) {
			t.Errorf("the message lacks %q:\n%s", part, s.Message)
		}
	}
}

// A file that breaks later is refused as a whole; what is live stays, and is
// still looked after.
func TestRefused_WhatIsLiveIsStillLookedAfter(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	if err := os.WriteFile(filepath.Join(w.Work, w.App, "tandem.yaml"), []byte("app: "+w.App+"\ntag: \"2.0.0\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	commit, err := w.Commit(t.Context(), "Break the file")
	if err != nil {
		t.Fatal(err)
	}
	s := w.phase(commit, deploy.PhaseRefused)
	if s.Live == nil || s.Live.Tag != "1.0.0" {
		t.Errorf("live is %+v, want 1.0.0", s.Live)
	}
	w.stop()
	w.start()
	victim := w.service("blue", "api")
	if err := w.Engine.RemoveContainer(t.Context(), victim.ID); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "an answer from a new container", func() error { return w.get("/") })
	if w.service("blue", "api").ID == victim.ID {
		t.Error("the container is still the old one")
	}
}
