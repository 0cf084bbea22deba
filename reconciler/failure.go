package reconciler

import (
	"context"
	"errors"
	"fmt"
	"regexp"
)

// Most of what Docker may say to a release that it cannot run is in no list of ours: a
// limit above what the host has, an address that is not free. One such error may be chance.
// The same error several times in a row, of a Docker that answers, is a verdict: trying on
// would never end, and the standby was taken away for it already.

// mostFailures in a row, all alike, are the verdict.
const mostFailures = 3

// Failure is what a release that never ran could not be started for.
type Failure struct {
	Release    Release `json:"release"`
	Generation int     `json:"generation"` // of another one it is counted anew
	Color      Color   `json:"color"`
	Action     Action  `json:"action"`
	Words      string  `json:"words"` // as withoutIDs leaves them
	Times      int     `json:"times"` // in a row
}

// countFailure returns what the step ended with: err, or the verdict that it is time for.
func (r *Runner) countFailure(ctx context.Context, of App, s Step, err error) error {
	m := &r.memory
	last := m.Failure
	m.Failure = nil // whoever saves what came of the step saves this, too
	if err == nil || ctx.Err() != nil || r.unsaved || m.hasRun(s.Release) || explained(err) {
		return err
	}
	if _, unseen := r.look(ctx, of); unseen != nil {
		return err
	}
	now := Failure{Release: s.Release, Generation: m.Generation, Color: s.Color, Action: s.Action, Words: withoutIDs(err.Error()), Times: 1}
	if last != nil {
		before := *last
		before.Times = now.Times
		if before == now {
			now.Times = last.Times + 1
		}
	}
	if now.Times >= mostFailures {
		return &RejectError{Reason: CannotStart, Detail: fmt.Sprintf("%s (%d times in a row)", err, now.Times)}
	}
	m.Failure = &now
	if unsaved := r.save(); unsaved != nil {
		return errors.Join(err, unsaved)
	}
	return err
}

// explained tells whether it is known what the error says of the release: that it is bad,
// or nothing, because the host or its files are in the way, or time was over.
func explained(err error) bool {
	var bad *RejectError
	var host *TemporaryError
	var router *RouterError
	var files *FilesChangedError
	return errors.As(err, &bad) || errors.As(err, &host) || errors.As(err, &router) || errors.As(err, &files) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// hasRun tells whether a start of r ever ended well, or r was ever live. The same files can
// be run then, and what is in their way now is the host's.
func (m *Memory) hasRun(r Release) bool {
	return m.Live.Release == r || m.WasPromoted(r) || m.Started[Blue].Release == r || m.Started[Green].Release == r
}

var (
	idWord    = regexp.MustCompile(`[0-9A-Za-z]*[0-9](?:[.:]?[0-9A-Za-z])*`)
	colorWord = regexp.MustCompile(string(Blue) + "|" + string(Green))
)

// withoutIDs takes out of the words of a failure what may differ from one try to the next:
// each word with a digit in it, be it an id, a time or a number, and the colors.
func withoutIDs(words string) string {
	return colorWord.ReplaceAllString(idWord.ReplaceAllString(words, "#"), "#")
}

// SameFailure tells whether the words of two failures differ in ids, numbers and colors only.
func SameFailure(a, b string) bool { return withoutIDs(a) == withoutIDs(b) }
