package reconciler

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem/reconciler/deploy"
)

// answering is a Visitor whose n-th answer, from 0, is as a test says.
type answering struct {
	mu     sync.Mutex
	asked  []string
	answer func(ctx context.Context, n int) deploy.Probe
}

func (a *answering) ProbeLive(ctx context.Context, _ deploy.App, r deploy.Route) deploy.Probe {
	a.mu.Lock()
	n := len(a.asked)
	a.asked = append(a.asked, r.Name)
	a.mu.Unlock()
	return a.answer(ctx, n)
}

// probed lets a prober probe an app for a time.
func probed(t *testing.T, a *answering, d time.Duration, routes ...string) *proxyProber {
	t.Helper()
	w := newProxyProber(a, time.Now)
	app := gatedApp(routes...)
	w.askFor(app, app.Routes, d)
	ctx, cancel := context.WithCancel(t.Context())
	go w.run(ctx)
	elapse(t, d-probeEvery/2)
	cancel()
	synctest.Wait()
	return w
}

func goodAnswer() deploy.Probe { return deploy.Probe{Status: 200, Took: probeTime} }

func TestProber_ProbesEachRouteInTurnTenTimesASecondInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{answer: func(context.Context, int) deploy.Probe { return goodAnswer() }}
		w := probed(t, a, 10*time.Second, "api", "web", "hooks")
		if got := w.drainCounts(); got != (counts{probes: 100, gap: probeEvery}) {
			t.Errorf("got %+v, want 100 good probes, each a tenth of a second after the other", got)
		}
		if got := strings.Join(a.asked[:6], " "); got != "api web hooks api web hooks" {
			t.Errorf("asked %s", got)
		}
		if got := w.drainCounts(); got != (counts{}) {
			t.Errorf("taken twice: %+v", got)
		}
	})
}

func TestProber_CountsWhatFailedAndTheLongestGapBetweenGoodAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer deploy.Probe
		failed int
		gap    time.Duration
	}{
		{"server errors", deploy.Probe{Status: 502, Took: probeTime}, 5, 600 * time.Millisecond},
		{"an answer that is not healthy", deploy.Probe{Status: 404, Took: probeTime}, 5, 600 * time.Millisecond},
		{"no answer", deploy.Probe{Err: errors.New("connection refused")}, 5, 600 * time.Millisecond},
		{"a slow answer", deploy.Probe{Status: 200, Took: time.Hour}, 0, probeEvery},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answering{answer: func(_ context.Context, n int) deploy.Probe {
					if n >= 20 && n < 25 {
						return c.answer
					}
					return goodAnswer()
				}}
				w := probed(t, a, 5*time.Second, "api")
				if got := w.drainCounts(); got != (counts{50, c.failed, c.gap}) {
					t.Errorf("got %+v, want 50 probes, %d failed, a gap of %s", got, c.failed, c.gap)
				}
			})
		})
	}
}

// An app that answers no more must not look as if there was no gap.
func TestProber_GapThatIsStillOpenCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{answer: func(_ context.Context, n int) deploy.Probe {
			if n >= 20 {
				return deploy.Probe{Status: 502}
			}
			return goodAnswer()
		}}
		if got := probed(t, a, 5*time.Second, "api").drainCounts(); got != (counts{50, 30, 3 * time.Second}) {
			t.Errorf("got %+v, want 30 of 50 failed and a gap of 3s", got)
		}
	})
}

func TestProber_SumsUpATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		a := &answering{answer: func(_ context.Context, n int) deploy.Probe {
			switch {
			case n == 50:
				return deploy.Probe{Status: 500, Took: time.Second}
			case n == 51:
				return deploy.Probe{Err: errors.New("reset")}
			default:
				return deploy.Probe{Status: 200, Took: time.Duration(n) * time.Millisecond}
			}
		}}
		w := probed(t, a, 10*time.Second, "api")
		v, answered := w.between(began.Add(2*time.Second), began.Add(6*time.Second-time.Millisecond))
		if want := (deploy.Probes{Count: 40, Failed: 2, P95: 59 * time.Millisecond}); v != want || answered != 39 {
			t.Errorf("got %+v, %d answered; want %+v, 39", v, answered, want)
		}
		if v, answered := w.between(began.Add(time.Hour), began.Add(2*time.Hour)); v != (deploy.Probes{}) || answered != 0 {
			t.Errorf("an empty time: %+v, %d", v, answered)
		}
	})
}

func TestProber_ProbeThatIsCutShortByTheEndIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{answer: func(ctx context.Context, n int) deploy.Probe {
			if n < 3 {
				return goodAnswer()
			}
			<-ctx.Done()
			return deploy.Probe{Err: ctx.Err()}
		}}
		if got := probed(t, a, time.Second, "api").drainCounts(); got.probes != 3 || got.failed != 0 {
			t.Errorf("got %+v, want three good probes", got)
		}
	})
}

func TestProber_KeepsABoundedNumberOfProbes(t *testing.T) {
	w := newProxyProber(nil, time.Now)
	for range 3 * probesKept {
		w.record(goodAnswer(), deploy.Health{StatusMin: 200, StatusMax: 299})
	}
	if len(w.results) > probesKept || len(w.results) < probesKept/2 {
		t.Errorf("%d kept, want at most %d", len(w.results), probesKept)
	}
	if got := w.drainCounts(); got.probes != 3*probesKept {
		t.Errorf("counted %d, want all %d", got.probes, 3*probesKept)
	}
}

