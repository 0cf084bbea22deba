package compose_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"tandem/compose"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// TestUp_AHookThatFailsRejectsTheReleaseWithoutASecret has hooks write so much after a
// secret that any limit falls somewhere into it.
func TestUp_AHookThatFailsRejectsTheReleaseWithoutASecret(t *testing.T) {
	b := newBed(t, "hooks", func(o *compose.Options) { o.Vault = tb.Vault{"DB_PASSWORD": tb.Planted} })
	b.app.Secrets = []string{"secrets.env"}
	const head = "services:\n  api:\n    image: IMAGE:1\n    ports: ['${API_PORT}:3000']\n    environment: {DB_PASSWORD: '${DB_PASSWORD}'}\n"
	for name, more := range map[string]string{
		"no output after it":       "    post_start: [{command: [/probe, spill, DB_PASSWORD, '0', '4']}]\n",
		"the limit of the library": "    post_start: [{command: [/probe, spill, DB_PASSWORD, '2030', '4']}]\n",
		"a limit of ours":          "    post_start: [{command: [/probe, spill, DB_PASSWORD, '4086', '4']}]\n",
		"on a terminal":            "    tty: true\n    post_start: [{command: [/probe, spill, DB_PASSWORD, '2032', '4']}]\n",
		"the second hook":          "    post_start: [{command: [/probe, spill, DB_PASSWORD, '1', '0']}, {command: [/probe, spill, DB_PASSWORD, '2040', '4']}]\n",
		"before the start":         "    pre_start: [{command: [spill, DB_PASSWORD, '2030', '4']}]\n",
	} {
		b.write("compose.yaml", head+more)
		err := b.attempt()
		wantRejected(t, err, deploy.CannotStart, "hook", "4")
		var reject *deploy.RejectError
		if !errors.As(err, &reject) {
			t.Fatalf("%s: %v", name, err)
		}
		text := reject.Detail + reject.Logs
		for k := 4; k <= len(tb.Planted); k++ {
			if strings.Contains(text, tb.Planted[len(tb.Planted)-k:]) {
				t.Errorf("%s: a part of the secret is shown: %.200s", name, text)
				break
			}
		}
		if !strings.Contains(reject.Logs, "zz") && !strings.Contains(more, "'0', '4'") {
			t.Errorf("%s: what the hook wrote is not shown: %q", name, reject.Logs)
		}
	}
}

// TestUp_AHookThatFailsIsNotTakenForOneThatPassed has an engine that says at first that the
// hook still runs, without an exit code.
func TestUp_AHookThatFailsIsNotTakenForOneThatPassed(t *testing.T) {
	late := tb.LateEngine(t, tb.Engine(t))
	b := newBed(t, "latehook", func(o *compose.Options) { o.Host = late.Host() })
	b.write("compose.yaml", `services:
  api:
    image: IMAGE:1
    ports: ['${API_PORT}:3000']
    post_start: [{command: [/probe, exit, '4']}]
`)
	wantRejected(t, b.attempt(), deploy.CannotStart, "hook", "4")
	if late.Told() != 1 {
		t.Errorf("the engine was late for %d commands, want 1", late.Told())
	}
}

// TestUp_AHookWhoseEndNobodyKnowsIsRunAgain is about a start that failed, or that was cut short:
// the container runs. What is known to have been started to its end is not touched.
func TestUp_AHookWhoseEndNobodyKnowsIsRunAgain(t *testing.T) {
	b := newBed(t, "hookagain")
	const hook, work = "    post_start: [{command: [/probe, exit, '%s']}]\n", "  work: {image: 'IMAGE:1', command: [wait]}\n"
	b.runs(b.image+":1", fmt.Sprintf(hook, "3"), work)
	for range 2 {
		wantRejected(t, b.attempt(), deploy.CannotStart, "hook", "3")
	}
	api := b.instance(deploy.Blue, "api")
	if err := b.client.Up(t.Context(), b.app, deploy.Blue, &deploy.Start{Was: deploy.Started{Containers: []string{api.ID}}}); err != nil {
		t.Fatal(err)
	}
	if got := b.instance(deploy.Blue, "api"); !got.StartedAt.Equal(api.StartedAt) {
		t.Error("a container that lacks nothing was started again")
	}
	work1 := b.instance(deploy.Blue, "work")
	wantRejected(t, b.attempt(), deploy.CannotStart, "hook", "3")
	if got := b.instance(deploy.Blue, "work"); !got.StartedAt.Equal(work1.StartedAt) {
		t.Error("a container without a hook was started again")
	}

	b.runs(b.image+":1", fmt.Sprintf(hook, "0"), work)
	if err := b.attempt(); err != nil {
		t.Fatal(err)
	}
	api = b.instance(deploy.Blue, "api")
	if err := b.attempt(); err != nil {
		t.Fatal(err)
	}
	if got := b.instance(deploy.Blue, "api"); got.ID != api.ID || got.StartedAt.Equal(api.StartedAt) {
		t.Errorf("the hook was not run again: %s since %s, before %s since %s", got.ID, got.StartedAt, api.ID, api.StartedAt)
	}
	b.answers(deploy.Blue, "1 blue")
}

