package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tandem/internal/agent"
	"tandem/internal/api"
	"tandem/reconciler/deploy"
)

// The exit codes. They are a promise to scripts.
const (
	codeDone        = 0
	codeFailed      = 1
	codePending     = 2
	codeHeld        = 3
	codeUsage       = 64
	codeConfig      = 78
	codeInterrupted = 130
)

// exitCodes is the table that every help prints.
func exitCodes() string {
	return `  0    done
  1    failed
  2    changes pending (plan)
  3    held, refused or rolled back
  64   wrong usage
  78   bad configuration
  130  stopped at once by a second signal
`
}

// exit is the only way out of the process.
func exit(code int) { os.Exit(code) }

// outcome ends a command with a code although nothing went wrong: all there is
// to say has been printed.
type outcome int

func (o outcome) Error() string { return fmt.Sprintf("outcome %d", int(o)) }

// usageError says that the command line is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// configError says that the agent's own configuration is wrong.
type configError struct{ err error }

func (e *configError) Error() string { return e.err.Error() }
func (e *configError) Unwrap() error { return e.err }

// hinted is an error with what to do about it, one hint a line.
type hinted struct {
	err   error
	hints []string
}

func withHint(err error, hints ...string) error { return &hinted{err, hints} }

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// codeOf returns the exit code for what a command returned.
func codeOf(err error) int {
	var (
		o outcome
		u *usageError
		c *configError
		w *agent.OwnedError
		r *api.RefusedError
	)
	switch {
	case err == nil:
		return codeDone
	case errors.As(err, &o):
		return int(o)
	case errors.As(err, &u):
		return codeUsage
	case errors.As(err, &c), errors.As(err, &w):
		return codeConfig
	case errors.As(err, &r):
		return codeHeld
	default:
		return codeFailed
	}
}

// codeOfStatuses is the code of a pass that was to bring every app to where it
// is desired: the worst of them counts, and a failure is worse than a refusal.
func codeOfStatuses(statuses []deploy.Status) int {
	code := codeDone
	for _, s := range statuses {
		switch s.Phase {
		case deploy.PhaseLive:
		case deploy.PhaseHeld, deploy.PhaseRefused, deploy.PhasePaused:
			code = worse(code, codeHeld)
		default:
			code = worse(code, codeFailed)
		}
	}
	return code
}

// worse picks the code that a script has to hear of first.
func worse(a, b int) int {
	for _, code := range []int{codeFailed, codeHeld, codePending} {
		if a == code || b == code {
			return code
		}
	}
	return codeDone
}

// ended turns a code into what a command returns.
func ended(code int) error {
	if code == codeDone {
		return nil
	}
	return outcome(code)
}

// report tells a person what went wrong and what to do.
func report(w io.Writer, err error) {
	var o outcome
	if err == nil || errors.As(err, &o) {
		return
	}
	lines := strings.Split(err.Error(), "\n")
	if faults, ok := deploy.AsFaults(err); ok {
		lines = lines[:0]
		for _, f := range faults {
			lines = append(lines, f.String())
		}
	} else if errors.Is(err, context.Canceled) {
		lines = []string{"stopped before it was done"}
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "error: %s\n", printable(line))
	}
	for _, hint := range hints(err) {
		fmt.Fprintf(&b, "hint: %s\n", printable(hint))
	}
	_, _ = io.WriteString(w, b.String()) // nobody is left to tell
}

// hints collects what to do, the most specific first.
func hints(err error) []string {
	var (
		h       *hinted
		noAgent *api.NoAgentError
		out     []string
	)
	if errors.As(err, &h) {
		out = append(out, h.hints...)
	}
	if errors.As(err, &noAgent) {
		out = append(out, "start the agent, or name its address with --listen (or `listen` in the agent's file)")
	}
	return out
}
