package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

// settle waits until the agent has done what the newest commit asks for: its release
// is live or, where it is a bad one, is held, and what is live answers. The commit that
// the status names is the newest when the agent first saw the app like this: a later one
// than that which changed the app, or an earlier one, where the agent was away while a
// release came and went again.
func (w *walk) settle(ctx context.Context) error {
	head, err := w.Git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	desired, err := w.appAt(ctx, head)
	if err != nil {
		return err
	}
	tag := w.tags[len(w.tags)-1]
	return w.until(ctx, "the end of it", func() error {
		if w.agent.Ended() {
			return errors.New("the agent has ended")
		}
		if !w.hasRead(head) {
			return fmt.Errorf("the agent has not read commit %s", head)
		}
		s, text, err := w.Published(ctx)
		if err != nil {
			return err
		}
		asked, err := w.appAt(ctx, s.Desired.Commit)
		if err != nil {
			return err
		}
		if asked != desired || !settled(s, tag, w.bad[tag]) {
			return fmt.Errorf("commit %s asks for %s; the status is\n%s", head, tag, text)
		}
		// Also where that is not what the commit asks for: a step that killed it has not
		// ended before it is back, or its failures would be those of the next.
		return w.answers(ctx, s.Live.Tag)
	})
}

// appAt names what a commit says about the app.
func (w *walk) appAt(ctx context.Context, commit string) (tree string, err error) {
	return w.Git(ctx, "rev-parse", commit+":"+w.App)
}

// hasRead tells whether the agent has said that it saw the commit.
func (w *walk) hasRead(commit string) bool {
	return slices.ContainsFunc(w.log.Since(0), func(l stage.LogLine) bool {
		return l.Is("new commit", "commit="+commit[:8])
	})
}

// settled tells whether the status is the last word on what it is about.
func settled(s deploy.Status, tag string, bad bool) bool {
	switch {
	case s.Live == nil:
		return false
	case bad:
		return s.Phase == deploy.PhaseHeld
	default:
		return s.Phase == deploy.PhaseLive && s.Reason == deploy.UpToDate && s.Live.Tag == tag
	}
}

// answers asks once, over a new connection.
func (w *walk) answers(ctx context.Context, tag string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL()+"/", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	if got := res.Header.Get("X-Tag"); res.StatusCode != http.StatusOK || got != tag {
		err = fmt.Errorf("release %q answers with %s, want %s", got, res.Status, tag)
	}
	return errors.Join(err, res.Body.Close())
}

// asked waits until every connection of the load has asked again: one that was idle
// when it was cut only then comes to know, and its failure is this step's.
func (w *walk) asked(ctx context.Context) error {
	before := w.traffic.Report().Connections
	return w.until(ctx, "requests on every connection", func() error {
		for i, c := range w.traffic.Report().Connections {
			if c.Requests < before[i].Requests+2 {
				return fmt.Errorf("connection %d has asked %d times since", i, c.Requests-before[i].Requests)
			}
		}
		return nil
	})
}

// check is the promises, after a step.
func (w *walk) check(ctx context.Context, s step, before map[string]string) error {
	r := w.traffic.Report()
	failed := r.Failed - w.failed
	w.failed = r.Failed
	if s.costs {
		w.costly++
		w.failedInCostly += failed
	} else {
		w.free++
	}
	switch {
	case failed > 0 && !s.costs:
		return fmt.Errorf("%d requests failed: %v", failed, r.Examples[max(0, len(r.Examples)-3):])
	case r.Requests == 0:
		return errors.New("the load made no request")
	}
	// Nothing that has not passed its gate gets traffic.
	for a := range r.Answers {
		if w.bad[a.Tag] {
			return fmt.Errorf("an answer came from %s, which passes no gate", a.Tag)
		}
	}
	if err := errors.Join(w.rejectedOnce(ctx), w.sharedStays(ctx), w.notesStay(ctx)); err != nil {
		return err
	}
	if s.costs {
		return nil // what is dead may be started again
	}
	return w.untouched(ctx, before)
}

// untouched compares what was live before the step with what it is now: the agent
// may replace it once it is not live any more, but never start it again.
func (w *walk) untouched(ctx context.Context, before map[string]string) error {
	for id, was := range before {
		now, err := w.Engine.Client.ContainerInspect(ctx, id)
		if err != nil {
			continue // replaced, after another one had the traffic
		}
		if got := instance(now.State.StartedAt, now.RestartCount); now.State.Running && got != was {
			return fmt.Errorf("the live container %s was started again: %s, was %s", now.Name, got, was)
		}
	}
	return nil
}

// liveContainers maps the id of each live container to when it was started.
func (w *walk) liveContainers(ctx context.Context) (map[string]string, error) {
	s, _, err := w.Published(ctx)
	if err != nil {
		return nil, err
	}
	if s.Live == nil {
		return nil, errors.New("nothing is live")
	}
	return w.instances(ctx, s.Live.Color)
}

// instances maps the id of each container of a color to when it was started.
func (w *walk) instances(ctx context.Context, color deploy.Color) (map[string]string, error) {
	all, err := w.containers(ctx, w.App+"-"+string(color))
	found := map[string]string{}
	for _, c := range all {
		found[c.ID] = instance(c.State.StartedAt, c.RestartCount)
	}
	return found, err
}

func instance(started string, restarts int) string {
	return fmt.Sprintf("started %s, %d restarts", started, restarts)
}

// rejectedOnce: a release that failed is not tried again until git says so, which a
// revert of the revert does. A try more would leave a line more in the history.
func (w *walk) rejectedOnce(ctx context.Context) error {
	status, _, err := w.Published(ctx)
	if err != nil {
		return err
	}
	return tooOften(status.History, w.tags)
}

// tooOften tells which release was rejected more often than it was asked for.
func tooOften(history []deploy.Entry, asked []string) error {
	left := map[string]int{}
	for _, tag := range asked {
		left[tag]++
	}
	for _, entry := range history {
		if entry.Result == deploy.RejectedBeforeTraffic {
			if left[entry.Tag]--; left[entry.Tag] < 0 {
				return fmt.Errorf("release %s was rejected more often than it was asked for", entry.Tag)
			}
		}
	}
	return nil
}

// notesStay: what others pushed to the status branch is there, so nothing was pushed by
// force.
func (w *walk) notesStay(ctx context.Context) error {
	names, err := w.Git(ctx, "-C", w.Bare, "ls-tree", "--name-only", "tandem-status")
	if err != nil {
		return err
	}
	if n := strings.Count(names, "note-"); n != w.notes {
		return fmt.Errorf("the status branch has %d notes of others, who pushed %d", n, w.notes)
	}
	return nil
}

// shared is what must outlive everything: the container of the shared stack, and the
// volume with its data.
type shared struct{ container, volume string }

func (w *walk) sharedStays(ctx context.Context) error {
	now, err := w.lookAtShared(ctx)
	if err == nil && now != w.shared {
		err = fmt.Errorf("the shared stack was %+v and is %+v now", w.shared, now)
	}
	return err
}

func (w *walk) lookAtShared(ctx context.Context) (shared, error) {
	all, err := w.containers(ctx, w.App+"-shared")
	if err != nil {
		return shared{}, err
	}
	if len(all) != 1 {
		return shared{}, fmt.Errorf("the shared stack has %d containers, want 1", len(all))
	}
	volume, err := w.Engine.Client.VolumeInspect(ctx, w.App+"-shared_orders")
	return shared{all[0].ID, volume.Name + " of " + volume.CreatedAt}, err
}
