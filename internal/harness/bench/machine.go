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

// describeMachine tells, in two sentences, when it is and what figures depend on.
func describeMachine(ctx context.Context) (string, error) {
	said := map[string]string{}
	// The page that is being written is no change of what is measured.
	for name, command := range map[string]string{
		"commit":  `git rev-parse --short=12 HEAD; git status --porcelain | grep -qv ' docs/performance.md$' && echo "(and what is not committed yet)" || true`,
		"kernel":  "uname -sr",
		"docker":  "docker version --format 'Docker {{.Server.Version}} (API {{.Server.APIVersion}})'",
		"compose": "docker compose version --short 2>/dev/null || docker-compose version --short 2>/dev/null || echo none",
		"nginx":   "nginx -v 2>&1",
		"git":     "git --version",
	} {
		out, err := exec.CommandContext(ctx, "sh", "-c", command).Output()
		if err != nil {
			return "", fmt.Errorf("ask for the version of %s (%s): %w", name, command, err)
		}
		said[name] = strings.Join(strings.Fields(string(out)), " ")
	}
	cpu, err := processor()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, commit %s. %s, %s, Compose %s, %s, %s, %s, %d × %s.",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), said["commit"], said["kernel"], said["docker"], said["compose"],
		strings.TrimPrefix(said["nginx"], "nginx version: "), said["git"], runtime.Version(), runtime.NumCPU(), cpu), nil
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
