package deploy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// RejectError says that the release itself is bad: trying the same again is
// pointless until git says something new. Everything else that a port returns
// is taken to be temporary and is tried again after a pause.
type RejectError struct {
	Reason Reason
	Detail string  // one sentence for a tired person
	Logs   string  // the last log lines, when there are some
	Breach *Breach // the figure that failed a watch; nil: it was no figure
}

func (e *RejectError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }

// RouterError says that Nginx, not the release, stands in the way: it is away,
// its configuration is broken, it does not include the generated files, or it must
// not be given a port. SiteOutdated stands in nobody's way.
type RouterError struct {
	Reason Reason // NginxAway, NginxBroken, NotIncluded, NotReached, SiteOutdated, ForeignFile or PortTaken
	Detail string // with Nginx's own words where there are some
	Err    error  // the cause; may be nil
}

func (e *RouterError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }

// Unwrap returns the cause.
func (e *RouterError) Unwrap() error { return e.Err }

// Fault is one mistake in a file that a person wrote.
type Fault struct {
	File string // as the person knows it: relative to the repository, or absolute for the agent's own file
	Line int    // 1-based; 0 when the fault belongs to no line
	Path string // where in the file: "routes.api.ports.blue"; may be empty
	Text string // what is wrong and what to write instead
}

func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// Faults is every mistake that was found, in the order of the file. It is an
// error; the desired state that has it is refused and changes nothing.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, x := range f {
		lines[i] = x.String()
	}
	return strings.Join(lines, "\n")
}

// Err returns f as an error, and nil when there is no fault.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// AsFaults returns the faults in err, if it is or wraps Faults.
func AsFaults(err error) (Faults, bool) {
	var f Faults
	ok := errors.As(err, &f)
	return f, ok
}

// TemporaryError is an error with a Reason of its own that says nothing about
// the release: the registry is away, the disk is full.
type TemporaryError struct {
	Reason Reason
	Err    error
}

func (e *TemporaryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *TemporaryError) Unwrap() error { return e.Err }

// FilesChangedError says that the exported files in a directory are not those any more
// that the release was made from. Somebody changed them there; they are to be exported
// anew, beside that directory, which containers may have mounted.
type FilesChangedError struct {
	Release Release
	Root    string // the directory
	Err     error  // why they make no release at all; nil when they make another one
}

func (e *FilesChangedError) Error() string {
	text := fmt.Sprintf("the files in %s are not those of release %s any more, because they were changed there", e.Root, e.Release)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *FilesChangedError) Unwrap() error { return e.Err }

// ReasonOf finds the word for an error of a step.
func ReasonOf(err error) Reason {
	var router *RouterError
	var temporary *TemporaryError
	var rejected *RejectError
	switch {
	case errors.As(err, &router):
		return router.Reason
	case errors.As(err, &temporary):
		return temporary.Reason
	case errors.As(err, &rejected):
		return rejected.Reason
	default:
		return Failed
	}
}

// maxFaults bounds what one file can make tandem print and publish.
const maxFaults = 50

// Ordered returns the faults of one file by line. Of very many it keeps the
// first, and says how many are left out.
func (f Faults) Ordered() Faults {
	out := slices.Clone(f)
	slices.SortStableFunc(out, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	if left := len(out) - maxFaults; left > 0 {
		out = append(out[:maxFaults], Fault{File: out[0].File, Text: fmt.Sprintf("… and %d more", left)})
	}
	return out
}

// Note is something about a file that a person wrote and that is no mistake: what is made
// of it, and why.
type Note Fault

func (n Note) String() string { return Fault(n).String() }
