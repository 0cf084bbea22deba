package reconciler

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// lookEvery lies between two looks of a watch.
const lookEvery = time.Second

// watch looks at the live stack until its time is over or it is judged bad.
type watch struct {
	stacks   Stacks
	examiner Examiner
	prober   Prober
	app      App
	tenure   Tenure
	now      func() time.Time
}

// run returns nil when the release passed, a *RejectError when it failed, and
// ctx's error when ctx ends first.
func (w *watch) run(ctx context.Context) error {
	end := w.tenure.Since.Add(w.app.Watch.For)
	var samples []Sample
	for {
		sample, blame, err := w.look(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		samples = append(samples, sample)
		verdict, why := Judge(samples, w.app.Watch)
		if verdict == Fail {
			return &RejectError{Reason: WatchFailed, Detail: why, Logs: lastLogs(ctx, w.examiner, blame)}
		}
		left := end.Sub(w.now())
		if left <= 0 {
			// Fewer looks than it takes to fail, after a restart of the agent say,
			// must not be enough to pass.
			if done, err := w.over(verdict); done && len(samples) >= badLooks {
				return err
			}
			left = lookEvery
		}
		wait(ctx, min(left, lookEvery))
	}
}

// over applies the policy for a watch whose time is up.
func (w *watch) over(v Verdict) (done bool, err error) {
	switch {
	case v == Pass, w.app.Watch.Inconclusive == "promote":
		return true, nil
	case w.app.Watch.Inconclusive == "revert":
		return true, &RejectError{Reason: WatchFailed, Detail: "the watch ended without enough to judge by, and watch.inconclusive is revert"}
	default:
		return false, nil
	}
}

// look takes one sample; blame is the container whose log tells more.
func (w *watch) look(ctx context.Context) (s Sample, blame Container, err error) {
	pair, err := look(ctx, w.stacks, w.app)
	if err != nil {
		return Sample{}, Container{}, err
	}
	stack := pair[0]
	if w.tenure.Color == Green {
		stack = pair[1]
	}
	for _, c := range stack.Containers {
		s.Restarts += c.Restarts
		if c.Restarts > 0 && blame.ID == "" {
			blame = c
		}
		if !c.Up() && s.Down == "" {
			s.Down, blame = fmt.Sprintf("%s is %s (exit code %d)", c.Name, c.State, c.ExitCode), c
		}
	}
	s.Restarts -= w.tenure.Restarts
	switch {
	case s.Down != "":
	case len(stack.Missing) > 0:
		s.Down = "no container for " + strings.Join(stack.Missing, ", ")
	case len(stack.Containers) == 0:
		s.Down = "no containers"
	}
	for _, r := range w.app.Routes {
		sick := r.Health.Sick(w.prober.Probe(ctx, r, w.tenure.Color))
		if sick == "" || s.Sick != "" {
			continue
		}
		s.Sick = r.Name + ": " + sick
		for _, c := range stack.Containers {
			if c.Service == r.Service && blame.ID == "" {
				blame = c
			}
		}
	}
	return s, blame, nil
}
