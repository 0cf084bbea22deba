package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed/tb"
)

// recorded reads a record, with the first words of each line only.
func recorded(t *testing.T, path string, words int) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		out = append(out, strings.Join(f[:min(words, len(f))], " "))
	}
	return out
}

func untilRecorded(t *testing.T, path string, want ...string) {
	t.Helper()
	tb.Until(t, 20*time.Second, "the record", func() error {
		if diff := cmp.Diff(want, recorded(t, path, 1)); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
}

func TestScheduler_RecordsItsStartAndItsStop(t *testing.T) {
	program, path := tb.GoBinary(t, "."), filepath.Join(t.TempDir(), "schedule.log")
	cmd, out := runShop(t, program, "scheduler", "SCHEDULE="+path, "COLOR=blue", "TAG=1.2")
	untilRecorded(t, path, "start")
	tb.Until(t, 20*time.Second, "its work", func() error { return out.contains("schedules") })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the scheduler: %v, want a clean exit; it wrote %s", err, out)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"start " + host + " blue 1.2", "stop " + host + " blue 1.2"}
	if diff := cmp.Diff(want, recorded(t, path, 4)); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestScheduler_ASecondOneIsFoundOut(t *testing.T) {
	program, path := tb.GoBinary(t, "."), filepath.Join(t.TempDir(), "schedule.log")
	first, _ := runShop(t, program, "scheduler", "SCHEDULE="+path)
	untilRecorded(t, path, "start")
	second, out := runShop(t, program, "scheduler", "SCHEDULE="+path)
	untilRecorded(t, path, "start", "start", "OVERLAP")
	// It is told once, and the lock is the second's as soon as the first is gone:
	// so a third one is found out too.
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, 20*time.Second, "the second to work", func() error { return out.contains("schedules") })
	runShop(t, program, "scheduler", "SCHEDULE="+path)
	untilRecorded(t, path, "start", "start", "OVERLAP", "start", "OVERLAP")
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	untilRecorded(t, path, "start", "start", "OVERLAP", "start", "OVERLAP", "stop")
}

func TestScheduler_OneThatWasKilledIsNoOverlap(t *testing.T) {
	program, path := tb.GoBinary(t, "."), filepath.Join(t.TempDir(), "schedule.log")
	for _, want := range [][]string{{"start"}, {"start", "start"}} {
		cmd, out := runShop(t, program, "scheduler", "SCHEDULE="+path)
		tb.Until(t, 20*time.Second, "its work", func() error { return out.contains("schedules") })
		untilRecorded(t, path, want...)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it says that it was killed
	}
}

func TestMigrate_RecordsItsRunsAndFailsWhenItIsToldTo(t *testing.T) {
	program, path := tb.GoBinary(t, "."), filepath.Join(t.TempDir(), "migrations.log")
	run := func(name string, env ...string) int {
		cmd, _ := runShop(t, program, "migrate "+name, append(env, "MIGRATE="+path, "TAG=1.2")...)
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode()
	}
	codes := []int{
		run("expand"), run("contract", "MIGRATE_TIME=100ms"), run("expand", "MIGRATE_FAIL=1"),
		run("expand", "MIGRATE_FAIL=contract"), run("contract", "MIGRATE_FAIL=contract"),
	}
	if diff := cmp.Diff([]int{0, 0, 3, 0, 3}, codes); diff != "" {
		t.Errorf("exit codes (-want +got):\n%s", diff)
	}
	want := []string{
		"begin expand 1.2", "end expand 1.2", "begin contract 1.2", "end contract 1.2", "begin expand 1.2",
		"begin expand 1.2", "end expand 1.2", "begin contract 1.2",
	}
	if diff := cmp.Diff(want, recorded(t, path, 3)); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestMigrate_OneThatIsStoppedHasNoEnd(t *testing.T) {
	program, path := tb.GoBinary(t, "."), filepath.Join(t.TempDir(), "migrations.log")
	cmd, _ := runShop(t, program, "migrate expand", "MIGRATE="+path, "MIGRATE_TIME=1h")
	untilRecorded(t, path, "begin")
	other, _ := runShop(t, program, "migrate expand", "MIGRATE="+path)
	untilRecorded(t, path, "begin", "OVERLAP")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it exited with 0, as if the schema were changed")
	}
	if err := other.Wait(); err != nil {
		t.Errorf("the other one: %v", err)
	}
	untilRecorded(t, path, "begin", "OVERLAP", "begin", "end")
}
