package deploy

import (
	"reflect"
	"strings"
	"time"
)

// Phase is the one word that a person reads first.
type Phase string

// The phases.
const (
	PhaseLive      Phase = "Live"      // as desired
	PhaseDeploying Phase = "Deploying" // on the way, the watch included
	PhaseHeld      Phase = "Held"      // the desired release was rejected; another one is live
	PhaseRefused   Phase = "Refused"   // the files in git are wrong; what was live is live
	PhasePaused    Phase = "Paused"
	PhaseDegraded  Phase = "Degraded" // something needs a person, or is being mended
)

// Status is the file that is published for an app: what is true, and why. Its
// form is a promise to other tools.
type Status struct {
	App     string        `yaml:"app" json:"app"`
	Host    string        `yaml:"host" json:"host"`
	Phase   Phase         `yaml:"phase" json:"phase"`
	Reason  Reason        `yaml:"reason" json:"reason"`
	Message string        `yaml:"message" json:"message"`
	Desired StatusDesired `yaml:"desired" json:"desired"`
	// Ports of the routes, on this host's 127.0.0.1: those that the file names, or that were chosen.
	Ports   map[string]Ports `yaml:"ports,omitempty" json:"ports,omitempty"`
	Live    *StatusLive      `yaml:"live,omitempty" json:"live,omitempty"`
	Standby *StatusStack     `yaml:"standby,omitempty" json:"standby,omitempty"`
	Barrier *StatusBarrier   `yaml:"rollback_barrier,omitempty" json:"rollback_barrier,omitempty"`
	Receipt *Receipt         `yaml:"receipt,omitempty" json:"receipt,omitempty"`
	History []Entry          `yaml:"history,omitempty" json:"history,omitempty"`
}

// StatusDesired is what git asks for.
type StatusDesired struct {
	Tag    string `yaml:"tag" json:"tag"`
	Color  Color  `yaml:"color" json:"color"`
	Commit string `yaml:"commit" json:"commit"` // the newest when the app was first seen like this
}

// StatusLive is the stack that Nginx sends traffic to.
type StatusLive struct {
	Tag    string            `yaml:"tag" json:"tag"`
	Color  Color             `yaml:"color" json:"color"`
	Since  time.Time         `yaml:"since" json:"since"`
	Images map[string]string `yaml:"images,omitempty" json:"images,omitempty"` // service -> digest
}

// StatusStack is the standby.
type StatusStack struct {
	Tag    string `yaml:"tag" json:"tag"`
	Color  Color  `yaml:"color" json:"color"`
	State  string `yaml:"state" json:"state"`                       // warm, stopped, broken, or rejected while it still runs
	Backup bool   `yaml:"backup,omitempty" json:"backup,omitempty"` // it answers what the live stack cannot
}

// StatusBarrier is the release whose contract migration took away what those before
// it need: none of them can be deployed again.
type StatusBarrier struct {
	Tag    string `yaml:"tag" json:"tag"`
	Commit string `yaml:"commit" json:"commit"`
}

// Receipt is the evidence of the last deploy.
type Receipt struct {
	Gate       Took   `yaml:"gate" json:"gate"`                           // from the stack being up to the gate passed
	Flip       Took   `yaml:"flip" json:"flip"`                           // from the flip to Nginx's confirmation
	Probes     int    `yaml:"probes" json:"probes"`                       // the agent's own probes through Nginx, from before the flip until after the drain
	Failed     int    `yaml:"failed" json:"failed"`                       // of Probes
	LongestGap Took   `yaml:"longest_gap" json:"longest_gap"`             // between two good answers to the agent's probes
	Requests   int    `yaml:"requests" json:"requests"`                   // people's, to the new release, until its watch was over
	Errors     int    `yaml:"errors" json:"errors"`                       // of Requests, answered with 5xx
	P95        Took   `yaml:"p95" json:"p95"`                             // of the time that the release took for Requests
	Cut        int    `yaml:"cut" json:"cut"`                             // connections to the old stack that were still open when their time was over
	Verdict    string `yaml:"verdict,omitempty" json:"verdict,omitempty"` // what the watch was judged by, in a sentence
}

// SaysNoMore tells whether the status is the one before, or tells of the same failure.
func (s Status) SaysNoMore(before Status, failure error) bool {
	if failure != nil && SameFailure(before.Message, s.Message) {
		before.Message = s.Message
	}
	return reflect.DeepEqual(before, s)
}

// Withhold tells of a newer commit that is not taken, or will not be, or of what a person
// has to do before something breaks. It comes first
// where nothing else goes on: a commit that was pushed to mend what is held must not
// look as if it had arrived.
func (s *Status) Withhold(why error) {
	if s.Phase == PhaseLive || s.Phase == PhaseHeld {
		s.Phase, s.Reason = PhaseDegraded, ReasonOf(why)
	}
	s.Message = strings.TrimSuffix(why.Error()+"\n"+s.Message, "\n")
}
