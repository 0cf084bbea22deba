package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tandem/reconciler/deploy"
)

const (
	// figureTime bounds each question for a figure. Without an answer there is no
	// figure, and the looks at the containers must go on.
	figureTime = 2 * time.Second
	// logDelay is how long a probe may take to appear in the access log, and
	// logProbes how many have to be missing from it before it is not believed.
	logDelay  = 3 * time.Second
	logProbes = 5
	// samplesKept is more than any verdict is made from: looks for slowTime.
	samplesKept = 32
)

// watch looks at the live stack until its time is over or it is judged bad.
type watch struct {
	stacks        Stacks
	examiner      Examiner
	prober        DirectProber
	accessLog     AccessLog
	stats         StatsReader
	probes        func(from, to time.Time) (v deploy.Probes, answered int) // what the prober saw
	app           deploy.App
	liveRelease   deploy.LiveRelease
	old           deploy.Baseline
	noAlternative bool                                        // nothing else could be live instead
	record        func(s deploy.Sample, verdict string) error // called after every look; verdict is empty until there is one
	say           func(words string)                          // called when what the watch waits for is another; empty: its time only
	now           func() time.Time

	warning string // set by run: what it passed in spite of

	startedAt time.Time     // set by run
	age       time.Duration // of the watch, then
	lastSaid  string        // what say was told last is about
}

