package reconciler

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Condition sums up the containers of a stack.
type Condition int

// The conditions of a stack.
const (
	Absent  Condition = iota // no container exists
	Stopped                  // containers exist, none runs
	Broken                   // some container that should run does not, or is missing
	Running                  // every container that should run does
)

func (c Condition) String() string {
	return [...]string{"absent", "stopped", "broken", "running"}[c]
}

// Container is one container of a stack as the engine has it.
type Container struct {
	ID       string
	Name     string
	Service  string
	Image    string // digest or image id, "sha256:…"
	State    string // the engine's word: created, running, restarting, exited, paused, dead
	ExitCode int
	Restarts int  // the engine's restart counter
	OneShot  bool // may end with 0: another service waits for its completion
	// HealthCommand tells whether the service declares one, which the gate runs
	// itself (see Examiner.Health).
	HealthCommand bool
	StartedAt     time.Time
}

// Up tells whether the container does what it should: it runs, or it is a
// one-shot that ended well.
func (c Container) Up() bool {
	return c.State == "running" || (c.OneShot && c.State == "exited" && c.ExitCode == 0)
}

// Stack is one color of an app as it was just observed.
type Stack struct {
	Color      Color
	Release    Release // from the containers' labels; zero when Absent or when they disagree
	Tag        string
	Commit     string // the commit that brought it up
	Root       string // App.Root when it was brought up: the files that can bring it up again
	Condition  Condition
	Containers []Container // sorted by service, then name
	Missing    []string    // services that should have a container and have none
}

// Instance identifies this very set of running processes: it changes when a
// container is replaced or restarted. A recorded gate pass is worth nothing for
// another instance.
func (s Stack) Instance() string {
	parts := make([]string, 0, len(s.Containers))
	for _, c := range s.Containers {
		parts = append(parts, c.ID+"@"+c.StartedAt.UTC().Format(time.RFC3339Nano)+"/"+itoa(c.Restarts))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// Observed is the state of the world that the planner decides on, read afresh
// for each plan. It holds nothing but plain comparable data, so that tests can
// enumerate it.
type Observed struct {
	Live        Color // the color that the running Nginx sends traffic to
	Blue, Green StackFacts
}

// StackFacts is what the planner needs to know of one stack.
type StackFacts struct {
	Release   Release
	Condition Condition
	Gated     bool // this process saw this very instance pass the gate, and traffic has not left it since
	Idle      bool // no connection from Nginx is open, or the drain was waited out
	Expired   bool // a standby that has been kept for as long as the policy asks
}

// Of returns the facts of one color.
func (o Observed) Of(c Color) StackFacts {
	if c == Green {
		return o.Green
	}
	return o.Blue
}
