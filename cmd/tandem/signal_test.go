package main

import (
	"bufio"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
)

func TestSignal_SecondOneExitsAtOnce(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "stuck")
			stdout, stderr := pipes(t, cmd)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			expect(t, stdout, "ready")
			send(t, cmd, sig)
			expect(t, stderr, "stopping; press again to exit at once")
			send(t, cmd, sig)

			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != codeInterrupted {
				t.Errorf("ended with %v, want exit code %d", err, codeInterrupted)
			}
		})
	}
}

func pipes(t *testing.T, cmd *exec.Cmd) (stdout, stderr *bufio.Scanner) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	return bufio.NewScanner(out), bufio.NewScanner(errs)
}

// expect reads lines until one holds the text.
func expect(t *testing.T, s *bufio.Scanner, text string) {
	t.Helper()
	var read []string
	for s.Scan() {
		if strings.Contains(s.Text(), text) {
			return
		}
		read = append(read, s.Text())
	}
	t.Fatalf("output ended without %q:\n%s", text, strings.Join(read, "\n"))
}

func send(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func TestSignal_FirstOneEndsTheAgentCleanly(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, "tandem", "run", "--listen", "127.0.0.1:0",
		"--repo-url", emptyRepository(t, filepath.Join(dir, "repo.git")),
		"--state", filepath.Join(dir, "state"), "--nginx-dir", filepath.Join(dir, "nginx"))
	_, stderr := pipes(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	expect(t, stderr, "tandem runs")
	send(t, cmd, syscall.SIGTERM)
	expect(t, stderr, "stopping; press again to exit at once")
	expect(t, stderr, "tandem stopped")
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v, want exit code 0", err)
	}
}

func emptyRepository(t *testing.T, path string) string {
	t.Helper()
	if _, err := git.PlainInit(path, true); err != nil {
		t.Fatal(err)
	}
	return path
}
