package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// agent is `tandem run` as a process of its own.
type agent struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// startAgent starts one that appends its log to the file. Unless detached, the
// kernel ends it when this process dies, however it dies.
func startAgent(program, config, logPath string, detached bool) (*agent, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	a := &agent{cmd: exec.Command(program, "run", "--config", config), done: make(chan struct{})}
	a.cmd.Stdout, a.cmd.Stderr = log, log
	// Debian keeps nginx where a user's PATH does not look.
	a.cmd.Env = append(withoutSettings(os.Environ()), "PATH="+os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	// Its own session: Ctrl-C on the terminal is for the demo, which ends it in order.
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
func (a *agent) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(a.done)
	err := a.cmd.Start()
	started <- err
	if err == nil {
		_ = a.cmd.Wait() // its log tells why it ended, and ended() that it did
	}
}

// withoutSettings drops the variables that would overrule the demo's file.
func withoutSettings(env []string) []string {
	var out []string
	for _, v := range env {
		if !strings.HasPrefix(v, "TANDEM_") {
			out = append(out, v)
		}
	}
	return out
}

func (a *agent) pid() int { return a.cmd.Process.Pid }

func (a *agent) ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// kill ends it as a crash does, and waits until it is gone.
func (a *agent) kill() error {
	if err := a.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the agent: %w", err)
	}
	<-a.done
	return nil
}

// stop ends it in order, and kills it when that takes too long.
func (a *agent) stop(ctx context.Context) error {
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
	return errors.Join(errors.New("stop the agent: it did not end after SIGTERM"), a.kill())
}
