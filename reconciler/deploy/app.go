package deploy

import (
	"cmp"
	"maps"
	"regexp"
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

// Tag is the commit as the tag of an image: twelve digits of its hash. Files that are in no
// commit yet have a word in place of them.
func (c Commit) Tag() string {
	if c.Hash == "" {
		return "uncommitted"
	}
	return c.Hash[:min(12, len(c.Hash))]
}

// App is the desired state of one thing that is deployed, as of one commit:
// what ParseApp read from a tandem.yaml, with every default filled in, and what
// the agent added to it (Commit, Tree, Root, Release).
type App struct {
	Name string // matches NamePattern, so that it is safe in a file, a label and a project name
	Dir  string // the app's directory in the repository, slash-separated, "." for its root
	File string // the path of its tandem.yaml in the repository, for messages

	Tag        string
	Color      Color             // Blue, Green or Auto
	Compose    []string          // the app's Compose files, relative to Dir, later ones win; empty: the first of ComposeNames that exists
	Profiles   []string          // Compose profiles that are active
	Build      bool              // images of services that have a build alone are built on this host, from the commit
	Shared     string            // a Compose file of its own for the shared stack, relative to Dir; empty: none
	Env        map[string]string // more variables for interpolation
	Secrets    []string          // encrypted files with still more variables, relative to Dir
	Routes     []Route           // sorted by name; at least one
	Gate       GatePolicy
	Watch      WatchPolicy
	Drain      DrainPolicy
	Standby    StandbyPolicy
	Singletons []string
	Migrations Migrations
	Windows    []string
	OnFailure  OnFailure

	// What a person decides about the services and volumes of the Compose files.
	SharedServices []string             // exist once, beside both colors; none where Shared names a file
	Ignore         []string             // are not run
	Volumes        map[string]VolumeUse // volume, or directory as the Compose file has it -> how the colored services that write there have it
	Images         map[string]string    // service -> repository that Tag belongs to
	Adopt          string               // Compose project that ran the app until now, whose shared services become the app's; empty: none
	Data           string               // absolute directory of this host in which directories that are written to lie; empty: the agent's own for the app

	Commit  Commit
	Tree    string  // identifies the content of Dir: changes if and only if something in it changed
	Root    string  // absolute directory of this host that holds the files of Dir
	Release Release // set by Resolver.Resolve

	// FilesRefused says that the newest commit's files were refused: this is the last
	// App that could be read, and all it is good for is keeping alive what is live.
	FilesRefused bool

	// FormerRoutes are routes that a stack still has, and this release does not: set by the
	// Runner for the Router, because a site may still use them.
	FormerRoutes []FormerRoute
}

// ComposeNames are the files looked for, in this order, when tandem.yaml names none.
func ComposeNames() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}
}

// Route is one name under which Nginx sends traffic to a service of the stack.
type Route struct {
	Name    string // also the prefix of the variable <NAME>_PORT
	Service string // the Compose service that answers
	Port    int    // in the container; 0: the one that the Compose file publishes or exposes
	Ports   Ports  // from ParseApp: none where the file names none
	Health  Health

	Upstream string // the name that a site passes to which stays as it is; empty: it passes to the route's variable
	Listen   int    // on 127.0.0.1, where Nginx takes what comes that way; 0: the Router chooses it

	Access Accesses // set by the Runner for the Router: whether Nginx may have the ports

	PortsChosen bool // the file names no ports: tandem chose these
}

// VolumeUse says how both colors have a volume that colored services write to.
type VolumeUse string

// The uses of a volume.
const (
	VolumeBoth VolumeUse = "both" // there is one, and both colors write to it at once
	VolumeEach VolumeUse = "each" // there is one a color
)

// FormerRoute is a route as the stack of one color has it.
type FormerRoute struct {
	Route // only the access of that color lets something through
	Color Color
	Of    App // that the stack runs
}

// Variable is the name of the interpolation variable that holds the route's
// port: the route's name in upper case, with "-" as "_", and "_PORT".
func (r Route) Variable() string {
	return strings.ToUpper(strings.ReplaceAll(r.Name, "-", "_")) + "_PORT"
}

// Ports are the host ports of one route, one a color.
type Ports struct {
	Blue  int `yaml:"blue" json:"blue"`
	Green int `yaml:"green" json:"green"`
}

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

// GatePolicy bounds the gate.
type GatePolicy struct {
	Timeout      time.Duration // from the moment the stack is up
	Successes    int           // consecutive healthy answers of every route
	ImageTimeout time.Duration // how long an image that its registry does not have yet is waited for
}

