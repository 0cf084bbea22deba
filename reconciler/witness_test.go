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

// witnessed lets a witness visit an app for a time.
func witnessed(t *testing.T, a *answering, d time.Duration, routes ...string) *witness {
	t.Helper()
	w := newWitness(a, time.Now)
	app := gatedApp(routes...)
	w.ask(app, app.Routes, d)
	ctx, cancel := context.WithCancel(t.Context())
	go w.run(ctx)
	elapse(t, d-visitEvery/2)
	cancel()
	synctest.Wait()
	return w
}

func goodAnswer() deploy.Probe { return deploy.Probe{Status: 200, Took: probeTime} }

func TestWitness_VisitsEachRouteInTurnTenTimesASecondInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{answer: func(context.Context, int) deploy.Probe { return goodAnswer() }}
		w := witnessed(t, a, 10*time.Second, "api", "web", "hooks")
		if got := w.take(); got != (tally{visits: 100, gap: visitEvery}) {
			t.Errorf("got %+v, want 100 good visits, each a tenth of a second after the other", got)
		}
		if got := strings.Join(a.asked[:6], " "); got != "api web hooks api web hooks" {
			t.Errorf("asked %s", got)
		}
		if got := w.take(); got != (tally{}) {
			t.Errorf("taken twice: %+v", got)
		}
	})
}

func TestWitness_CountsWhatFailedAndTheLongestGapBetweenGoodAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer deploy.Probe
		failed int
		gap    time.Duration
	}{
		{"server errors", deploy.Probe{Status: 502, Took: probeTime}, 5, 600 * time.Millisecond},
		{"an answer that is not healthy", deploy.Probe{Status: 404, Took: probeTime}, 5, 600 * time.Millisecond},
		{"no answer", deploy.Probe{Err: errors.New("connection refused")}, 5, 600 * time.Millisecond},
		{"a slow answer", deploy.Probe{Status: 200, Took: time.Hour}, 0, visitEvery},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answering{answer: func(_ context.Context, n int) deploy.Probe {
					if n >= 20 && n < 25 {
						return c.answer
					}
					return goodAnswer()
				}}
				w := witnessed(t, a, 5*time.Second, "api")
				if got := w.take(); got != (tally{50, c.failed, c.gap}) {
					t.Errorf("got %+v, want 50 visits, %d failed, a gap of %s", got, c.failed, c.gap)
				}
			})
		})
	}
}

// An app that answers no more must not look as if there was no gap.
func TestWitness_GapThatIsStillOpenCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{answer: func(_ context.Context, n int) deploy.Probe {
			if n >= 20 {
				return deploy.Probe{Status: 502}
			}
			return goodAnswer()
		}}
		if got := witnessed(t, a, 5*time.Second, "api").take(); got != (tally{50, 30, 3 * time.Second}) {
			t.Errorf("got %+v, want 30 of 50 failed and a gap of 3s", got)
		}
	})
}

func TestWitness_SumsUpATime(t *testing.T) {
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
		w := witnessed(t, a, 10*time.Second, "api")
		v, answered := w.between(began.Add(2*time.Second), began.Add(6*time.Second-time.Millisecond))
		if want := (deploy.Visits{Count: 40, Failed: 2, P95: 59 * time.Millisecond}); v != want || answered != 39 {
			t.Errorf("got %+v, %d answered; want %+v, 39", v, answered, want)
		}
		if v, answered := w.between(began.Add(time.Hour), began.Add(2*time.Hour)); v != (deploy.Visits{}) || answered != 0 {
			t.Errorf("an empty time: %+v, %d", v, answered)
		}
	})
}

func TestWitness_VisitThatIsCutShortByTheEndIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answering{answer: func(ctx context.Context, n int) deploy.Probe {
			if n < 3 {
				return goodAnswer()
			}
			<-ctx.Done()
			return deploy.Probe{Err: ctx.Err()}
		}}
		if got := witnessed(t, a, time.Second, "api").take(); got.visits != 3 || got.failed != 0 {
			t.Errorf("got %+v, want three good visits", got)
		}
	})
}

func TestWitness_KeepsABoundedNumberOfVisits(t *testing.T) {
	w := newWitness(nil, time.Now)
	for range 3 * visitsKept {
		w.see(goodAnswer(), deploy.Health{StatusMin: 200, StatusMax: 299})
	}
	if len(w.visits) > visitsKept || len(w.visits) < visitsKept/2 {
		t.Errorf("%d kept, want at most %d", len(w.visits), visitsKept)
	}
	if got := w.take(); got.visits != 3*visitsKept {
		t.Errorf("counted %d, want all %d", got.visits, 3*visitsKept)
	}
}