// What a release answers when it is asked often says nothing about how it answers people:
// an app may limit how often one address asks.
func TestProber_ProbesOnceASecondWhenTrafficHasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limited atomic.Bool
		a := &answering{answer: func(context.Context, int) deploy.Probe {
			if limited.Load() {
				return deploy.Probe{Status: 429}
			}
			return goodAnswer()
		}}
		w := newProxyProber(a, time.Now)
		app := gatedApp("api")
		w.askFor(app, app.Routes, briskTime)
		go w.run(t.Context())
		elapse(t, briskTime+10*time.Second+probeEvery/2)
		if got, most := w.drainCounts().probes, int(briskTime/probeEvery)+10+1; got > most || got < most-2 {
			t.Errorf("%d probes in %s, want about %d", got, briskTime+10*time.Second, most)
		}
		elapse(t, 10*time.Second)
		if got := w.drainCounts(); got.probes != 10 || got.gap > probeEvery {
			t.Errorf("got %+v, want 10 probes in 10s, and no gap: nobody asked in between", got)
		}
		limited.Store(true)
		elapse(t, 10*time.Second)
		if got := w.drainCounts(); got.probes != 10 || got.failed != 10 || got.gap < 9*time.Second {
			t.Errorf("got %+v, want 10 probes that failed, which is a gap", got)
		}
	})
}

// probesTo are the routes and colors that were probed, each once, in the order of
// their first probe.
func (w *stage) probesTo() (seen []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.ledger.probes {
		if word := string(v.color) + "/" + v.route; !slices.Contains(seen, word) {
			seen = append(seen, word)
		}
	}
	return seen
}

func TestRunner_FirstDeployIsProbedFromItsConfirmationOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		s := p.deploy("c1", yamlOf("1", deploy.Green))
		if r := s.Receipt; r.Probes < 20 || r.Failed != 0 || r.LongestGap <= 0 || time.Duration(r.LongestGap) > 2*probeEvery {
			t.Errorf("receipt %+v, want twenty probes and more, all good", *r)
		}
		if w.ledger.probes[0].at.Before(w.saved.Live.Since) {
			t.Error("probed before anything was live")
		}
	})
}

func TestRunner_ProberProbesBothStacksAndNoneMissesWhatTheOtherLacks(t *testing.T) {
	const more = "routes:\n  api: {ports: {blue: 3001, green: 3002}, health: /health}\n  web: {ports: {blue: 3003, green: 3004}, health: /}"
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.ledger.probes = nil
		w.slowFlip()
		s := p.deploy("c2", yamlOf("2", deploy.Blue, more))
		if got := strings.Join(w.probesTo(), " "); got != "green/api blue/api blue/web" {
			t.Errorf("probed %s; want what both have, and the new route once it is confirmed", got)
		}
		if r := s.Receipt; r.Failed != 0 || time.Duration(r.LongestGap) > 2*probeEvery {
			t.Errorf("receipt %+v, want no failure", *r)
		}
		w.ledger.probes = nil
		s = p.deploy("c3", yamlOf("3", deploy.Green))
		if got := strings.Join(w.probesTo(), " "); got != "blue/api green/api" {
			t.Errorf("probed %s; want not the route that the new release lacks", got)
		}
		if s.Receipt.Failed != 0 {
			t.Errorf("receipt %+v, want no failure", *s.Receipt)
		}
	})
}

// slowFlip makes a flip take its time, so that probes are made before and after it.
func (w *stage) slowFlip() {
	w.onCall = func(name string) {
		if name == "router.flip" || name == "router.confirm" {
			wait(w.t.Context(), time.Second)
		}
	}
}

// Nobody can have been answered before, so that is nothing the deploy did.
func TestRunner_DeadStackIsNotProbedBeforeTheFlip(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.lie(deploy.Green, "exited") })
		w.slowFlip()
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
		if r := *s.Receipt; r.Failed != 0 || r.Probes < 20 {
			t.Errorf("receipt %+v, want good probes only", r)
		}
	})
}

func TestRunner_ProberEndsWithTheDeploy(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.run()
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		elapse(t, time.Minute)
		probes := len(w.ledger.probes)
		elapse(t, time.Hour)
		if n := len(w.ledger.probes); n != probes || n == 0 {
			t.Errorf("%d probes in the deploy, %d an hour later", probes, n)
		}
	})
}

// The watch, the drain and what comes between them are seen by one prober.
func TestRunner_ProberGoesOnUntilTheDrainIsOver(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.conns[deploy.Green] = 1; w.ledger.probes = nil })
		s := p.deploy("c2", yamlOf("2", deploy.Blue, "standby: {keep: stopped}"))
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
		seen := len(w.ledger.probes)
		if s.Receipt.Probes < seen-2 || s.Receipt.Probes < 24 {
			t.Errorf("receipt has %d of %d probes, want those of the watch (4s) and of the drain (2s)", s.Receipt.Probes, seen)
		}
	})
}

func TestProber_AsksBothStacksOnlyWhatBothUnderstand(t *testing.T) {
	old := deploy.Route{Name: "api", Health: deploy.Health{Path: "/health"}}
	renamed := old
	renamed.Health.Host = "shop.example.com"
	if got := common([]deploy.Route{old}, []deploy.Route{renamed}); len(got) != 0 {
		t.Errorf("asks %+v, a name that the old stack may not know", got)
	}
	if got := common([]deploy.Route{renamed}, []deploy.Route{renamed}); len(got) != 1 {
		t.Errorf("asks %+v of two that are alike", got)
	}
}
