package deploy

import "time"

// Reason says why a plan is what it is, or why a release was turned down. The
// log line, the status file, a metric's label and `tandem plan` use this word.
type Reason string

// Reasons of a plan.
const (
	UpToDate         Reason = "UpToDate"         // desired and observed agree
	FirstDeploy      Reason = "FirstDeploy"      // nothing was live
	NewRelease       Reason = "NewRelease"       // another release is desired
	ColorChange      Reason = "ColorChange"      // the same release is desired in the other color
	Returning        Reason = "Returning"        // the desired release still runs in the standby
	Watching         Reason = "Watching"         // live, and its watch is not over
	RollingBack      Reason = "RollingBack"      // the live release was rejected
	Held             Reason = "Held"             // the desired release was rejected; another one is live
	NoRollbackTarget Reason = "NoRollbackTarget" // the live release was rejected and nothing healthy is left to return to
	Healing          Reason = "Healing"          // the live stack is damaged
	Drifted          Reason = "Drifted"          // Nginx sends traffic where nobody decided it
	Retiring         Reason = "Retiring"         // the old stack is no longer needed
	Paused           Reason = "Paused"           // a person paused the app
	FilesRefused     Reason = "FilesRefused"     // the desired state cannot be read, so what was live is kept alive
	Rendering        Reason = "Rendering"        // a generated file of Nginx is not as it should be, or not loaded
	BackupChange     Reason = "BackupChange"     // the standby becomes a backup, or ceases to be one
	SharedChange     Reason = "SharedChange"     // a shared service is not what the files say
	MovingSingletons Reason = "MovingSingletons" // a singleton has to move to the live color, or to be started there
	Contracting      Reason = "Contracting"      // the contract migration is due
	OutsideWindow    Reason = "OutsideWindow"    // no deploy window is open

	AwaitingImage Reason = "AwaitingImage" // a registry does not have an image of the release yet
)

// Afterwards tells whether such a plan only does what comes after a deploy, while
// all traffic is where it belongs.
func (r Reason) Afterwards() bool { return r == Retiring || r == BackupChange || r == Contracting }

// Reasons of a RejectError: what was wrong with the release.
const (
	ImageNotFound   Reason = "ImageNotFound"
	BuildFailed     Reason = "BuildFailed" // its image cannot be built from the commit
	CannotStart     Reason = "CannotStart"
	ContainerExited Reason = "ContainerExited"
	RestartLoop     Reason = "RestartLoop"
	Unhealthy       Reason = "Unhealthy"
	TooSlow         Reason = "TooSlow"
	WatchFailed     Reason = "WatchFailed"
	MigrationFailed Reason = "MigrationFailed"
	PastBarrier     Reason = "PastBarrier" // it needs what a contract migration took away
)

// Reasons that are nobody's release: the world is in the way.
const (
	Refused     Reason = "Refused" // the files in git are wrong
	NginxAway   Reason = "NginxAway"
	NginxBroken Reason = "NginxBroken"
	NotIncluded Reason = "NotIncluded"
	NotReached  Reason = "NotReached" // Nginx does not get through to the stack that is to be live
	ForeignFile Reason = "ForeignFile"
	// The site still uses a route that the app does not have any more.
	SiteOutdated Reason = "SiteOutdated"
	PortTaken    Reason = "PortTaken"  // something else holds a port of a route
	OtherAgent   Reason = "OtherAgent" // the app's stacks are another agent's
	DockerAway   Reason = "DockerAway"
	PullFailed   Reason = "PullFailed" // the registry is away or refuses the credentials
	GitAway      Reason = "GitAway"
	DiskFull     Reason = "DiskFull"    // too little space is left for another image
	NoAddresses  Reason = "NoAddresses" // Docker has no addresses for another network
	Unverified   Reason = "Unverified"  // the newest commit is not signed as it has to be; the last one that was is in force
	Failed       Reason = "Failed"      // anything else; it is tried again
)

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
