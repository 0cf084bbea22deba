package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/compose"
	"tandem/reconciler/deploy"
)

// TestStop_RunsPreStopHooks stops services in each way that there is: a singleton that
// gives way, a stack and a shared service that are replaced, and a stack whose files are
// gone.
func TestStop_RunsPreStopHooks(t *testing.T) {
	b := newBed(t, "prestop")
	notes := t.TempDir()
	b.client = newClient(t, compose.Options{ConfigDir: b.config, Policy: []string{"external:bridge", "host-mounts:" + notes}})
	service := func(name string) string {
		return "    network_mode: bridge\n    volumes: ['" + notes + ":/notes']\n    pre_stop: [{command: [/probe, once, /notes/" + name + "], environment: {MODE: hook}}]\n"
	}
	b.app.Singletons = []string{"scheduler"}
	b.app.Shared = "compose.shared.yaml"
	b.write(b.app.Shared, "services:\n  db:\n    image: IMAGE:1\n"+service("db"))
	b.runs("IMAGE:${TAG}", service("api"), "  scheduler:\n    image: IMAGE:1\n    command: [wait]\n", service("scheduler"))
	b.up(deploy.Blue)
	b.startSingletons(deploy.Blue)
	wantRuns := func(name string, want int) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(notes, name))
		if got := strings.Count(string(text), "begin hook\nend\n"); got != want || err != nil && !os.IsNotExist(err) {
			t.Errorf("the hook of %s was run %d times (%v), want %d", name, got, err, want)
		}
	}
	wantRuns("api", 0)
	b.stopSingletons(deploy.Blue)
	wantRuns("scheduler", 1)
	b.move()
	b.write(b.app.Shared, "services:\n  db:\n    image: IMAGE:1\n    environment: {CHANGED: 'yes'}\n"+service("db"))
	b.bump()
	b.up(deploy.Blue)
	wantRuns("api", 1)
	wantRuns("db", 1)
	wantRuns("scheduler", 1) // it did not run
	if err := os.RemoveAll(b.app.Root); err != nil {
		t.Fatal(err)
	}
	b.stop(deploy.Blue)
	wantRuns("api", 2)
	b.stop(deploy.Blue)
	wantRuns("api", 2)
}

// TestStop_AHookThatFailsOrNeverEndsKeepsNothingRunning has an hour of patience in one.
func TestStop_AHookThatFailsOrNeverEndsKeepsNothingRunning(t *testing.T) {
	b := newBed(t, "prestopbad")
	b.client.SetHookTime(100 * time.Millisecond)
	b.runs("IMAGE:1", `    network_mode: bridge
    pre_stop: [{command: [/probe, exit, '3']}]
  missing: {image: 'IMAGE:1', command: [wait], network_mode: none, pre_stop: [{command: [/no/such/program]}]}
  slow: {image: 'IMAGE:1', command: [wait], network_mode: none, stop_grace_period: 0s, pre_stop: [{command: [/probe, hang]}]}
`)
	b.up(deploy.Blue)
	b.stop(deploy.Blue)
	if s := b.stack(deploy.Blue); s.Condition != deploy.Stopped || len(s.Containers) != 3 {
		t.Errorf("the stack is %+v, want three stopped containers", s)
	}
}
