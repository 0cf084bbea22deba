package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// describeMachine tells what the figures depend on.
func describeMachine(ctx context.Context) ([]string, error) {
	facts := []string{"Date: " + time.Now().UTC().Format("2006-01-02 15:04 UTC")}
	for _, f := range []struct{ name, command string }{
		{"Commit", `git rev-parse HEAD; test -z "$(git status --porcelain)" || echo "(and what is not committed yet)"`},
		{"Kernel", "uname -sr"},
		{"Docker", "docker version --format 'engine {{.Server.Version}}, API {{.Server.APIVersion}}'"},
		{"Compose", "docker compose version --short 2>/dev/null || docker-compose version --short 2>/dev/null || echo none"},
		{"Nginx", "nginx -v 2>&1"},
		{"Git", "git --version"},
	} {
		out, err := exec.CommandContext(ctx, "sh", "-c", f.command).Output()
		if err != nil {
			return nil, fmt.Errorf("ask for the version of %s (%s): %w", f.name, f.command, err)
		}
		facts = append(facts, f.name+": "+strings.Join(strings.Fields(string(out)), " "))
	}
	facts = append(facts, "Go: "+runtime.Version())
	cpu, err := processor()
	if err != nil {
		return nil, err
	}
	return append(facts, fmt.Sprintf("Processor: %d × %s", runtime.NumCPU(), cpu)), nil
}

// processor reads the model from /proc/cpuinfo, see proc(5).
func processor() (string, error) {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value), nil
		}
	}
	return runtime.GOARCH, nil
}

// composeCommand finds Compose as the script calls it: the plugin, or the older
// program of its own.
func composeCommand(ctx context.Context) (string, error) {
	for _, command := range []string{"docker compose", "docker-compose"} {
		if exec.CommandContext(ctx, "sh", "-c", command+" version").Run() == nil {
			return command, nil
		}
	}
	return "", errors.New("neither \"docker compose\" nor \"docker-compose\" is here: .ci/setup bench installs it")
}
