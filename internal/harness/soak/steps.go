package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"tandem/internal/harness/stage"
	"tandem/internal/lib/atomicfile"
	"tandem/reconciler/deploy"
)

// step is something that can happen.
type step struct {
	name   string
	weight int // of its chance
	do     func(w *walk, ctx context.Context) error
	// costs tells that it may cost requests, because it kills what is live or makes
	// Nginx reload; no other step may.
	costs bool
}

func steps() []step {
	return []step{
		{name: "release", weight: 4, do: (*walk).release},
		{name: "bad release", weight: 2, do: (*walk).badRelease},
		{name: "revert", weight: 4, do: (*walk).revert},
		{name: "two pushes at once", weight: 2, do: (*walk).twoPushes},
		{name: "release, agent killed", weight: 4, do: (*walk).releaseAndKill},
		{name: "revert, agent killed", weight: 2, do: (*walk).revertAndKill},
		{name: "agent killed", weight: 1, do: (*walk).killAgent},
		{name: "generated file edited", weight: 1, do: (*walk).editFile, costs: true},
		{name: "repository away", weight: 1, do: (*walk).repositoryAway},
		{name: "registry away", weight: 1, do: (*walk).registryAway},
		{name: "racing pushes", weight: 2, do: (*walk).racingPushes},
		{name: "disk full", weight: 2, do: (*walk).diskFull},
		{name: clockJump, weight: 2, do: (*walk).jumpClock},
		{name: "standby removed", weight: 1, do: (*walk).removeStandby},
		{name: "networks and stopped containers pruned", weight: 2, do: (*walk).prune},
		{name: "live stack removed", weight: 2, do: (*walk).removeLive, costs: true},
		{name: "live container killed", weight: 1, do: (*walk).killLive, costs: true},
		{name: "Nginx's workers killed", weight: 1, do: (*walk).killWorkers, costs: true},
		{name: "Docker restarted", weight: 1, do: (*walk).restartDocker, costs: true},
	}
}

// clockJump needs a program that takes minutes to build.
const clockJump = "clock jump"

// release pushes a good release that nobody has seen yet.
func (w *walk) release(ctx context.Context) error { return w.push(ctx, w.next()) }

