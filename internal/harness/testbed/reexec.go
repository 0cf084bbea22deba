package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// reexec is set in the environment of what Reexec started.
const reexec = "TESTBED_REEXEC"

// IsApart tells whether this process was started by Reexec, or by one that was.
func IsReexec() bool { return os.Getenv(reexec) != "" }

// Reexec runs this very program once more, with other arguments, in a network of its
// own that has nothing but loopback, and with mounts of its own, which are gone with
// it. It returns when that one has ended, with an *exec.ExitError when it failed; when
// ctx ends it is asked to end. It needs root.
func Reexec(ctx context.Context, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), reexec+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	// The death signal is tied to the thread that forks.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			return err
		}
		return fmt.Errorf("run with a network of its own (it takes root): %w", err)
	}
	return nil
}

// StartLoopback makes the new network usable. What Reexec started calls it first.
func StartLoopback(ctx context.Context) error {
	if err := Require("ip"); err != nil {
		return err
	}
	return run(ctx, "ip", "link", "set", "lo", "up")
}
