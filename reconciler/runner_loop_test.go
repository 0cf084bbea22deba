package reconciler

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/reconciler/deploy"
)

// run lets the runner work in the background until the test ends.
func (p *process) run() { go p.Run(p.ctx) }

// elapse lets time pass, and whatever is due then be done.
func elapse(t *testing.T, d time.Duration) {
	t.Helper()
	wait(t.Context(), d)
	synctest.Wait()
}

// timesOf are when a port was called, from now on.
func (w *stage) timesOf(name string) func() []time.Time {
	var mu sync.Mutex
	var times []time.Time
	w.change(func() {
		w.onCall = func(n string) {
			if n == name {
				mu.Lock()
				defer mu.Unlock()
				times = append(times, time.Now())
			}
		}
	})
	return func() []time.Time {
		mu.Lock()
		defer mu.Unlock()
		return times
	}
}

func TestRun_TemporaryErrorIsTriedAgainAfterGrowingJitteredPausesAndToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.disturb = func(_ int, name string) trouble { return map[string]trouble{"stacks.up": dockerAway}[name] }
		times := w.timesOf("stacks.up")
		p := w.start()
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		p.run()
		elapse(t, 10*time.Minute)
		tries, even := times(), 0
		for i := 1; i < len(tries); i++ {
			pause := tries[i].Sub(tries[i-1])
			low := min(firstPause<<min(i-1, 10), lastPause)
			if pause < low || pause > low+low/5 {
				t.Errorf("pause %d is %s, want between %s and %s", i, pause, low, low+low/5)
			}
			if pause == low {
				even++
			}
		}
		if len(tries) < 10 || even == len(tries)-1 {
			t.Errorf("%d tries, %d pauses without jitter", len(tries), even)
		}
		told := w.told(deploy.StatusChanged)
		if len(told) != 1 || summary(told[0].Status) != "Degraded/DockerAway" || told[0].Message != "up green: out of order" {
			t.Errorf("told %+v, want the trouble once", told)
		}
		w.change(func() { w.disturb = nil })
		elapse(t, 2*lastPause)
		p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
	})
}

func TestRun_EventsDoNotKeepAFailingPassSpinning(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.disturb = func(_ int, name string) trouble { return map[string]trouble{"stacks.observe": failBefore}[name] }
		times := w.timesOf("stacks.observe")
		p := w.start()
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		p.run()
		elapse(t, time.Minute) // the pauses are long by now
		before := len(times())
		for range 1000 { // for ten seconds
			p.Wake()
			elapse(t, 10*time.Millisecond)
		}
		if n := len(times()) - before; n < 8 || n > 11 {
			t.Errorf("%d passes in ten seconds of events, want one a second", n)
		}
	})
}

func TestRun_DecisionEndsAPauseAtOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		decide func(*process)
	}{
		{"a newer commit", func(p *process) { p.Offer(p.push("c2", yamlOf("2", deploy.Green))) }},
		{"a retry", func(p *process) { p.Retry() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				w.disturb = func(_ int, name string) trouble { return map[string]trouble{"stacks.up": dockerAway}[name] }
				p := w.start()
				p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
				p.run()
				elapse(t, 10*time.Minute+time.Second)
				times := w.timesOf("stacks.up")
				c.decide(p)
				synctest.Wait()
				if n := len(times()); n != 1 {
					t.Errorf("tried %d times, want once and at once", n)
				}
			})
		})
	}
}

func TestRun_EventMakesItLookAtOnceWhereAllIsWell(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		p.run()
		elapse(t, time.Minute)
		before := len(w.calls)
		elapse(t, 12*time.Hour)
		if len(w.calls) != before {
			t.Errorf("%d calls, though nothing happened", len(w.calls)-before)
		}
		w.change(func() { w.lie(deploy.Green, "exited") })
		p.Wake()
		elapse(t, 5*time.Second)
		p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
		if w.stackOf(deploy.Green).Condition != deploy.Running {
			t.Error("not mended")
		}
	})
}

