package deploy

import "fmt"

// Action is what a Step does.
type Action string

// The actions, in the order in which a deploy goes through them.
const (
	Render        Action = "render"     // write Nginx's generated files as they should be, and have it load them
	Park          Action = "park"       // point traffic away from an empty color before it is filled
	DisableBackup Action = "backup-off" // let the standby answer nothing any more, before it is touched or gets the traffic
	Expand        Action = "expand"     // run the release's expand migration
	Up            Action = "up"         // pull, create and start the stack; start only what is dead if the release is the same
	Gate          Action = "gate"       // prove that the stack is healthy
	Flip          Action = "flip"       // send traffic to the color
	Confirm       Action = "confirm"    // wait until the running Nginx says so
	HandOver      Action = "handover"   // stop the singletons in the other color, then start those of this one
	Watch         Action = "watch"      // look at the live stack until the verdict
	Drain         Action = "drain"      // wait until the stack that traffic left is idle
	Retire        Action = "retire"     // stop it; containers and images stay
	Contract      Action = "contract"   // run the release's contract migration
	Share         Action = "shared"     // make the shared services what the files say
	EnableBackup  Action = "backup-on"  // prove that the standby is healthy, and let it answer what the live stack cannot
	Revert        Action = "revert"     // take the bump back in git
	Prune         Action = "prune"      // remove images that no release needs any more
)

// Step is one thing to do. It is plain data: comparable and printable.
type Step struct {
	Action  Action
	Color   Color
	Release Release
}

func (s Step) String() string {
	switch {
	case s.Color == NoColor && s.Release.IsZero():
		return string(s.Action)
	case s.Release.IsZero():
		return fmt.Sprintf("%s %s", s.Action, s.Color)
	case s.Color == NoColor:
		return fmt.Sprintf("%s %s", s.Action, s.Release)
	}
	return fmt.Sprintf("%s %s %s", s.Action, s.Color, s.Release)
}

// KnowsNoFiles tells whether the step can be done for a stack whose files are gone.
func (s Step) KnowsNoFiles() bool {
	switch s.Action {
	case Render, Prune, Park, DisableBackup, Drain, Retire, Revert:
		return true
	default:
		return false
	}
}
