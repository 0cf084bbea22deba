package reconciler

import "slices"

// Containers that run are no proof that their start came to its end: a hook may have
// failed, or the agent was killed before it had run. So the memory names the containers
// of each color that a start left which ended well, and no other is relied on.

// Started are the containers of one color's stack that an Up left which ended well.
// Docker may start them again by itself; one that was made anew has another id.
type Started struct {
	Release    Release  `json:"release"`
	Containers []string `json:"containers"` // ids, sorted; without singletons
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
// returns the others of it: those that run on as they are. What has another release is what it
// was until it is replaced, by containers with other ids.
func (m *Memory) starting(s Stack, r Release) []string {
	was := m.Started[s.Color]
	if s.Release != r || was.Release != r {
		return nil
	}
	kept := Started{Release: r, Containers: []string{}}
	for _, c := range s.Containers {
		if c.Up() && slices.Contains(was.Containers, c.ID) {
			kept.Containers = append(kept.Containers, c.ID)
		}
	}
	m.Started[s.Color] = kept
	return kept.Containers
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
			m.Started[s.Color] = startedOf(s)
		}
	}
}
