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

// apart is set in the environment of what runs apart.
const reexec = "TESTBED_APART"

// IsApart tells whether this process was started by Apart, or by one that was.
func IsApart() bool { return os.Getenv(reexec) != "" }

// Apart runs this very program once more, with other arguments, in a network of its
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
		return fmt.Errorf("run apart, with a network of its own (it takes root): %w", err)
	}
	return nil
}

// JoinApart makes the new network usable. What Apart started calls it first.
func JoinApart(ctx context.Context) error {
	if err := Require("ip"); err != nil {
		return err
	}
	return run(ctx, "ip", "link", "set", "lo", "up")
}
