package reconciler

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/reconciler/deploy"
)

// slowing makes the log say that people wait for so long, and those who asked before the
// flip waited 66ms.
func slowing(f *figures, wait func(after time.Duration) time.Duration) func(*watch) {
	began := time.Now()
	f.traffic = func(since time.Time) (deploy.Traffic, error) {
		return deploy.Traffic{Requests: int(time.Since(since).Seconds() * 10), P95: wait(time.Since(began)), Probes: 1}, nil
	}
	return func(w *watch) {
		f.tell(w)
		w.app.Watch.Max = 2 * w.app.Watch.For
		w.app.Watch.MaxP95, w.app.Watch.OwnP95 = 500*time.Millisecond, false
		w.old = deploy.Baseline{Traffic: deploy.Traffic{Requests: 3000, P95: 66 * time.Millisecond}, CPU: 0.2}
	}
}

func TestWatch_ASlowStartIsNotHeldAgainstARelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b, began := &figures{}, newBench(container("api")), time.Now()
		cold := func() bool { return time.Since(began) < 20*time.Second }
		b.probe = func(int, deploy.Route) deploy.Probe {
			if cold() {
				return deploy.Probe{Status: 200, Took: 1100 * time.Millisecond} // the limit is a second
			}
			return deploy.Probe{Status: 200, Took: probeTime}
		}
		f.usage = func() (deploy.Usage, error) {
			return deploy.Usage{Started: longAgo, CPU: 2 * min(time.Since(began), 18*time.Second)}, nil
		}
		change := slowing(f, func(time.Duration) time.Duration {
			if cold() {
				return 330 * time.Millisecond
			}
			return 66 * time.Millisecond
		})
		if err := b.watch(t.Context(), gatedApp("api"), began, change); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Minute+deploy.LookEvery {
			t.Errorf("took %s, want no longer than ever", took)
		}
		want := []string{"it warms up: latency and CPU are not judged until 00:00:20Z", ""}
		if !slices.Equal(f.said, want) {
			t.Errorf("said %q, want %q", f.said, want)
		}
	})
}

// A release that is three times as slow for good is taken back once that has lasted, and
// the watch goes on until it is known.
func TestWatch_WhatStaysSlowIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &figures{}, time.Now()
		change := slowing(f, func(after time.Duration) time.Duration {
			if after >= 40*time.Second {
				return 198 * time.Millisecond
			}
			return 66 * time.Millisecond
		})
		rejectedFor(t, newBench(container("api")).watch(t.Context(), gatedApp("api"), began, change), deploy.WatchFailed,
			"p95 198ms (of 150 requests in the last 15s) is over twice the old stack's 66ms, and has been for 50", "last words of api-1")
		if took := time.Since(began); took < 90*time.Second || took > 95*time.Second {
			t.Errorf("took %s, want 50s from when it became slow", took)
		}
		if len(f.said) != 3 || !strings.HasPrefix(f.said[2], "slow since 00:00:40Z: p95 198ms ") || !strings.HasSuffix(f.said[2], "; taken back at 00:01:30Z unless that ends") {
			t.Errorf("said %q", f.said)
		}
	})
}

func TestWatch_WhatSpinsForLongIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &figures{}, time.Now()
		change := slowing(f, func(time.Duration) time.Duration { return 66 * time.Millisecond })
		f.usage = func() (deploy.Usage, error) {
			return deploy.Usage{CPU: time.Since(began)/10 + 2*max(0, time.Since(began)-40*time.Second), Started: longAgo}, nil
		}
		rejectedFor(t, newBench(container("api")).watch(t.Context(), gatedApp("api"), began, change), deploy.WatchFailed,
			"CPU 2.1 cores is over the old stack's 0.2 cores and 0.5 cores more, and has been for 50")
	})
}

func TestWatch_SlownessThatEndsIsNoReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &figures{}, time.Now()
		change := slowing(f, func(after time.Duration) time.Duration {
			if after >= 40*time.Second && after < 84*time.Second {
				return 10 * time.Second
			}
			return 66 * time.Millisecond
		})
		if err := newBench(container("api")).watch(t.Context(), gatedApp("api"), began, change); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 84*time.Second || took > 87*time.Second {
			t.Errorf("took %s, want until it is not slow any more", took)
		}
	})
}