// run returns nil when the release passed, a *RejectError when it failed, an
// *outageError when it has to begin again, and ctx's error when ctx ends first.
func (w *watch) run(ctx context.Context) error {
	w.startedAt = w.now()
	w.age = w.liveRelease.WatchElapsed(w.startedAt)
	var samples []deploy.Sample
	for looks := 1; ; looks++ {
		sample, culprit, err := w.sample(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		samples = append(samples[max(0, len(samples)-samplesKept):], sample)
		r := deploy.Judge(samples, w.app.Watch, w.old)
		end := deploy.Conclude(r, w.app.Watch, sample.After, looks, w.now().Sub(w.startedAt))
		if err := w.record(sample, end.Why); err != nil {
			return err
		}
		switch {
		case end.Failed:
			return &deploy.RejectError{Reason: deploy.WatchFailed, Detail: end.Why, Logs: lastLogs(ctx, w.examiner, culprit, watchLogTime), Breach: end.Breach}
		case end.Passed:
			w.warning = r.Warning
			return nil
		}
		w.tell(sample, r)
		wait(ctx, deploy.LookEvery)
	}
}

// tell says what the watch waits for besides its time. The words stay the same for as
// long as that does: each change of a status is a commit.
func (w *watch) tell(s deploy.Sample, r deploy.Ruling) {
	at := func(after time.Duration) string {
		return w.startedAt.Add(after - w.age).UTC().Format(time.TimeOnly + "Z")
	}
	about, words := "", ""
	warm := w.app.Watch.WarmUp()
	switch {
	case s.After+deploy.LookEvery <= warm:
		about, words = "warm-up", "it warms up: latency and CPU are not judged until "+at(warm)
	case r.Warning != "":
		about, words = "warning", "slow since "+at(r.Slow)+": "+r.Warning
	case r.Slow > 0:
		about = "slow since " + r.Slow.String()
		words = fmt.Sprintf("slow since %s: %s; taken back at %s unless that ends", at(r.Slow), r.Why, at(r.Slow+deploy.SlowTime))
	}
	if about != w.lastSaid {
		w.lastSaid = about
		w.say(words)
	}
}

// sample takes one sample; blame is the container whose log tells more.
func (w *watch) sample(ctx context.Context) (s deploy.Sample, culprit deploy.Container, err error) {
	// Since the watch began by the clock that nobody can set: what the memory says has
	// lost it.
	s.After = w.age + w.now().Sub(w.startedAt)
	pair, err := observeStacks(ctx, w.stacks, w.app)
	if err != nil {
		return deploy.Sample{}, deploy.Container{}, err
	}
	stack, other := pair[0], pair[1]
	if w.liveRelease.Color == deploy.Green {
		stack, other = other, stack
	}
	if err := w.liveRelease.Outage(stack); err != nil {
		return deploy.Sample{}, deploy.Container{}, err
	}
	s.WatchRestarted = !w.liveRelease.WatchRestartedAt.IsZero()
	s.NoAlternative = w.noAlternative || other.Condition == deploy.Absent
	culprit = w.containers(&s, stack)
	if answers := w.health(ctx, &s, stack); culprit.ID == "" {
		culprit = answers
	}
	w.traffic(ctx, &s)
	if s.Down == "" {
		w.usage(ctx, &s, stack)
	}
	if culprit.ID == "" {
		culprit = w.likelyCause(s, stack)
	}
	return s, culprit, nil
}

// containers counts restarts and finds what is down. One that is between two starts
// has been counted as a restart already, of which the policy may allow some; until it
// runs it is unhealthy.
func (w *watch) containers(s *deploy.Sample, stack deploy.Stack) (culprit deploy.Container) {
	for _, c := range stack.Containers {
		if c.Restarts > 0 && culprit.ID == "" {
			culprit = c
		}
		if c.Up() {
			continue
		}
		now := fmt.Sprintf("%s is %s%s", c.Name, c.Words(), c.IfMeant())
		switch {
		case c.State == "restarting":
			s.Sick = cmp.Or(s.Sick, now)
		case s.Down == "":
			s.Down, culprit = now, c
		}
	}
	s.Restarts = stack.Restarts() - w.liveRelease.Restarts
	switch {
	case s.Down != "":
	case len(stack.Missing) > 0:
		s.Down = "no container for " + strings.Join(stack.Missing, ", ")
	case len(stack.Containers) == 0:
		s.Down = "no containers"
	}
	return culprit
}

// health asks the routes, all at once: many that hang must not make a look longer.
func (w *watch) health(ctx context.Context, s *deploy.Sample, stack deploy.Stack) (culprit deploy.Container) {
	answers := make([]healthAnswer, len(w.app.Routes))
	var wg sync.WaitGroup
	for i, r := range w.app.Routes {
		wg.Go(func() { answers[i] = ask(ctx, w.prober, r, w.liveRelease.Color) })
	}
	wg.Wait()
	for i, r := range w.app.Routes {
		if late := answers[i].late; late != "" && s.Late == "" {
			s.Late = r.Name + ": " + late
		}
		if sick := answers[i].sick; sick != "" && s.Sick == "" {
			s.Sick = r.Name + ": " + sick
			culprit = serving(stack, r.Service)
		}
	}
	return culprit
}

// traffic asks Nginx's log, and the prober. A log that has none of the probes is
// not that of this Nginx, or is not written any more: then it is not believed.
func (w *watch) traffic(ctx context.Context, s *deploy.Sample) {
	now, since := w.now(), w.liveRelease.WatchStart()
	s.Probes, _ = w.probes(since, now)
	lately := now.Add(-min(deploy.LatencyWindow, max(0, s.After-w.app.Watch.WarmUp())))
	s.Asked, _ = w.probes(lately, now)
	recent := now.Add(-deploy.TrafficWindow)
	if recent.Before(since) {
		recent = since
	}
	window, err := w.sum(ctx, recent)
	whole := window
	if err == nil && recent.After(since) {
		whole, err = w.sum(ctx, since)
	}
	var warm deploy.Traffic
	if err == nil && lately.Before(now) {
		warm, err = w.sum(ctx, lately)
	}
	_, written := w.probes(recent, now.Add(-logDelay))
	switch {
	case err != nil:
		s.TrafficErr = err.Error()
	case window.Probes == 0 && written >= logProbes:
		s.TrafficErr = fmt.Sprintf("it has none of the agent's last %s", deploy.Counted(written, "probe"))
	default:
		s.Window, s.Whole, s.Lately = window, whole, warm
	}
}

func (w *watch) sum(ctx context.Context, since time.Time) (deploy.Traffic, error) {
	ctx, cancel := context.WithTimeout(ctx, figureTime)
	defer cancel()
	t, err := w.accessLog.Traffic(ctx, w.app, w.liveRelease.Color, since)
	return t, inTime(err)
}

func (w *watch) usage(ctx context.Context, s *deploy.Sample, stack deploy.Stack) {
	ctx, cancel := context.WithTimeout(ctx, figureTime)
	defer cancel()
	u, err := w.stats.Usage(ctx, stack)
	if err != nil {
		s.UsageErr = inTime(err).Error()
		return
	}
	s.Usage = u
}

// inTime says what a context's error means to a person.
func inTime(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", figureTime)
	}
	return err
}

// likelyCause is the container whose log tells most about bad figures.
func (w *watch) likelyCause(s deploy.Sample, stack deploy.Stack) deploy.Container {
	if s.Usage.Share > deploy.TightShare {
		for _, c := range stack.Containers {
			if c.Name == s.Usage.NearestToLimit {
				return c
			}
		}
	}
	if len(w.app.Routes) == 0 {
		return deploy.Container{}
	}
	return serving(stack, w.app.Routes[0].Service)
}

// serving is the first container of a service.
func serving(stack deploy.Stack, service string) deploy.Container {
	for _, c := range stack.Containers {
		if c.Service == service {
			return c
		}
	}
	return deploy.Container{}
}
