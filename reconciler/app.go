package reconciler

import (
	"maps"
	"strings"
	"time"
)

// Commit is the part of a Git commit that people are shown.
type Commit struct {
	Hash    string // full, hex
	Author  string // name only
	Subject string // first line of the message
	Time    time.Time
}

// Short returns the first eight digits of the hash.
func (c Commit) Short() string { return c.Hash[:min(8, len(c.Hash))] }

// App is the desired state of one thing that is deployed, as of one commit:
// what ParseApp read from a tandem.yaml, with every default filled in, and what
// the agent added to it (Commit, Tree, Root, Release).
type App struct {
	Name string // matches NamePattern, so that it is safe in a file, a label and a project name
	Dir  string // the app's directory in the repository, slash-separated, "." for its root
	File string // the path of its tandem.yaml in the repository, for messages

	Tag        string
	Color      Color             // Blue, Green or Auto
	Compose    string            // the colored stack's file, relative to Dir; empty: the first of ComposeNames that exists
	Shared     string            // the shared stack's file, relative to Dir; empty: none
	Env        map[string]string // more variables for interpolation
	Secrets    []string
	Routes     []Route // sorted by name; at least one
	Gate       GatePolicy
	Watch      WatchPolicy
	Drain      DrainPolicy
	Standby    StandbyPolicy
	Singletons []string
	Migrations Migrations
	Windows    []string
	OnFailure  string // OnFailureHold or OnFailureRevert

	Commit  Commit
	Tree    string  // identifies the content of Dir: changes if and only if something in it changed
	Root    string  // absolute directory of this host that holds the files of Dir
	Release Release // set by Resolver.Resolve

	// Frozen says that the newest commit's files were refused: this is the last
	// App that could be read, and all it is good for is keeping alive what is live.
	Frozen bool
}

// ComposeNames are the files looked for, in this order, when tandem.yaml names none.
func ComposeNames() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}
}

// Route is one name under which Nginx sends traffic to a service of the stack.
type Route struct {
	Name    string // also the prefix of the variable <NAME>_PORT
	Service string // the Compose service that answers
	Ports   Ports
	Health  Health
}

// Variable is the name of the interpolation variable that holds the route's
// port: the route's name in upper case, with "-" as "_", and "_PORT".
func (r Route) Variable() string {
	return strings.ToUpper(strings.ReplaceAll(r.Name, "-", "_")) + "_PORT"
}

// Ports are the host ports of one route, one a color.
type Ports struct{ Blue, Green int }

// Of returns the port of one color, 0 for NoColor.
func (p Ports) Of(c Color) int {
	switch c {
	case Blue:
		return p.Blue
	case Green:
		return p.Green
	default:
		return 0
	}
}

// Health says what a healthy answer of a route is.
type Health struct {
	Path       string        // begins with "/"
	StatusMin  int           // lowest status that is healthy, inclusive
	StatusMax  int           // highest status that is healthy, inclusive
	MaxLatency time.Duration // an answer that takes longer is a failure
}

// GatePolicy bounds the gate.
type GatePolicy struct {
	Timeout   time.Duration // from the moment the stack is up
	Successes int           // consecutive healthy answers of every route
}

// WatchPolicy bounds the watch after a flip.
type WatchPolicy struct {
	For          time.Duration
	MaxErrorRate float64 // share of 5xx, 0 to 1
	MinRequests  int
	MaxP95       time.Duration
	MaxRestarts  int
	Inconclusive string // "promote", "hold" or "revert"
}

// DrainPolicy bounds how long the old stack is waited for.
type DrainPolicy struct{ Timeout time.Duration }

// StandbyPolicy says what becomes of the stack that traffic left.
type StandbyPolicy struct {
	Keep  string        // StandbyWarm or StandbyStopped
	For   time.Duration // how long a warm standby is kept running
	Spare string        // "off", "idempotent" or "all"
}

// The values of StandbyPolicy.Keep.
const (
	StandbyWarm    = "warm"
	StandbyStopped = "stopped"
)

// Migrations names the services that run once around a release.
type Migrations struct{ Expand, Contract string }

// The values of App.OnFailure.
const (
	OnFailureHold   = "hold"
	OnFailureRevert = "revert"
)

// Project is the Compose project of one color of the app: "<app>-<color>".
func (a App) Project(c Color) string { return a.Name + "-" + string(c) }

// SharedProject is the Compose project that is never flipped: "<app>-shared".
func (a App) SharedProject() string { return a.Name + "-shared" }

// Variables returns what the Compose file of one color can interpolate: TAG,
// COLOR, the port of each route, and env. A name that tandem sets itself wins
// over the same name in env (ParseApp refuses that clash).
func (a App) Variables(c Color) map[string]string {
	v := maps.Clone(a.Env)
	if v == nil {
		v = map[string]string{}
	}
	v["TAG"], v["COLOR"] = a.Tag, string(c)
	for _, r := range a.Routes {
		v[r.Variable()] = itoa(r.Ports.Of(c))
	}
	return v
}
