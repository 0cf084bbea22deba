package deploy

import "time"

// Event is one thing that happened to an app. What surrounds the loop (log,
// status, notifications) hears of it through one function of this type and can
// neither delay nor fail a deploy.
type Event struct {
	Time    time.Time
	App     string
	Kind    EventKind
	Commit  string
	Step    Step          // of StepDone and StepFailed
	Reason  Reason        // why the step was planned, or the reason of the failure
	Message string        // one sentence, and for a rejection the last log lines
	Took    time.Duration // of StepDone and StepFailed
	Err     error         // of StepFailed
	Status  *Status       // of StatusChanged; not to be changed
	Entry   *Entry        // of DeployEnded; not to be changed
	Breach  *Breach       // of Rejecting: the figure that failed a watch; nil: it was no figure
}

// EventKind tells events apart.
type EventKind string

// The kinds of events.
const (
	StepDone      EventKind = "step done"
	StepFailed    EventKind = "step failed"
	Rejecting     EventKind = "release rejected"
	Repaired      EventKind = "put right"
	Warned        EventKind = "warning" // something is not as it should be, and is let be
	Cleaned       EventKind = "images removed"
	StatusChanged EventKind = "status changed"
	DeployEnded   EventKind = "deploy ended" // a line was added to the history
)
