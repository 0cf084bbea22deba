package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Agent is `tandem run` as a process of its own.
type Agent struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// StartAgent starts the program with the arguments of `tandem run`; it appends its
// log to the file. Unless detached, the kernel ends it when this process dies,
// however it dies. The variables of env, "NAME=value", are added to its environment.
func StartAgent(program string, args []string, logs Log, detached bool, env ...string) (*Agent, error) {
	log, err := os.OpenFile(logs.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	a := &Agent{cmd: exec.Command(program, append([]string{"run"}, args...)...), done: make(chan struct{})}
	a.cmd.Stdout, a.cmd.Stderr = log, log
	// Debian keeps nginx where a user's PATH does not look.
	a.cmd.Env = slices.Concat(Environ(), []string{"PATH=" + os.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin"}, env)
	// Its own session: Ctrl-C on the terminal is for whoever started it, and ends it in order.
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !detached {
		a.cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	}
	started := make(chan error, 1)
	go a.run(started)
	if err := errors.Join(<-started, log.Close()); err != nil {
		return nil, fmt.Errorf("start the agent: %w", err)
	}
	return a, nil
}

// run keeps the thread that forked the child: the kernel's death signal is tied
// to that thread and would come early if the thread ended first.
func (a *Agent) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(a.done)
	err := a.cmd.Start()
	started <- err
	if err == nil {
		_ = a.cmd.Wait() // its log tells why it ended, and Ended that it did
	}
}

// Environ is this process's environment without the variables that would overrule
// what tandem is told by its arguments or its file.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TANDEM_") })
}

// PID is its process id.
func (a *Agent) PID() int { return a.cmd.Process.Pid }

// Ended tells whether it is gone.
func (a *Agent) Ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// Kill ends it as a crash does, and waits until it is gone.
func (a *Agent) Kill() error {
	if err := a.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the agent: %w", err)
	}
	<-a.done
	return nil
}

// Stop ends it in order, and kills it when that takes too long or ctx ends.
func (a *Agent) Stop(ctx context.Context) error {
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		return fmt.Errorf("stop the agent: %w", err)
	}
	patience := time.NewTimer(20 * time.Second)
	defer patience.Stop()
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
	case <-patience.C:
	}
	return errors.Join(errors.New("stop the agent: it did not end after SIGTERM"), a.Kill())
}