// WatchPolicy bounds the watch after a flip.
type WatchPolicy struct {
	For          time.Duration // how long it lasts
	Max          time.Duration // how far it is extended while there are fewer than MinRequests; at least For
	MaxErrorRate float64       // share of 5xx, 0 to 1
	OwnErrorRate bool          // the file says MaxErrorRate; else it is the default
	MinRequests  int           // fewer are no evidence
	MaxP95       time.Duration // of the time that the stack takes for an answer
	OwnP95       bool          // the file says MaxP95; else it is the default
	MaxRestarts  int
	MaxMemory    int64   // bytes, of all containers of the stack together; 0: no limit
	MaxCPU       float64 // cores, of all containers of the stack together; 0: no limit
	Compare      Comparison
	Inconclusive Inconclusiveness
}

// Comparison says what the figures of a new release are held against.
type Comparison string

// The comparisons.
const (
	CompareBoth   Comparison = "both"   // the limits that the file has; of other figures what the old stack showed, and the default limits where it showed nothing
	CompareLimits Comparison = "limits" // the limits alone
	CompareOld    Comparison = "old"    // what the old stack showed; the limits only where it showed nothing
)

// Inconclusiveness says what to do after a watch without a verdict.
type Inconclusiveness string

// What may be done then.
const (
	InconclusivePromote Inconclusiveness = "promote"
	InconclusiveHold    Inconclusiveness = "hold"
	InconclusiveRevert  Inconclusiveness = "revert"
)

// DrainPolicy bounds how long the old stack is waited for before it is changed
// or stopped.
type DrainPolicy struct {
	Timeout    time.Duration // for requests, from when the stack is needed or to be stopped
	WebSockets time.Duration // for WebSockets, from when traffic left the stack; at least Timeout
}

// Until is when what is open has had its time; it is in the past when that is over.
func (d DrainPolicy) Until(open Connections, began, left time.Time) time.Time {
	var end time.Time
	if open.Requests > 0 {
		end = began.Add(d.Timeout)
	}
	if x := left.Add(d.WebSockets); open.WebSockets > 0 && x.After(end) {
		end = x
	}
	return end
}

// StandbyPolicy says what becomes of the stack that traffic left.
type StandbyPolicy struct {
	Keep   Keep
	For    time.Duration // how long a warm standby is kept running
	Backup BackupPolicy
}

// BackupPolicy says which requests a warm standby answers while the live stack cannot.
type BackupPolicy string

// The policies of a backup.
const (
	BackupOff        BackupPolicy = "off"
	BackupIdempotent BackupPolicy = "idempotent" // all but those that the live stack may have begun and that must not be repeated
	BackupAll        BackupPolicy = "all"        // also those: the app must bear it when a POST arrives twice
)

// Keep says whether a standby runs.
type Keep string

// How a standby may be kept.
const (
	StandbyWarm    Keep = "warm"
	StandbyStopped Keep = "stopped"
)

// Migrations names the services that run once around a release. They are no part
// of its stacks.
type Migrations struct{ Expand, Contract string }

// Of returns the service of one kind, empty for none.
func (m Migrations) Of(k MigrationKind) string {
	if k == ContractMigration {
		return m.Contract
	}
	return m.Expand
}

// MigrationKind tells the two migrations of a release apart.
type MigrationKind string

// The kinds of migrations.
const (
	ExpandMigration   MigrationKind = "expand"   // before the release starts: adds what it needs, takes nothing away
	ContractMigration MigrationKind = "contract" // when the old stack is gone: takes away what nobody needs any more
)

// OnFailure says what becomes of a bump whose release failed.
type OnFailure string

// What may become of it.
const (
	OnFailureHold   OnFailure = "hold"
	OnFailureRevert OnFailure = "revert"
)

// Project is the Compose project of one color of the app: "<app>-<color>".
func (a App) Project(c Color) string { return a.Name + "-" + string(c) }

// SharedProject is the Compose project that is never flipped: "<app>-shared", or the one
// that the app adopts. So what is in that one is found as it is: containers, networks and
// volumes are known to Docker by the name of their project.
func (a App) SharedProject() string { return cmp.Or(a.Adopt, a.Name+"-shared") }

// Reserved returns the names of the variables that tandem sets itself, each with
// where its value comes from ("from tag").
func (a App) Reserved() map[string]string {
	owner := map[string]string{"TAG": "from tag", "COLOR": "from the color of the stack"}
	for _, r := range a.Routes {
		owner[r.Variable()] = "from the ports of the route " + r.Name
	}
	return owner
}

// Variables returns what the Compose file of one color can interpolate, the
// secrets aside: TAG, COLOR, the port of each route, and env. A name that tandem sets itself wins
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

// NamePattern is what the name of an app or a route looks like. Such a name is
// safe in a file's name, a label, a Compose project, an Nginx configuration and
// a variable.
const NamePattern = `^[a-z][a-z0-9-]{0,39}$`

var namePattern = regexp.MustCompile(NamePattern)

// ValidName tells whether s matches NamePattern.
func ValidName(s string) bool { return namePattern.MatchString(s) }

var envPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// ValidVariable tells whether s can be the name of an interpolation variable.
func ValidVariable(s string) bool { return envPattern.MatchString(s) }