// badRelease pushes one that does not pass its gate, and a person takes it back.
func (w *walk) badRelease(ctx context.Context) error {
	tag := w.next()
	w.bad[tag] = true
	if err := w.push(ctx, tag, "BREAK=unhealthy"); err != nil {
		return err
	}
	if w.chance.IntN(2) == 0 { // or nobody waits for the verdict
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
	return w.revert(ctx)
}

// revert reverts the newest commit.
func (w *walk) revert(ctx context.Context) error {
	if len(w.tags) < 2 {
		return w.release(ctx)
	}
	if _, err := w.Revert(ctx); err != nil {
		return err
	}
	w.tags = append(w.tags, w.tags[len(w.tags)-2])
	return nil
}

// twoPushes has a second release come while the first is on its way.
func (w *walk) twoPushes(ctx context.Context) error {
	if err := w.release(ctx); err != nil {
		return err
	}
	w.pause(2 * time.Second)
	return w.release(ctx)
}

func (w *walk) releaseAndKill(ctx context.Context) error {
	return errors.Join(w.release(ctx), w.killSoon())
}

func (w *walk) revertAndKill(ctx context.Context) error {
	return errors.Join(w.revert(ctx), w.killSoon())
}

// killSoon kills the agent at up to three moments of what it is about to do.
func (w *walk) killSoon() error {
	for range 1 + w.chance.IntN(3) {
		w.pause(1500 * time.Millisecond)
		if err := errors.Join(w.agent.Kill(), w.startAgent()); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) killAgent(context.Context) error { return errors.Join(w.agent.Kill(), w.startAgent()) }

// editFile does what somebody in a hurry does.
func (w *walk) editFile(ctx context.Context) error {
	file := filepath.Join(w.Config().Nginx.Dir, w.App+".conf")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	mark := w.log.Size()
	if err := atomicfile.Write(file, append(text, "# a quick fix\n"...), 0o644); err != nil {
		return err
	}
	// It is mended when Nginx has loaded it again, which costs what it costs in this step.
	return w.until(ctx, "the mend of the file", func() error {
		for _, l := range w.log.Since(mark) {
			if l.Is("put right") {
				return nil
			}
		}
		return errors.New("the agent has put nothing right")
	})
}

// repositoryAway takes the repository away for some polls.
func (w *walk) repositoryAway(context.Context) error {
	away := w.Bare + ".away"
	if err := os.Rename(w.Bare, away); err != nil {
		return err
	}
	w.pause(4 * time.Second)
	return os.Rename(away, w.Bare)
}

// removeStandby removes the container that does not serve.
func (w *walk) removeStandby(ctx context.Context) error {
	s, _, err := w.Published(ctx)
	if err != nil {
		return err
	}
	return w.removeAll(ctx, s.Live.Color.Other())
}

// removeLive removes every container that serves. The stack comes back in its own color,
// and nothing is done to the other one meanwhile.
func (w *walk) removeLive(ctx context.Context) error {
	s, _, err := w.Published(ctx)
	if err != nil {
		return err
	}
	standby, err := w.instances(ctx, s.Live.Color.Other())
	if err != nil {
		return err
	}
	if err := w.removeAll(ctx, s.Live.Color); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	after, _, err := w.Published(ctx)
	if err != nil {
		return err
	}
	if after.Live.Color != s.Live.Color {
		return fmt.Errorf("the live stack was removed in %s and came back in %s", s.Live.Color, after.Live.Color)
	}
	if now, err := w.instances(ctx, s.Live.Color.Other()); err != nil || !maps.Equal(now, standby) {
		return errors.Join(err, fmt.Errorf("the standby was %v while the live stack was removed, and is %v", standby, now))
	}
	return nil
}

func (w *walk) removeAll(ctx context.Context, c deploy.Color) error {
	all, err := w.containers(ctx, w.App+"-"+string(c))
	for _, o := range all {
		err = errors.Join(err, w.Engine.Client.ContainerRemove(ctx, o.ID, container.RemoveOptions{Force: true}))
	}
	return err
}

// prune does what people do at night when the disk is full. What a stopped stack had on
// it is gone; often that is the stack of a release that failed.
func (w *walk) prune(ctx context.Context) error {
	if w.chance.IntN(2) == 0 {
		tag := w.next()
		w.bad[tag] = true
		if err := errors.Join(w.push(ctx, tag, "BREAK=unhealthy"), w.settle(ctx)); err != nil {
			return err
		}
	}
	_, err := w.Engine.Client.ContainersPrune(ctx, filters.NewArgs())
	if err != nil {
		return err
	}
	if _, err := w.Engine.Client.NetworksPrune(ctx, filters.NewArgs()); err != nil {
		return err
	}
	switch w.chance.IntN(3) {
	case 0:
		return w.revert(ctx)
	case 1:
		return w.release(ctx)
	default:
		return nil
	}
}

// killLive kills the live api, as the kernel does, or as a person does, after which
// Docker does not start it again.
func (w *walk) killLive(ctx context.Context) error {
	s, _, err := w.Published(ctx)
	if err != nil {
		return err
	}
	all, err := w.containers(ctx, w.App+"-"+string(s.Live.Color))
	byHand := w.chance.IntN(2) == 0
	for _, c := range all {
		if byHand {
			err = errors.Join(err, w.Engine.Client.ContainerKill(ctx, c.ID, "KILL"))
		} else {
			err = errors.Join(err, syscall.Kill(c.State.Pid, syscall.SIGKILL))
		}
	}
	return err
}

// killWorkers kills the processes that serve; Nginx starts others.
func (w *walk) killWorkers(context.Context) error {
	workers, err := w.Nginx.Workers()
	for _, p := range workers {
		err = errors.Join(err, syscall.Kill(p.PID, syscall.SIGKILL))
	}
	return err
}

// perhapsRelease begins a release, or not.
func (w *walk) perhapsRelease(ctx context.Context) error {
	if w.chance.IntN(2) == 0 {
		return nil
	}
	return w.release(ctx)
}

// next names a release that there has not been.
func (w *walk) next() string {
	w.built++
	return fmt.Sprintf("1.%d.0", w.built)
}

func (w *walk) push(ctx context.Context, tag string, env ...string) error {
	if err := w.Build(ctx, tag, env...); err != nil {
		return err
	}
	return w.ask(ctx, tag)
}

// ask commits and pushes that the release is to run.
func (w *walk) ask(ctx context.Context, tag string) error {
	_, err := w.Push(ctx, "Deploy "+tag, stage.Desired{Tag: tag, More: policies})
	w.tags = append(w.tags, tag)
	return err
}

// pause lets a time of chance pass, up to the longest.
func (w *walk) pause(longest time.Duration) {
	timer := time.NewTimer(time.Duration(w.chance.Int64N(int64(longest))))
	<-timer.C
}

// containers are those of a project, whatever their state, without migrations.
func (w *walk) containers(ctx context.Context, project string) ([]container.InspectResponse, error) {
	list, err := w.Engine.Client.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, err
	}
	var all []container.InspectResponse
	for _, c := range list {
		if c.Labels["com.docker.compose.project"] != project || strings.HasPrefix(c.Labels["com.docker.compose.service"], "migrate") {
			continue
		}
		info, err := w.Engine.Client.ContainerInspect(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, nil
}