// What a release answers when it is asked often says nothing about how it answers people:
// an app may limit how often one address asks.
func TestWitness_VisitsOnceASecondWhenTrafficHasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limited atomic.Bool
		a := &answering{answer: func(context.Context, int) deploy.Probe {
			if limited.Load() {
				return deploy.Probe{Status: 429}
			}
			return goodAnswer()
		}}
		w := newWitness(a, time.Now)
		app := gatedApp("api")
		w.ask(app, app.Routes, briskTime)
		go w.run(t.Context())
		elapse(t, briskTime+10*time.Second+visitEvery/2)
		if got, most := w.take().visits, int(briskTime/visitEvery)+10+1; got > most || got < most-2 {
			t.Errorf("%d visits in %s, want about %d", got, briskTime+10*time.Second, most)
		}
		elapse(t, 10*time.Second)
		if got := w.take(); got.visits != 10 || got.gap > visitEvery {
			t.Errorf("got %+v, want 10 visits in 10s, and no gap: nobody asked in between", got)
		}
		limited.Store(true)
		elapse(t, 10*time.Second)
		if got := w.take(); got.visits != 10 || got.failed != 10 || got.gap < 9*time.Second {
			t.Errorf("got %+v, want 10 visits that failed, which is a gap", got)
		}
	})
}

// visitsTo are the routes and colors that were visited, each once, in the order of
// their first visit.
func (w *stage) visitsTo() (seen []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.ledger.visits {
		if word := string(v.color) + "/" + v.route; !slices.Contains(seen, word) {
			seen = append(seen, word)
		}
	}
	return seen
}

func TestRunner_FirstDeployIsWitnessedFromItsConfirmationOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		s := p.deploy("c1", yamlOf("1", deploy.Green))
		if r := s.Receipt; r.Probes < 20 || r.Failed != 0 || r.LongestGap <= 0 || time.Duration(r.LongestGap) > 2*visitEvery {
			t.Errorf("receipt %+v, want twenty visits and more, all good", *r)
		}
		if w.ledger.visits[0].at.Before(w.saved.Live.Since) {
			t.Error("visited before anything was live")
		}
	})
}

func TestRunner_WitnessVisitsBothStacksAndNoneMissesWhatTheOtherLacks(t *testing.T) {
	const more = "routes:\n  api: {ports: {blue: 3001, green: 3002}, health: /health}\n  web: {ports: {blue: 3003, green: 3004}, health: /}"
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.ledger.visits = nil
		w.slowFlip()
		s := p.deploy("c2", yamlOf("2", deploy.Blue, more))
		if got := strings.Join(w.visitsTo(), " "); got != "green/api blue/api blue/web" {
			t.Errorf("visited %s; want what both have, and the new route once it is confirmed", got)
		}
		if r := s.Receipt; r.Failed != 0 || time.Duration(r.LongestGap) > 2*visitEvery {
			t.Errorf("receipt %+v, want no failure", *r)
		}
		w.ledger.visits = nil
		s = p.deploy("c3", yamlOf("3", deploy.Green))
		if got := strings.Join(w.visitsTo(), " "); got != "blue/api green/api" {
			t.Errorf("visited %s; want not the route that the new release lacks", got)
		}
		if s.Receipt.Failed != 0 {
			t.Errorf("receipt %+v, want no failure", *s.Receipt)
		}
	})
}

// slowFlip makes a flip take its time, so that visits are made before and after it.
func (w *stage) slowFlip() {
	w.onCall = func(name string) {
		if name == "router.flip" || name == "router.confirm" {
			wait(w.t.Context(), time.Second)
		}
	}
}

// Nobody can have been answered before, so that is nothing the deploy did.
func TestRunner_DeadStackIsNotVisitedBeforeTheFlip(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.lie(deploy.Green, "exited") })
		w.slowFlip()
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
		if r := *s.Receipt; r.Failed != 0 || r.Probes < 20 {
			t.Errorf("receipt %+v, want good visits only", r)
		}
	})
}

func TestRunner_WitnessEndsWithTheDeploy(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.run()
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		elapse(t, time.Minute)
		visits := len(w.ledger.visits)
		elapse(t, time.Hour)
		if n := len(w.ledger.visits); n != visits || n == 0 {
			t.Errorf("%d visits in the deploy, %d an hour later", visits, n)
		}
	})
}

// The watch, the drain and what comes between them are seen by one witness.
func TestRunner_WitnessGoesOnUntilTheDrainIsOver(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.conns[deploy.Green] = 1; w.ledger.visits = nil })
		s := p.deploy("c2", yamlOf("2", deploy.Blue, "standby: {keep: stopped}"))
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
		seen := len(w.ledger.visits)
		if s.Receipt.Probes < seen-2 || s.Receipt.Probes < 24 {
			t.Errorf("receipt has %d of %d visits, want those of the watch (4s) and of the drain (2s)", s.Receipt.Probes, seen)
		}
	})
}
