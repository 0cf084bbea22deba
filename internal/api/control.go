package api

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tandem/reconciler/deploy"
)

// Control is what the server needs of the agent. Its methods are called from
// many goroutines at once.
type Control interface {
	// Statuses returns the status of every app, sorted by name, in a copy that
	// the caller may keep.
	Statuses() []deploy.Status
	// Retry makes the app's rejected release worth another try. An app that is
	// not there is an *UnknownAppError.
	Retry(ctx context.Context, app string) error
	// Pause stops deploys of the app until Resume; what is live is still looked
	// after. An app that is not there is an *UnknownAppError.
	Pause(ctx context.Context, app string) error
	// Resume ends a pause. An app that is not there is an *UnknownAppError.
	Resume(ctx context.Context, app string) error
	// Remove takes away what is left of an app that the repository does not have any
	// more, and says what that was. A *RefusedError says why that may not be.
	Remove(ctx context.Context, app string) ([]string, error)
	// Wake makes the poll look at the repository now. It does not wait for it.
	Wake()
	// Ready returns what the agent has not done yet since it was started, and nil
	// when it has looked at everything once.
	Ready() error
	// Healthy returns why the agent cannot do its work, and nil when it can.
	Healthy() error
}

// RefusedError says that what was asked for may not be done, and why.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// ErrUnknownApp is what errors.Is finds in an *UnknownAppError.
var ErrUnknownApp = errors.New("unknown app")

// UnknownAppError says that the repository has no such app, and which it has.
type UnknownAppError struct {
	App   string
	Known []string // sorted; empty when there is none
}

func (e *UnknownAppError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("unknown app %q: the agent knows none yet", e.App)
	}
	return fmt.Sprintf("unknown app %q: the agent knows %s", e.App, strings.Join(e.Known, ", "))
}

// Is makes the error match ErrUnknownApp.
func (e *UnknownAppError) Is(target error) bool { return target == ErrUnknownApp }

// Find returns the status of one app, or an *UnknownAppError.
func Find(statuses []deploy.Status, app string) (deploy.Status, error) {
	known := make([]string, 0, len(statuses))
	for _, s := range statuses {
		if s.App == app {
			return s, nil
		}
		known = append(known, s.App)
	}
	return deploy.Status{}, &UnknownAppError{App: app, Known: known}
}
