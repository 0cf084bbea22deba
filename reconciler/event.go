package reconciler

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
}

// EventKind tells events apart.
type EventKind string

// The kinds of events.
const (
	StepDone      EventKind = "step done"
	StepFailed    EventKind = "step failed"
	Rejecting     EventKind = "release rejected"
	Repaired      EventKind = "put right"
	StatusChanged EventKind = "status changed"
)
