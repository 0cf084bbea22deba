package demo_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/docker/docker/api/types/container"

	"tandem/internal/harness/demo"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
)

// The whole story, as `make demo` tells it.
func TestRun_TellsTheWholeStoryAndLeavesNothingBehind(t *testing.T) {
	var out bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{Program: tb.GoBinary(t, "../../../cmd/tandem"), Out: &out, Rate: 100})
	told := out.String()
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, told)
	}
	rest := told
	for _, part := range []string{
		"1. The stage", "tandem run --config",
		"2. The first deploy", "git push", `"tag":"1.0.0"`, "phase: Live",
		"3. A new tag, under load", "step done: step=flip", `"tag":"1.1.0"`, "phase: Live", "standby:", "0 failed",
		"4. A release that is broken", "release rejected", "phase: Held", "message: ", "Unhealthy", "| shop: unhealthy: BREAK=unhealthy", "Requests answered by 1.2.0: 0",
		"5. Git is the way back", "git revert", "1.1.0 answered again", "No container was created", "result: Reverted",
		"6. The agent is killed", "kill -9", "tandem runs", `"tag":"1.3.0"`, "phase: Live", "Promoted",
		"7. What it cost", "requests ", "WebSockets cut early",
		"nothing is left behind",
	} {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("%q is not told, or not in its place:\n%s", part, told)
		}
		rest = after
	}
	if !regexp.MustCompile(`(?m)^ +failed +0$`).MatchString(told) {
		t.Errorf("the table does not say that no request failed:\n%s", told)
	}
	for line := range strings.Lines(told) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 || strings.Contains(line, "\x1b") {
			t.Errorf("a line of %d characters, or with colors: %q", n, line)
		}
	}
	nothingLeft(t, told)
}

// nothingLeft looks by other means than the demo itself does.
func nothingLeft(t *testing.T, told string) {
	t.Helper()
	var dirs []string
	for dir := range strings.Lines(told) {
		if dir = strings.TrimSpace(dir); regexp.MustCompile(`^/\S*/tandem-\w+-\d+$`).MatchString(dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) != 3 {
		t.Fatalf("the story names the directories %v, want 3", dirs)
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v, want it gone", dir, err)
		}
		for _, file := range commands {
			command, _ := os.ReadFile(file) // empty for a process that has ended meanwhile
			if bytes.Contains(command, []byte(dir)) {
				t.Errorf("a process is left: %s %s", file, bytes.ReplaceAll(command, []byte{0}, []byte{' '}))
			}
		}
	}
	engine, err := testbed.NewEngine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	containers, err := engine.Client.ContainerList(context.Background(), container.ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers {
		if strings.HasPrefix(c.Labels["com.docker.compose.project.working_dir"], dirs[0]) {
			t.Errorf("a container is left: %v", c.Names)
		}
	}
}
