package reconciler

import (
	"time"

	"github.com/goccy/go-yaml"

	"tandem/internal/plaintext"
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
	Live    *StatusLive   `yaml:"live,omitempty" json:"live,omitempty"`
	Standby *StatusStack  `yaml:"standby,omitempty" json:"standby,omitempty"`
	Floor   *StatusFloor  `yaml:"floor,omitempty" json:"floor,omitempty"`
	Receipt *Receipt      `yaml:"receipt,omitempty" json:"receipt,omitempty"`
	History []Entry       `yaml:"history,omitempty" json:"history,omitempty"`
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
	Tag   string `yaml:"tag" json:"tag"`
	Color Color  `yaml:"color" json:"color"`
	State string `yaml:"state" json:"state"`                     // warm, stopped, broken, or rejected while it still runs
	Spare bool   `yaml:"spare,omitempty" json:"spare,omitempty"` // it answers what the live stack cannot
}

// StatusFloor is the release whose contract migration took away what those before
// it need: none of them can be deployed again.
type StatusFloor struct {
	Tag    string `yaml:"tag" json:"tag"`
	Commit string `yaml:"commit" json:"commit"`
}

// Receipt is the evidence of the last deploy.
type Receipt struct {
	Gate       Took   `yaml:"gate" json:"gate"`                           // from the stack being up to the gate passed
	Flip       Took   `yaml:"flip" json:"flip"`                           // from the flip to Nginx's confirmation
	Probes     int    `yaml:"probes" json:"probes"`                       // the agent's own visits through Nginx, from before the flip until after the drain
	Failed     int    `yaml:"failed" json:"failed"`                       // of Probes
	LongestGap Took   `yaml:"longest_gap" json:"longest_gap"`             // between two good answers to the agent's visits
	Requests   int    `yaml:"requests" json:"requests"`                   // people's, to the new release, until its watch was over
	Errors     int    `yaml:"errors" json:"errors"`                       // of Requests, answered with 5xx
	P95        Took   `yaml:"p95" json:"p95"`                             // of the time that the release took for Requests
	Cut        int    `yaml:"cut" json:"cut"`                             // connections to the old stack that were still open when their time was over
	Verdict    string `yaml:"verdict,omitempty" json:"verdict,omitempty"` // what the watch was judged by, in a sentence
}

// shown makes what has words from elsewhere fit for each place that a status is shown
// in: the status branch, the API, notifications, a commit's page at a forge. What
// cannot be seen there, or turns the text around, is written as an escape. Names and
// tags that were parsed match a grammar, and need none.
func (s *Status) shown() {
	s.Message = plaintext.Text(s.Message)
	if s.Live != nil {
		s.Live.Tag = plaintext.Text(s.Live.Tag)
		images := map[string]string{}
		for service, image := range s.Live.Images {
			images[plaintext.Text(service)] = plaintext.Text(image)
		}
		s.Live.Images = images
	}
	if s.Standby != nil {
		s.Standby.Tag = plaintext.Text(s.Standby.Tag)
	}
	if s.Receipt != nil {
		s.Receipt.Verdict = plaintext.Text(s.Receipt.Verdict)
	}
}

// YAML returns the bytes of the status file.
func (s Status) YAML() ([]byte, error) {
	return yaml.MarshalWithOptions(s, yaml.UseLiteralStyleIfMultiline(true))
}

// ParseStatus reads a status file. Keys that it does not know are left alone, so
// that an older tandem can read a newer one's.
func ParseStatus(data []byte) (Status, error) {
	var s Status
	err := yaml.Unmarshal(data, &s)
	return s, err
}