// Where nothing else could be live, being slow is better than being away.
func TestWatch_WithNothingToGoBackToLatencyIsAWarning(t *testing.T) {
	for name, alone := range map[string]func(*bench, *watch){
		"the other stack is gone":           func(b *bench, _ *watch) { b.beside = deploy.Stack{} },
		"the other release was turned down": func(_ *bench, w *watch) { w.noAlternative = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, b, began := &figures{}, newBench(container("api")), time.Now()
				b.probe = func(int, deploy.Route) deploy.Probe { return deploy.Probe{Status: 200, Took: 1100 * time.Millisecond} }
				var watched *watch
				change := slowing(f, func(time.Duration) time.Duration { return 900 * time.Millisecond })
				if err := b.watch(t.Context(), gatedApp("api"), began, change, func(w *watch) { alone(b, w); watched = w }); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > time.Minute+2*deploy.LookEvery {
					t.Errorf("took %s", took)
				}
				const words = "p95 900ms (of 150 requests in the last 15s) is over twice the old stack's 66ms; there is nothing to go back to, so it stays"
				if !strings.HasSuffix(watched.warning, words) || !strings.HasSuffix(f.verdict, "; warning: "+watched.warning) || !strings.Contains(f.said[len(f.said)-1], "there is nothing to go back to") {
					t.Errorf("warning %q\nverdict %q\nsaid %q", watched.warning, f.verdict, f.said)
				}
				b = newBench(container("api"))
				b.probe = func(int, deploy.Route) deploy.Probe { return deploy.Probe{Status: 500, Took: probeTime} }
				rejectedFor(t, b.watch(t.Context(), gatedApp("api"), time.Now(), change, func(w *watch) { alone(b, w) }), deploy.WatchFailed, "unhealthy 2 times in a row")
			})
		})
	}
}

// An answer that is late is not the same as none.
func TestWatch_NoAnswerIsSeenAtOnceAndALateOneIsNotHeldAgainstIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBench(container("api")), time.Now()
		b.probe = func(int, deploy.Route) deploy.Probe {
			if after := time.Since(began); after > 30*time.Second && after < 60*time.Second {
				return deploy.Probe{Status: 200, Took: 1900 * time.Millisecond}
			}
			return deploy.Probe{Status: 200, Took: probeTime}
		}
		if err := b.watch(t.Context(), gatedApp("api"), began); err != nil {
			t.Errorf("late for half a minute: %v", err)
		}
		b, began = newBench(container("api")), time.Now()
		b.probe = func(_ int, r deploy.Route) deploy.Probe {
			wait(t.Context(), r.Health.MaxLatency)
			return deploy.Probe{Err: errInjected, Took: r.Health.MaxLatency + probeTime}
		}
		var routes []string
		for i := range 20 {
			routes = append(routes, "r"+strconv.Itoa(i))
		}
		rejectedFor(t, b.watch(t.Context(), gatedApp(routes...), began), deploy.WatchFailed, "unhealthy 2 times in a row: r0: /health took longer than 2s")
		if took := time.Since(began); took > 7*time.Second {
			t.Errorf("took %s: twenty routes that hang are asked one after the other", took)
		}
	})
}

func TestGate_WithNothingToGoBackToALateAnswerIsAWarningOnceItHadTimeToWarmUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		alone bool
		probe deploy.Probe
		want  deploy.Reason // empty: it passes
	}{
		{"late, and alone", true, deploy.Probe{Status: 200, Took: 1500 * time.Millisecond}, ""},
		{"late, and another release could be live", false, deploy.Probe{Status: 200, Took: 1500 * time.Millisecond}, deploy.TooSlow},
		{"wrong, and alone", true, deploy.Probe{Status: 500, Took: 1500 * time.Millisecond}, deploy.Unhealthy},
		{"no answer, and alone", true, deploy.Probe{Err: errInjected, Took: 2100 * time.Millisecond}, deploy.Unhealthy},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, app, began := newBench(container("api")), gatedApp("api"), time.Now()
				b.probe = func(int, deploy.Route) deploy.Probe { return c.probe }
				g := &gate{stacks: b, examiner: b, prober: b, holders: b.holdersOf(app), app: app, color: deploy.Green, now: time.Now, noAlternative: c.alone}
				_, err := g.pass(t.Context())
				if c.want != "" {
					rejectedFor(t, err, c.want)
					return
				}
				const words = "health answer of api: /health took longer than 1s; there is nothing to go back to, so it passed its gate"
				if err != nil || g.warning() != words {
					t.Errorf("%v, warning %q", err, g.warning())
				}
				if took := time.Since(began); took < app.Gate.Timeout/2 || took > app.Gate.Timeout/2+time.Second {
					t.Errorf("took %s, want half of the gate's time", took)
				}
			})
		})
	}
}

