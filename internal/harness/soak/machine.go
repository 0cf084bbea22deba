package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
)

// What befalls the machine around the agent.

// diskFull leaves no byte for the agent's state for a while, in which it may have
// something to write, or be killed.
func (w *walk) diskFull(ctx context.Context) error {
	if err := errors.Join(w.disk.Fill(), w.perhapsRelease(ctx)); err != nil {
		return err
	}
	w.pause(3 * time.Second)
	killed := w.chance.IntN(2) == 0
	if killed {
		if err := errors.Join(w.agent.Kill(), w.startAgent()); err != nil {
			return err
		}
		w.pause(2 * time.Second)
	}
	if err := w.disk.Free(); err != nil {
		return err
	}
	// One that could not begin for want of space has ended with an error, and systemd
	// starts it again. One that runs has to go on.
	if killed && w.agent.Ended() {
		return w.startAgent()
	}
	return nil
}

// jumpClock starts the agent with a clock that is set forward or back while it runs.
// With the next start of an agent it is the machine's again: another jump.
func (w *walk) jumpClock(ctx context.Context) error {
	jump := testbed.Jump{After: time.Duration(w.chance.Int64N(int64(3 * time.Second))), By: time.Minute << w.chance.IntN(16)}
	if w.chance.IntN(2) == 0 {
		jump.By = -jump.By
	}
	w.say("        by %s", jump.By)
	if err := w.agent.Kill(); err != nil {
		return err
	}
	var err error
	if w.agent, err = stage.StartAgent(w.jumping, w.Flags(), w.log, false, jump.Environ()...); err != nil {
		return err
	}
	if err := w.perhapsRelease(ctx); err != nil {
		return err
	}
	w.pause(4 * time.Second)
	return nil
}

// restartDocker stops the engine, in order or as a crash does, with its containers or
// without them, and starts it again.
func (w *walk) restartDocker(ctx context.Context) error {
	if w.chance.IntN(2) == 0 {
		// Not while it starts a container: Docker 20.10 then comes back with the port of
		// that one allocated to nobody, and gives it to nobody before its next start.
		if err := w.Docker.Kill(); err != nil {
			return err
		}
	} else {
		if err := w.beginRelease(ctx); err != nil {
			return err
		}
		if err := w.Docker.Stop(ctx); err != nil {
			return err
		}
	}
	w.pause(3 * time.Second)
	return w.Docker.Start(ctx, w.chance.IntN(2) == 0)
}

// beginRelease comes to a moment of a release, to one of its watch, or does nothing. The
// containers are started by then: to be stopped while it starts one does to Docker 20.10
// what a kill does, see restartDocker.
func (w *walk) beginRelease(ctx context.Context) error {
	kind := w.chance.IntN(3)
	if kind == 0 {
		return nil
	}
	mark := w.log.Size()
	if err := w.release(ctx); err != nil {
		return err
	}
	step := "step=confirm" // the watch goes on for two seconds at least
	if kind == 2 {
		step = "step=up"
	}
	err := w.until(ctx, step, func() error {
		for _, l := range w.log.Since(mark) {
			if l.Is("step done", step) {
				return nil
			}
		}
		return errors.New("the agent has not done it")
	})
	if err == nil && kind == 2 {
		w.pause(2 * time.Second)
	}
	return err
}

// registryAway takes the registry away while a release is to be pulled.
func (w *walk) registryAway(ctx context.Context) error {
	tag := w.next()
	if err := errors.Join(w.Build(ctx, tag), w.CloseRegistry(ctx), w.ask(ctx, tag)); err != nil {
		return err
	}
	w.pause(4 * time.Second)
	return w.OpenRegistry(ctx)
}

// racingPushes has others push to the status branch, and to the watched one outside
// of the app's directory, while the agent has statuses to push.
func (w *walk) racingPushes(ctx context.Context) error {
	if err := w.release(ctx); err != nil {
		return err
	}
	for range 5 {
		if err := w.pushNote(ctx); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(w.Work, "NOTES"), fmt.Appendf(nil, "%d\n", w.notes), 0o644); err != nil {
			return err
		}
		if _, err := w.Commit(ctx, "A note"); err != nil {
			return err
		}
	}
	return nil
}

// pushNote adds a file to the status branch, as often as it takes to be the faster one.
func (w *walk) pushNote(ctx context.Context) error {
	clone := filepath.Join(w.Dir, "others")
	if _, err := os.Stat(clone); errors.Is(err, os.ErrNotExist) {
		if _, err := w.Git(ctx, "clone", "--quiet", "--branch", "tandem-status", w.Bare, clone); err != nil {
			return err
		}
	}
	git := func(args ...string) error {
		_, err := w.Git(ctx, append([]string{"-C", clone}, args...)...)
		return err
	}
	w.notes++
	note := filepath.Join(clone, fmt.Sprintf("note-%d", w.notes))
	return w.until(ctx, "a push to the status branch", func() error {
		if err := errors.Join(git("fetch", "--quiet"), git("reset", "--quiet", "--hard", "origin/tandem-status")); err != nil {
			return err
		}
		if err := os.WriteFile(note, nil, 0o644); err != nil {
			return err
		}
		return errors.Join(git("add", "--all"), git("commit", "--quiet", "-m", "A note"), git("push", "--quiet"))
	})
}
