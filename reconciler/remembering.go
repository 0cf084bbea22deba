package reconciler

import (
	"context"
	"maps"
	"time"

	"tandem/reconciler/deploy"
)

// rememberingStacks observes every stack as withoutFinished has it, and how a container
// ended that was started again: the engine forgets that.
type rememberingStacks struct {
	Stacks
	memory *deploy.Memory
	ends   map[string]deploy.Container // by id: those that ended, as they were then
	now    func() time.Time
}

func (x rememberingStacks) Observe(ctx context.Context, app deploy.App) ([2]deploy.Stack, error) {
	pair, err := x.Stacks.Observe(ctx, app)
	if err != nil {
		return pair, err
	}
	there := map[string]bool{}
	for i, s := range pair {
		pair[i] = x.memory.WithoutFinished(s)
		for j, c := range s.Containers {
			there[c.ID] = true
			s.Containers[j] = x.withEnd(c)
		}
	}
	maps.DeleteFunc(x.ends, func(id string, _ deploy.Container) bool { return !there[id] })
	return pair, nil
}

// withEnd notes how the container ended, or says how it did before it was started again.
// The agent starting it once is no loop yet; after a while in which it ran, there is none.
func (x rememberingStacks) withEnd(c deploy.Container) deploy.Container {
	last, known := x.ends[c.ID]
	looped := known && (last.Loops || last.State == "restarting")
	switch {
	case c.State == "restarting", c.State == "exited" && !c.Ended():
		c.Loops = looped || known && !last.StartedAt.Equal(c.StartedAt)
		x.ends[c.ID] = c
	case c.State == "running" && x.now().Sub(c.StartedAt) >= warmTime:
		delete(x.ends, c.ID)
	case c.State == "running" && looped:
		c.ExitCode, c.OutOfMemory, c.Loops = last.ExitCode, last.OutOfMemory, true
	}
	return c
}