func TestRunner_AFirstReleaseThatIsOnlySlowGoesLiveWithAWarning(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		w.fates["1"] = bearing{slow: true}
		s := p.deploy("c1", yamlOf("1", deploy.Green))
		p.is(t, s, "Live/UpToDate, live 1 in green; history 1:Promoted")
		says(t, s, "warning: health answer of api: /health took longer than 200ms; there is nothing to go back to, so it stays (2000-01-01 ")
		if e := w.told(deploy.Warned); len(e) != 2 || !strings.Contains(e[0].Message, "so it passed its gate") || !strings.Contains(s.Receipt.Verdict, "; warning: ") {
			t.Errorf("told %+v, receipt %+v", e, s.Receipt)
		}
		w.fates["2"] = bearing{slow: true}
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Held/Held, live 1 in green, standby 2 stopped; history 2:Rejected 1:Promoted")
	})
}

// What takes the machine's cores is the bad release, and the old one is slow because of it.
func TestRunner_AWayBackIsOpenAlsoToAReleaseThatIsSlowJustNow(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.fates["2"] = bearing{sickLive: true}
		w.onCall = func(name string) {
			if name == "router.flip" {
				w.change(func() { w.fates["1"] = bearing{slow: true} })
			}
		}
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		p.is(t, s, "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted")
	})
}

// Three and a half times as slow as the old one, for good.
func TestRunner_ALimitThatAPersonWroteCountsMoreThanTheOldStack(t *testing.T) {
	for policy, want := range map[string]string{
		"watch: {for: 3s}":                             "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted",
		"watch: {for: 3s, max_p95: 5s}":                "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted",
		"watch: {for: 3s, max_p95: 5s, compare: both}": "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted",
		"watch: {for: 3s, max_p95: 5s, compare: old}":  "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted",
		"watch: {for: 3s, max_p95: 200ms}":             "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted",
	} {
		t.Run(policy, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				w.ledger.traffic = func(a *actor, _ deploy.Color, _ time.Time) (deploy.Traffic, error) {
					if a != nil && a.release.Tag == "2" {
						return deploy.Traffic{Requests: 620, P95: 237 * time.Millisecond}, nil
					}
					return deploy.Traffic{Requests: 620, P95: 66 * time.Millisecond}, nil
				}
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				p.is(t, p.deploy("c2", strings.Replace(yamlOf("2", deploy.Blue), "watch: {for: 3s}", policy, 1)), want)
			})
		})
	}
}

// Probes of a stack that is only late have not failed: their time counts in the p95.
func TestProber_WaitsForALateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newProxyProber(latecomer{}, time.Now)
		app := gatedApp("api")
		w.askFor(app, app.Routes, briskTime)
		w.probe(t.Context(), 0)
		if v, _ := w.between(time.Now().Add(-time.Minute), time.Now()); v != (deploy.Probes{Count: 1, P95: 1500 * time.Millisecond}) {
			t.Errorf("got %+v, want one that was answered after 1.5s", v)
		}
	})
}

// latecomer answers after 1.5s, if it is waited for.
type latecomer struct{}

func (latecomer) ProbeLive(_ context.Context, _ deploy.App, r deploy.Route) deploy.Probe {
	const took = 1500 * time.Millisecond
	if r.Health.MaxLatency < took {
		return deploy.Probe{Err: errInjected, Took: r.Health.MaxLatency}
	}
	return deploy.Probe{Status: 200, Took: took}
}