func TestRun_StandbyIsDrainedAndRetiredWhenItsTimeIsOver(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.run()
		p.Offer(p.push("c1", yamlOf("1", deploy.Green, "standby: {for: 1h}")))
		elapse(t, time.Minute)
		p.Offer(p.push("c2", yamlOf("2", deploy.Blue, "standby: {for: 1h}")))
		elapse(t, time.Minute)
		w.change(func() { w.conns[deploy.Green] = 1 })
		times := w.timesOf("stacks.stop")
		over := w.saved.Live.Since.Add(time.Hour)
		time.AfterFunc(time.Until(over)+time.Second, func() { w.change(func() { w.conns[deploy.Green] = 0 }) })
		elapse(t, 2*time.Hour)
		if n := times(); len(n) != 1 || n[0].Before(over.Add(time.Second)) || n[0].After(over.Add(2*time.Second)) {
			t.Errorf("stopped at %v, want a second after %s, when the last connection ended", n, over)
		}
		p.is(t, p.Status(), "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
	})
}

func TestRun_ConnectionThatNeverEndsIsWaitedForAsLongAsThePolicySays(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.conns[deploy.Blue], w.conns[deploy.Green] = 1, 1 })
		for n := 2; n < 6; n++ { // each color is left more than once
			began := time.Now()
			p.deploy("c"+strconv.Itoa(n), yamlOf(strconv.Itoa(n), deploy.Auto, "standby: {keep: stopped}"))
			if took := time.Since(began); took < 5*time.Second || took > 7*time.Second {
				t.Errorf("deploy %d took %s, want the watch and a drain of 2s", n, took)
			}
		}
		p.is(t, p.Status(), "Live/UpToDate, live 5 in green, standby 4 stopped; history 5:Promoted 4:Promoted 3:Promoted 2:Promoted 1:Promoted")
	})
}

func TestRun_EndsWithItsContextInTheMiddleOfAnything(t *testing.T) {
	for _, after := range []time.Duration{time.Millisecond, 30 * time.Millisecond, time.Second, time.Hour} {
		bubble(t, func(t *testing.T, w *stage) {
			w.disturb = func(_ int, name string) trouble { return map[string]trouble{"stacks.stop": hangs}[name] }
			p := w.start()
			p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
			time.AfterFunc(after, p.kill)
			p.Run(p.ctx)
			synctest.Wait()
			calls := len(w.calls)
			elapse(t, time.Hour)
			if len(w.calls) != calls {
				t.Error("something was done after the end")
			}
		})
	}
}

func TestRun_HangingDockerIsToldAndAnythingNewIsStillHeard(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.disturb = func(_ int, name string) trouble { return map[string]trouble{"stacks.observe": hangs}[name] }
		p := w.start()
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		p.run()
		elapse(t, time.Minute)
		if s := p.Status(); s == nil || s.Reason != deploy.DockerAway || !strings.Contains(s.Message, "look at the containers: ") {
			t.Errorf("status %s", summary(s))
		}
		w.change(func() { w.disturb = nil })
		elapse(t, 2*time.Minute)
		p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
	})
}

// Whoever hears of an event may ask the runner; it holds no lock meanwhile.
func TestRunner_MayBeAskedFromWithinAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		o := p.options
		var r *Runner
		seen := 0
		o.Emit = func(e deploy.Event) {
			if s := r.Status(); e.Kind == deploy.StatusChanged && s == e.Status {
				seen++
			}
			r.Roots()
			r.Wake()
		}
		r = NewRunner(o)
		r.Offer(w.push("c1", yamlOf("1", deploy.Green)))
		r.Once(t.Context())
		if seen != 2 {
			t.Errorf("%d times the status was the one of the event, want 2", seen)
		}
	})
}

func TestRunner_MayBeAskedFromAnywhereWhileItWorks(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.run()
		var wg sync.WaitGroup
		for _, f := range []func(int){
			func(int) { _ = summary(p.Status()) },
			func(int) { p.Roots() },
			func(int) { p.Wake() },
			func(n int) { p.Offer(p.push("c"+strconv.Itoa(n), yamlOf(strconv.Itoa(n/20), deploy.Auto))) },
			func(n int) {
				if n%10 == 0 {
					p.Pause()
					p.Resume()
				}
			},
		} {
			wg.Go(func() {
				for n := range 100 {
					f(n)
					wait(t.Context(), 100*time.Millisecond)
				}
			})
		}
		wg.Wait()
		elapse(t, time.Minute)
		p.honest()
		if s := p.Status(); s.Phase != deploy.PhaseLive || s.Live.Tag != "4" {
			t.Errorf("status %s, want the last commit live", summary(s))
		}
	})
}
