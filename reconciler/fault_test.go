package reconciler

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

// chapter is one thing that happens in a tale, after which all comes to rest.
type chapter struct {
	commit, text string
	before       func(w *stage)
}

// tale is a story that is told once undisturbed, and then again and again, each
// time with one fault more to the end.
type tale struct {
	name     string
	fates    map[string]bearing
	chapters []chapter
}

func tales() []tale {
	return []tale{
		{name: "first deploy, bump, return", chapters: []chapter{
			{commit: "c1", text: yamlOf("1", deploy.Blue)},
			{commit: "c2", text: yamlOf("2", deploy.Green)},
			{commit: "c3", text: yamlOf("1", deploy.Blue)},
		}},
		{name: "a bump that is rejected, another that is taken back", fates: map[string]bearing{"2": {exits: true}, "3": {sickLive: true}}, chapters: []chapter{
			{commit: "c1", text: yamlOf("1", deploy.Green)},
			{commit: "c2", text: yamlOf("2", deploy.Auto)},
			{commit: "c3", text: yamlOf("3", deploy.Auto)},
		}},
		{name: "a bump whose hook fails, and another", fates: map[string]bearing{"2": {hook: &deploy.RejectError{Reason: deploy.CannotStart, Detail: "a hook failed"}}}, chapters: []chapter{
			{commit: "c1", text: yamlOf("1", deploy.Green)},
			{commit: "c2", text: yamlOf("2", deploy.Auto)},
			{commit: "c3", text: yamlOf("3", deploy.Auto)},
		}},
		{name: "a hop to the same color on other ports, then refused files", chapters: []chapter{
			{commit: "c1", text: yamlOf("1", deploy.Green)},
			{commit: "c2", text: yamlOf("2", deploy.Green, "routes:\n  api: {ports: {blue: 4001, green: 4002}, health: /health}")},
			{commit: "c3", text: yamlOf("3", deploy.Green, "colour: red")},
		}},
		{name: "traffic moved by hand, what is live dies, the standby is stopped", chapters: []chapter{
			{commit: "c1", text: yamlOf("1", deploy.Green)},
			{commit: "c2", text: yamlOf("2", deploy.Blue)},
			{commit: "c2", text: yamlOf("2", deploy.Blue), before: func(w *stage) { w.live = deploy.Green }},
			{commit: "c2", text: yamlOf("2", deploy.Blue), before: func(w *stage) { w.lie(deploy.Blue, "exited") }},
			{commit: "c4", text: yamlOf("2", deploy.Blue, "standby: {keep: stopped}")},
		}},
		{name: "singletons that move, move back, and are mended", fates: map[string]bearing{"2": {sickLive: true}}, chapters: []chapter{
			{commit: "c1", text: yamlOf("1", deploy.Auto, "singletons: [scheduler]")},
			{commit: "c2", text: yamlOf("2", deploy.Auto, "singletons: [scheduler]")},
			{commit: "c3", text: yamlOf("3", deploy.Auto, "singletons: [scheduler]")},
			{commit: "c3", text: yamlOf("3", deploy.Auto, "singletons: [scheduler]"), before: func(w *stage) { w.stacks[w.live].singletonsRun = false }},
		}},
		{name: "a column is renamed, and a release from before wanted back", chapters: []chapter{
			{commit: "c1", text: yamlOf("1", deploy.Auto)},
			{commit: "c2", text: yamlOf("2", deploy.Auto, "migrations: {expand: grow}")},
			{commit: "c3", text: yamlOf("3", deploy.Auto, "migrations: {contract: shrink}")},
			{commit: "c4", text: yamlOf("1", deploy.Auto)},
		}},
		{name: "migrations that fail", fates: map[string]bearing{"2": {expand: 1}, "3": {contract: 2}}, chapters: []chapter{
			{commit: "c1", text: yamlOf("1", deploy.Auto)},
			{commit: "c2", text: yamlOf("2", deploy.Auto, "migrations: {expand: grow}")},
		}},
		{name: "a bump that is reverted in git", fates: map[string]bearing{"2": {exits: true}}, chapters: []chapter{
			{commit: "c1", text: yamlOf("1", deploy.Auto)},
			{commit: "c2", text: yamlOf("2", deploy.Auto, "on_failure: revert")},
		}},
	}
}