// TestUp_NothingOfAFailedHookIsLeft is about its container, which has all variables of
// the service.
func TestUp_NothingOfAFailedHookIsLeft(t *testing.T) {
	b := newBed(t, "hookleft")
	for name, more := range map[string]string{
		"the only one":                "    pre_start: [{command: [exit, '3']}]\n",
		"the second":                  "    pre_start: [{command: [exit, '0']}, {command: [exit, '3']}]\n",
		"one of several containers":   "  work: {image: 'IMAGE:1', command: [wait], scale: 2, pre_start: [{command: [exit, '3']}]}\n",
		"one of a service waited for": "    depends_on: [db]\n  db: {image: 'IMAGE:1', command: [wait], pre_start: [{command: [exit, '3']}]}\n",
		"one that writes a lot":       "    pre_start: [{command: [flood]}]\n",
		"a user that does not exist":  "    pre_start: [{command: [exit, '0'], user: nobody-here}]\n",
	} {
		b.runs(b.image+":1", more)
		var reject *deploy.RejectError
		if err := b.attempt(); !errors.As(err, &reject) || reject.Reason != deploy.CannotStart {
			t.Errorf("%s: got %v, want the release rejected", name, err)
		}
		b.noHooks()
	}
	b.runs(b.image+":1", "    pre_start: [{command: [exit, '0']}]\n")
	if err := b.attempt(); err != nil {
		t.Fatal(err)
	}
	b.answers(deploy.Blue, "1 blue")
	b.noHooks()
}

func (b *bed) noHooks() {
	b.t.Helper()
	list, err := b.engine.Client.ContainerList(b.t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", "com.docker.compose.project="+b.app.Project(deploy.Blue)), filters.Arg("label", "com.docker.compose.hook=pre_start"),
	)})
	if err != nil || len(list) != 0 {
		b.t.Errorf("%d containers of hooks are left (%v)", len(list), err)
	}
}

// TestLogs_ACutDoesNotFallIntoASecret has a line so long that the engine keeps it in
// parts, of which only the last ones are asked for.
func TestLogs_ACutDoesNotFallIntoASecret(t *testing.T) {
	b := newBed(t, "longline", func(o *compose.Options) { o.Vault = tb.Vault{} })
	const part, secret = 16 << 10, tb.Planted // bytes that the engine keeps together
	// It begins 7 bytes before the end of a part, and the parts after that one are five.
	line := func(name string, after int) string {
		return fmt.Sprintf("  %s: {image: 'IMAGE:1', command: [long, '%d', %q, '%d']}\n", name, part-7, strings.ReplaceAll(secret, "$", "$$"), after*part-len(secret)+7)
	}
	b.runs(b.image+":1", line("long", 5)+line("shorter", 3))
	b.up(deploy.Blue)
	// The line is longer than what is shown of a log, and what is shown is all after the secret.
	b.logged(b.instance(deploy.Blue, "long"), strings.Repeat("z", 64<<10))
	// The last three parts of this one begin in the middle of the secret.
	tb.Until(t, patience, "the shorter log", func() error {
		got, err := b.client.Logs(t.Context(), b.instance(deploy.Blue, "shorter"), 3)
		if err == nil && !strings.Contains(got, "y(hidden)z") {
			err = fmt.Errorf("it is read as %.40q…", got)
		}
		return err
	})
}
