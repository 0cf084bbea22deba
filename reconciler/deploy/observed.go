package deploy

import (
	"fmt"
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
	// OutOfMemory tells that the engine ended it, because it took more memory than it may.
	OutOfMemory bool
	// Loops tells that it ends and is started again and again; while it runs, ExitCode and
	// OutOfMemory are of its last end. The engine forgets that: see rememberingStacks.
	Loops    bool
	Restarts int  // the engine's restart counter
	OneShot  bool // has to end with 0: another service waits for its completion
	MayEnd   bool // may end with 0: it is a one-shot, or its file says restart: "no"
	// Singleton tells that the service runs in the live color only. Whether it does
	// decides nothing about the stack's Condition: see Stack.Singletons.
	Singleton bool
	// HealthCommand tells whether the service declares one, which the gate runs
	// itself (see Examiner.Health).
	HealthCommand bool
	StartedAt     time.Time
	// Unpublished names the ports of the host that it should publish, and runs without.
	Unpublished string
}

// Up tells whether the container does what it should: it runs, with the ports that it
// should publish, or it may end and ended well.
func (c Container) Up() bool {
	return c.State == "running" && c.Unpublished == "" || c.Ended()
}

// Words say how the container is.
func (c Container) Words() string {
	if c.State == "running" && c.Unpublished != "" {
		return "running without " + c.Unpublished + ", which it should publish"
	}
	return c.State + ", " + c.HowEnded()
}

// Ended tells whether it may end, and ended well.
func (c Container) Ended() bool { return c.MayEnd && c.State == "exited" && c.ExitCode == 0 }

// HowEnded says how it ended last.
func (c Container) HowEnded() string {
	words := fmt.Sprintf("exit code %d", c.ExitCode)
	if c.OutOfMemory {
		words += ", out of memory"
	}
	return words
}

// IfMeant says what to write for a container that ended well and should run; empty for
// others. Its file does not say that it may end, or has it started again and again.
func (c Container) IfMeant() string {
	again := c.State == "restarting" || c.Loops
	if c.ExitCode != 0 || !again && (c.State != "exited" || c.MayEnd) {
		return ""
	}
	return fmt.Sprintf(`; if it is meant to end, write restart: "no" and no ports: under services.%s`, c.Service)
}

// Stack is one color of an app as it was just observed.
type Stack struct {
	Color      Color
	Release    Release // from the containers' labels; zero when Absent or when they disagree
	Tag        string
	Commit     string           // the commit that brought it up
	Root       string           // App.Root when it was brought up: the files that can bring it up again
	Ports      map[string]Ports // by route: what was chosen for it then, where its files name none
	Condition  Condition        // of all but the singletons
	Singletons SingletonState   // of the singletons
	Foreign    bool             // none of its containers was made by tandem
	Containers []Container      // sorted by service, then name; singletons too
	Missing    []string         // services that should have a container and have none; no singletons
	// MissingOneShots are those of Missing that may end. Docker does not know whether they did:
	// see Memory.withoutFinished.
	MissingOneShots []string
	// EngineLost counts how often the connection to an engine on this machine broke
	// since this process began to listen to its events.
	EngineLost int
}

// Loops tells whether all that is wrong with the stack is what ends and is started again and
// again, which is told as that when it is brought up.
func (s Stack) Loops() bool {
	loops := false
	for _, c := range s.Containers {
		switch {
		case c.Singleton:
		case c.State == "restarting" || c.Loops:
			loops = true
		case !c.Up():
			return false
		}
	}
	return loops && len(s.Missing) == 0
}

// SingletonState tells which of a stack's singletons run.
type SingletonState int

// The duties of a stack.
const (
	NoSingletons      SingletonState = iota // it has no singletons
	SingletonsStopped                       // none of them runs
	SingletonsPartly                        // some run
	SingletonsRunning                       // all run
)

func (d SingletonState) String() string {
	return [...]string{"none", "stopped", "partly running", "running"}[d]
}

// Instance identifies this very set of running processes: it changes when a
// container is replaced or restarted, and not when one is removed that had run once and
// ended well. A recorded gate pass is worth nothing for another instance.
func (s Stack) Instance() string {
	parts := make([]string, 0, len(s.Containers))
	for _, c := range s.Containers {
		if c.Up() && c.State != "running" {
			continue
		}
		parts = append(parts, c.ID+"@"+c.StartedAt.UTC().Format(time.RFC3339Nano)+"/"+itoa(c.Restarts))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// Observed is the state of the world that the planner decides on, read afresh
// for each plan. It holds nothing but plain comparable data, so that tests can
// enumerate it.
type Observed struct {
	Live        Color       // the color that the running Nginx sends traffic to
	Backup      BackupState // of the other color
	Closed      bool        // no deploy window is open
	Unused      bool        // of an app that was never live: no request of people can come to it yet
	Unrendered  bool        // Nginx's generated files are not as they should be, or not loaded; then Live may be NoColor
	SharedDue   bool        // a shared service is not what the files of the live release say
	Unpruned    bool        // there are images that no release needs any more
	Awaits      bool        // an image of the desired release is not there yet, and is waited for
	Blue, Green StackFacts
}

// BackupState tells whether the standby answers what the live stack cannot.
type BackupState int

// The states of a backup.
const (
	NoBackup       BackupState = iota // there can be none: not with this Nginx, or not with this policy
	BackupInactive                    // there could be one
	BackupActive                      // the running Nginx says that there is one
)

func (s BackupState) String() string { return [...]string{"none", "inactive", "active"}[s] }

// StackFacts is what the planner needs to know of one stack.
type StackFacts struct {
	Release      Release
	Condition    Condition
	Started      bool           // its containers are those of an Up that ended well
	Singletons   SingletonState // of its singletons
	BackupHealth BackupHealth   // as a backup
	Gated        bool           // this process saw this very instance pass the gate, and traffic has not left it since
	Idle         bool           // no connection from Nginx is open, or the drain was waited out
	Expired      bool           // a standby that has been kept for as long as the policy asks
	Taken        bool           // something else holds the color, or a port that the desired release wants in it
}

// Relied is the facts as the planner goes by them: what runs after a start that did not end
// well may lack what only the start does, and has to be brought up.
func (f StackFacts) Relied() StackFacts {
	if f.Condition == Running && !f.Started {
		f.Condition = Broken
	}
	return f
}

// BackupHealth is what this process knows of a standby as a backup. It is no proof for a
// flip, because it may be hours old.
type BackupHealth int

// The kinds of BackupHealth.
const (
	BackupUnchecked BackupHealth = iota // this very instance was not tried yet
	BackupProven                        // it passed its proof
	BackupUnhealthy                     // it failed its proof a short while ago
)

func (f BackupHealth) String() string { return [...]string{"unchecked", "proven", "unhealthy"}[f] }

// Of returns the facts of one color.
func (o Observed) Of(c Color) StackFacts {
	if c == Green {
		return o.Green
	}
	return o.Blue
}