// ending is what is compared: where the world and the memory came to rest, and
// what people are told.
type ending struct {
	Status       string
	Reasons      []deploy.Reason // of the history
	Live         deploy.Color
	Stacks       [2]string
	LiveRelease  string
	Passed       []deploy.Release
	Blocked      []string
	Singletons   [2]deploy.SingletonState
	BackupActive bool
	Ran          []string // migrations
	Reverts      []string
	Barrier      *deploy.StatusBarrier
}

func (w *stage) ending(s *deploy.Status) ending {
	e := ending{Status: summary(s), Live: w.live, Passed: w.saved.Passed, BackupActive: w.backupOn, Ran: w.ran, Reverts: w.reverts, Barrier: s.Barrier}
	e.LiveRelease = fmt.Sprintf("%s in %s since %s", w.saved.Live.Release, w.saved.Live.Color, w.saved.Live.Commit)
	for i, c := range deploy.Colors() {
		x := w.stackOf(c)
		e.Singletons[i] = x.Singletons
		e.Stacks[i] = fmt.Sprintf("%s %s of %s", x.Condition, x.Release, x.Commit)
	}
	for _, x := range s.History {
		e.Reasons = append(e.Reasons, w.why(x.Tag, x.Reason))
	}
	for _, x := range w.saved.Rejected {
		said := fmt.Sprintf("%s %d: %s", x.Release, x.Generation, w.why(x.Release.Tag, x.Reason))
		if !slices.Contains(e.Blocked, said) {
			e.Blocked = append(e.Blocked, said)
		}
	}
	return e
}

// why is the reason of a verdict. A release that is bad under traffic may be found
// out by its watch or, after a kill between flip and confirmation, by its gate.
func (w *stage) why(tag string, reason deploy.Reason) deploy.Reason {
	if w.fates[tag].sickLive && (reason == deploy.Unhealthy || reason == deploy.WatchFailed) {
		return "bad under traffic"
	}
	return reason
}

// tell lets the tale happen. Whenever the process is killed, hangs or is told to
// try again, a new one goes on with what was saved.
func (y tale) tell(t *testing.T, w *stage) ending {
	t.Helper()
	for tag, b := range y.fates {
		w.fates[tag] = b
	}
	p := w.start()
	for _, c := range y.chapters {
		if c.before != nil {
			w.change(func() { c.before(w) })
		}
		for tries := 0; ; tries++ {
			if tries == 10 {
				t.Fatalf("does not come to rest: %s", summary(p.Status()))
			}
			p.Offer(p.push(c.commit, c.text))
			patience := time.AfterFunc(10*time.Minute, p.kill)
			s := p.Once(p.ctx)
			patience.Stop()
			if p.ctx.Err() != nil {
				p = w.start()
			} else if s.Phase != deploy.PhaseDegraded {
				break
			}
		}
	}
	return w.ending(p.Status())
}

// TestFaults_WhateverHappensAtAnyCallItEndsAsIfNothingHadHappened disturbs each
// call of a port, one a telling, in every way. No list of the calls is kept: n is
// counted up until the tale has no n-th call any more.
func TestFaults_WhateverHappensAtAnyCallItEndsAsIfNothingHadHappened(t *testing.T) {
	for _, y := range tales() {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			var want ending
			bubble(t, func(t *testing.T, w *stage) {
				want = y.tell(t, w)
				w.honest()
			})
			cases, points := 0, 0
			for i, what := range []trouble{failBefore, failAfter, hangs, crashBefore, crashAfter} {
				n, step, fired := 0, 1, true
				if testing.Short() { // each call in one way, not in all five
					n, step = i, 5
				}
				for ; fired && !t.Failed(); n += step {
					fired = y.disturbed(t, want, n, what)
					cases++
				}
				points = max(points, n-step)
			}
			t.Logf("%d calls, %d cases; ends as %s", points, cases, want.Status)
		})
	}
}

// disturbed tells the tale with one fault, at the n-th call, and tells whether
// there was one.
func (y tale) disturbed(t *testing.T, want ending, n int, what trouble) (fired bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newStage(t)
		at := ""
		w.disturb = func(i int, name string) trouble {
			if i != n {
				return none
			}
			fired, at = true, name
			if what == hangs && name == "save" {
				return none // a file cannot be waited for
			}
			return what
		}
		got := y.tell(t, w)
		if d := cmp.Diff(want, got); d != "" || len(w.offences) > 0 {
			t.Errorf("call %d, %s: %s\n(-undisturbed +disturbed)\n%s\nbroken: %s\ncalls: %s", n, at, what, d,
				strings.Join(w.offences, "; "), w.log())
		}
	})
	return fired
}
