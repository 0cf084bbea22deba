package reconciler

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Containers that run are no proof that their start came to its end: a hook may have
// failed, or the agent was killed before it had run. So the memory names the containers
// of each color that a start left which ended well, and no other is relied on.

// Started are the containers of one color's stack that an Up left which ended well.
// Docker may start them again by itself; one that was made anew has another id.
type Started struct {
	Release    Release  `json:"release"`
	Containers []string `json:"containers"` // ids, sorted; without singletons
	// Gated tells that the stack has passed a gate since it was made: what runs once in it
	// has ended well by then, and is not missing where its container is gone.
	Gated bool `json:"gated,omitempty"`
}

// startedOf takes down all of a stack.
func startedOf(s Stack) Started {
	x := Started{Release: s.Release, Containers: []string{}}
	for _, c := range s.Containers {
		if !c.Singleton {
			x.Containers = append(x.Containers, c.ID)
		}
	}
	slices.Sort(x.Containers)
	return x
}

// hasStarted tells whether every container of the stack is one of a start that ended well.
func (m *Memory) hasStarted(s Stack) bool {
	x := m.Started[s.Color]
	return x.Release == s.Release && !slices.ContainsFunc(s.Containers, func(c Container) bool {
		return !c.Singleton && !slices.Contains(x.Containers, c.ID)
	})
}

// starting forgets the containers that a start of the release r would start again, and
// returns what is left of it: those that run on as they are. What has another release is what
// it was until it is replaced, by containers with other ids.
func (m *Memory) starting(s Stack, r Release) Started {
	was := m.Started[s.Color]
	switch {
	case was.Release != r:
		return Started{}
	case s.Release != r: // all of it is gone, and is made anew
		delete(m.Started, s.Color)
		return Started{}
	}
	kept := Started{Release: r, Containers: []string{}, Gated: was.Gated}
	for _, c := range s.Containers {
		if c.Up() && slices.Contains(was.Containers, c.ID) {
			kept.Containers = append(kept.Containers, c.ID)
		}
	}
	m.Started[s.Color] = kept
	return kept
}

// recordGate takes down that the stack of that color passed its gate.
func (m *Memory) recordGate(s Step) {
	if x := m.Started[s.Color]; x.Release == s.Release {
		x.Gated = true
		m.Started[s.Color] = x
	}
}

// withoutFinished is the stack without the one-shots that have ended well and are gone. All
// had ended well when the stack passed its gate, so that none of them is missing since. What
// may end at any time is taken to have ended.
func (m *Memory) withoutFinished(s Stack) Stack {
	if x := m.Started[s.Color]; !x.Gated || x.Release != s.Release || len(s.MissingOneShots) == 0 {
		return s
	}
	s.Missing = slices.DeleteFunc(slices.Clone(s.Missing), func(name string) bool { return slices.Contains(s.MissingOneShots, name) })
	s.MissingOneShots = nil
	down := func(c Container) bool { return !c.Singleton && !c.Up() }
	if s.Condition == Broken && len(s.Missing) == 0 && !slices.ContainsFunc(s.Containers, down) {
		s.Condition = Running
	}
	return s
}

// rememberingStacks observes every stack as withoutFinished has it, and how a container
// ended that was started again: the engine forgets that.
type rememberingStacks struct {
	Stacks
	memory *Memory
	ends   map[string]Container // by id: those that ended, as they were then
	now    func() time.Time
}

func (x rememberingStacks) Observe(ctx context.Context, app App) ([2]Stack, error) {
	pair, err := x.Stacks.Observe(ctx, app)
	if err != nil {
		return pair, err
	}
	there := map[string]bool{}
	for i, s := range pair {
		pair[i] = x.memory.withoutFinished(s)
		for j, c := range s.Containers {
			there[c.ID] = true
			s.Containers[j] = x.withEnd(c)
		}
	}
	maps.DeleteFunc(x.ends, func(id string, _ Container) bool { return !there[id] })
	return pair, nil
}

// withEnd notes how the container ended, or says how it did before it was started again.
// The agent starting it once is no loop yet; after a while in which it ran, there is none.
func (x rememberingStacks) withEnd(c Container) Container {
	last, known := x.ends[c.ID]
	looped := known && (last.Loops || last.State == "restarting")
	switch {
	case c.State == "restarting", c.State == "exited" && !c.ended():
		c.Loops = looped || known && !last.StartedAt.Equal(c.StartedAt)
		x.ends[c.ID] = c
	case c.State == "running" && x.now().Sub(c.StartedAt) >= warmTime:
		delete(x.ends, c.ID)
	case c.State == "running" && looped:
		c.ExitCode, c.OutOfMemory, c.Loops = last.ExitCode, last.OutOfMemory, true
	}
	return c
}

// believe takes down the stacks that were proven before anybody took down such things: by
// an older tandem or, where all memory is lost, what has the traffic.
func (m *Memory) believe(live Color, stacks [2]Stack) {
	if m.Started != nil {
		return
	}
	m.Started = map[Color]Started{}
	for _, s := range stacks {
		lost := m.Live.Release.IsZero() && s.Color == live
		proven := m.Live.Is(s.Color, s.Release) || m.HasPassed(s.Release) && m.Pending == nil
		if s.Condition != Absent && (lost || proven) {
			x := startedOf(s)
			x.Gated = true
			m.Started[s.Color] = x
		}
	}
}
