package compose_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

// needing is an app whose shared stack has these services.
func needing(t *testing.T, name, services string) *bed {
	t.Helper()
	b := newBed(t, name)
	b.app.Shared = "compose.shared.yaml"
	b.write("compose.shared.yaml", "services:\n"+services)
	b.runs("IMAGE:${TAG}", "    network_mode: bridge\n")
	b.resolve()
	return b
}

// deploys brings up what was never up before, and returns what it waited for.
func (b *bed) deploys() (waited []string, err error) {
	b.t.Helper()
	err = b.client.Up(b.t.Context(), b.app, deploy.Blue, &deploy.Start{Await: func(words string) {
		if s := b.stack(deploy.Blue); s.Condition != deploy.Absent {
			b.t.Errorf("the stack is %s while the shared one is waited for", s.Condition)
		}
		waited = append(waited, words)
	}})
	return waited, err
}

const asked = "  db: {image: 'IMAGE:1', network_mode: none, command: [wait], healthcheck: {test: [CMD, /probe, nth, '5'], interval: 1h, start_period: 1h}}\n"

func TestUp_WaitsUntilTheHealthChecksOfTheSharedStackPass(t *testing.T) {
	b := needing(t, "shready", asked+"  cache: {image: 'IMAGE:1', network_mode: none, command: [wait]}\n")
	waited, err := b.deploys()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"waits for the shared stack: db"}, waited); diff != "" {
		t.Errorf("what was waited for (-want +got):\n%s", diff)
	}
	b.answers(deploy.Blue, "1 blue")
	shared, err := b.client.Shared(t.Context(), b.app)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range shared.Containers {
		if c.Service == "db" {
			// It is well from the fifth question on, so the wait has asked often enough.
			if err := b.client.Health(t.Context(), c); err != nil {
				t.Errorf("the stack was started before its database was ready: %v", err)
			}
		}
	}
	if waited, err := b.deploys(); err != nil || len(waited) > 0 {
		t.Errorf("waited for %q (%v), want nothing: all is ready", waited, err)
	}
}

func TestUp_ASharedServiceThatIsNeverReadyIsNamedWhenTheTimeOfTheGateIsOver(t *testing.T) {
	const never = "  db: {image: 'IMAGE:1', network_mode: none, command: [print, 'last words\\n', ''], healthcheck: {test: [CMD, /probe, exit, '3'], interval: 1h, start_period: 1h}}\n"
	for name, more := range map[string]string{
		"alone": "", "waited": "  worker: {image: 'IMAGE:1', network_mode: none, command: [wait], depends_on: {db: {condition: service_healthy}}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := needing(t, "shlate-"+name, never+more)
			b.app.Gate.Timeout = 2 * time.Second
			_, err := b.deploys()
			wantTemporary(t, err, deploy.Failed, "within 2s (gate.timeout)", "gate.timeout): db: unhealthy: ", "exit code 3", "\n  | last words")
			if s := b.stack(deploy.Blue); s.Condition != deploy.Absent {
				t.Errorf("the stack is %s, want nothing started", s.Condition)
			}
		})
	}
}

func TestUp_WhatMendsAStackDoesNotWaitForASharedServiceThatIsSick(t *testing.T) {
	b := needing(t, "shmend", "  db: {image: 'IMAGE:1', network_mode: none, command: [wait], healthcheck: {test: [CMD, /probe, exit, '3'], interval: 100ms, retries: 1}}\n")
	b.up(deploy.Blue)
	b.kill(b.instance(deploy.Blue, "api"))
	b.up(deploy.Blue)
	b.answers(deploy.Blue, "1 blue")
}

func TestUp_ASharedServiceThatFailsIsNamedAndTheReleaseIsNotBlamed(t *testing.T) {
	const slow = "  cache: {image: 'IMAGE:1', network_mode: none, command: [wait], healthcheck: {test: [CMD, /probe, exit, '1'], interval: 1h, start_period: 1h}}\n"
	for name, c := range map[string]struct{ services, want, log string }{
		"exits":     {slow + "  db: {image: 'IMAGE:1', network_mode: none, command: [exit, '7']}\n", "ended with exit code 7", "leaving with 7"},
		"loops":     {slow + "  db: {image: 'IMAGE:1', network_mode: none, command: [exit, '7'], restart: always}\n", "again and again (exit code 7)", "leaving with 7"},
		"unhealthy": {slow + "  db: {image: 'IMAGE:1', network_mode: none, command: [print, 'so sick\\n', ''], healthcheck: {test: [CMD, /probe, exit, '3'], interval: 100ms, retries: 1}}\n", "unhealthy: ", "so sick"},
		"needed": {"  db: {image: 'IMAGE:1', network_mode: none, command: [print, 'so sick\\n', ''], healthcheck: {test: [CMD, /probe, exit, '3'], interval: 100ms, retries: 1}}\n" +
			"  worker: {image: 'IMAGE:1', network_mode: none, command: [wait], depends_on: {db: {condition: service_healthy}}}\n", "db-1 is unhealthy", "so sick"},
	} {
		t.Run(name, func(t *testing.T) {
			b := needing(t, "shfail-"+name, c.services)
			_, err := b.deploys()
			wantTemporary(t, err, deploy.Failed, "db", c.want, "\n  | "+c.log)
			if s := b.stack(deploy.Blue); s.Condition != deploy.Absent {
				t.Errorf("the stack is %s, want nothing started", s.Condition)
			}
			if err != nil && strings.Contains(err.Error(), "gate.timeout") {
				t.Errorf("%v: want it told before the time is over", err)
			}
		})
	}
}
