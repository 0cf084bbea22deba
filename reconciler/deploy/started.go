package deploy

import "slices"

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

// StartedOf takes down all of a stack.
func StartedOf(s Stack) Started {
	x := Started{Release: s.Release, Containers: []string{}}
	for _, c := range s.Containers {
		if !c.Singleton {
			x.Containers = append(x.Containers, c.ID)
		}
	}
	slices.Sort(x.Containers)
	return x
}

// HasStarted tells whether every container of the stack is one of a start that ended well.
func (m *Memory) HasStarted(s Stack) bool {
	x := m.Started[s.Color]
	return x.Release == s.Release && !slices.ContainsFunc(s.Containers, func(c Container) bool {
		return !c.Singleton && !slices.Contains(x.Containers, c.ID)
	})
}

// Starting forgets the containers that a start of the release r would start again, and
// returns what is left of it: those that run on as they are. What has another release is what
// it was until it is replaced, by containers with other ids.
func (m *Memory) Starting(s Stack, r Release) Started {
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

// RecordGate takes down that the stack of that color passed its gate.
func (m *Memory) RecordGate(s Step) {
	if x := m.Started[s.Color]; x.Release == s.Release {
		x.Gated = true
		m.Started[s.Color] = x
	}
}

// WithoutFinished is the stack without the one-shots that have ended well and are gone. All
// had ended well when the stack passed its gate, so that none of them is missing since. What
// may end at any time is taken to have ended.
func (m *Memory) WithoutFinished(s Stack) Stack {
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

// Believe takes down the stacks that were proven before anybody took down such things: by
// an older tandem or, where all memory is lost, what has the traffic.
func (m *Memory) Believe(live Color, stacks [2]Stack) {
	if m.Started != nil {
		return
	}
	m.Started = map[Color]Started{}
	for _, s := range stacks {
		lost := m.Live.Release.IsZero() && s.Color == live
		proven := m.Live.Is(s.Color, s.Release) || m.HasPassed(s.Release) && m.Pending == nil
		if s.Condition != Absent && (lost || proven) {
			x := StartedOf(s)
			x.Gated = true
			m.Started[s.Color] = x
		}
	}
}
