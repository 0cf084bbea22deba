package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/reconciler/deploy"
)

// figures is what the log, Docker and the prober say in one watch, and what was
// written down of it. Where a test says nothing there are plenty of good requests.
type figures struct {
	traffic func(since time.Time) (deploy.Traffic, error)
	usage   func() (deploy.Usage, error)
	probed  func(from, to time.Time) (deploy.Probes, int)
	asked   []time.Time // since when, each time
	looks   []deploy.Sample
	verdict string // the last
	said    []string
	full    error // what record answers
}

func (f *figures) Traffic(_ context.Context, _ deploy.App, c deploy.Color, since time.Time) (deploy.Traffic, error) {
	f.asked = append(f.asked, since)
	if c != deploy.Green {
		return deploy.Traffic{}, errors.New("asked about the wrong color")
	}
	if f.traffic == nil {
		return deploy.Traffic{Requests: 100, P95: probeTime, Probes: 10}, nil
	}
	return f.traffic(since)
}

func (f *figures) Usage(context.Context, deploy.Stack) (deploy.Usage, error) {
	if f.usage == nil {
		return deploy.Usage{}, nil
	}
	return f.usage()
}

func (f *figures) between(from, to time.Time) (deploy.Probes, int) {
	if f.probed == nil {
		return deploy.Probes{}, 0
	}
	return f.probed(from, to)
}

func (f *figures) record(s deploy.Sample, verdict string) error {
	f.looks, f.verdict = append(f.looks, s), verdict
	return f.full
}

// tell makes a watch believe the figures.
func (f *figures) tell(w *watch) {
	w.accessLog, w.stats, w.probes, w.record = f, f, f.between, f.record
	w.say = func(words string) { f.said = append(f.said, words) }
}

// watch watches the stack of the bench, live since the given time.
func (b *bench) watch(ctx context.Context, app deploy.App, since time.Time, change ...func(*watch)) error {
	app.Watch.MaxErrorRate, app.Watch.MaxP95, app.Watch.Max = 0.01, time.Second, 2*app.Watch.For
	if app.Watch.MinRequests == 0 {
		app.Watch.MinRequests = 20
	}
	w := &watch{stacks: b, examiner: b, prober: b, app: app, liveRelease: deploy.LiveRelease{Color: deploy.Green, Since: since}, now: time.Now}
	(&figures{}).tell(w)
	for _, f := range change {
		f(w)
	}
	return w.run(ctx)
}

func TestWatch_PassesWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBench(container("api")), time.Now()
		if err := b.watch(t.Context(), gatedApp("api"), began); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < time.Minute || took > time.Minute+deploy.LookEvery {
			t.Errorf("took %s, want a minute", took)
		}
		if b.looks < 28 {
			t.Errorf("looked %d times, want about one in two seconds", b.looks)
		}
	})
}

// The agent may have been started again in the meantime.
func TestWatch_TimeIsCountedFromTheConfirmation(t *testing.T) {
	for _, c := range []struct{ ago, left time.Duration }{
		{45 * time.Second, 15 * time.Second},
		{time.Hour, 0},
		{-3 * time.Hour, time.Minute}, // it was confirmed by a clock that was ahead
	} {
		t.Run(c.ago.String()+" ago", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, began := newBench(container("api")), time.Now()
				if err := b.watch(t.Context(), gatedApp("api"), began.Add(-c.ago)); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < c.left || took > c.left+2*deploy.LookEvery {
					t.Errorf("took %s, want %s", took, c.left)
				}
				if b.looks < deploy.BadLooks {
					t.Errorf("passed after %d looks, too few to fail", b.looks)
				}
			})
		})
	}
}

// TestWatch_FailsAtOnce has the trouble begin ten seconds after the flip.
func TestWatch_FailsAtOnce(t *testing.T) {
	stack := func(change ...func(*deploy.Container)) deploy.Stack {
		return deploy.Stack{Color: deploy.Green, Containers: []deploy.Container{container("api", change...), container("worker")}}
	}
	for _, c := range []struct {
		name string
		then func() deploy.Stack
		says []string
	}{
		{"a container exits", func() deploy.Stack { return stack(func(c *deploy.Container) { c.State, c.ExitCode = "exited", 9 }) },
			[]string{"api-1 is exited, exit code 9", "last words of api-1"}},
		{"a container restarts", func() deploy.Stack { return stack(func(c *deploy.Container) { c.Restarts = 1 }) },
			[]string{"1 restart of its containers; the limit is 0", "last words of api-1"}},
		{"a container is about to start again", func() deploy.Stack {
			return stack(func(c *deploy.Container) { c.State, c.ExitCode, c.Restarts = "restarting", 9, 1 })
		}, []string{"1 restart of its containers; the limit is 0", "last words of api-1"}},
		{"a container is removed", func() deploy.Stack {
			s := stack()
			s.Missing = []string{"web", "mail"}
			return s
		}, []string{"no container for web, mail"}},
		{"the whole stack is removed", func() deploy.Stack { return deploy.Stack{Color: deploy.Green} }, []string{"no containers"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, began := newBench(), time.Now()
				b.stack = func(int) (deploy.Stack, error) {
					if time.Since(began) >= 10*time.Second {
						return c.then(), nil
					}
					return stack(), nil
				}
				rejectedFor(t, b.watch(t.Context(), gatedApp(), began), deploy.WatchFailed, c.says...)
				if took := time.Since(began); took > 10*time.Second+deploy.LookEvery {
					t.Errorf("took %s, want at the next look", took)
				}
			})
		})
	}
}

func TestWatch_RestartsBeforeTheFlipAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api", func(c *deploy.Container) { c.Restarts = 3 }))
		before := func(w *watch) { w.liveRelease.Restarts = 3 }
		if err := b.watch(t.Context(), gatedApp("api"), time.Now(), before); err != nil {
			t.Error(err)
		}
		before = func(w *watch) { w.liveRelease.Restarts = 2 }
		rejectedFor(t, b.watch(t.Context(), gatedApp("api"), time.Now(), before), deploy.WatchFailed, "1 restart")
	})
}

// A release that may restart is not taken back because a look fell between two
// starts, and does not pass while it does not run.
func TestWatch_ARestartThatIsAllowedIsUnhealthyUntilItRuns(t *testing.T) {
	restarts := func(t *testing.T, from, to int) error {
		b, looks := newBench(), 0
		b.stack = func(int) (deploy.Stack, error) {
			looks++
			c := container("api", func(c *deploy.Container) {
				if looks >= from {
					c.Restarts = 1
				}
				if looks >= from && looks < to {
					c.State, c.ExitCode = "restarting", 9
				}
			})
			return deploy.Stack{Color: deploy.Green, Condition: deploy.Running, Containers: []deploy.Container{c}}, nil
		}
		app := gatedApp("api")
		app.Watch.MaxRestarts = 1
		return b.watch(t.Context(), app, time.Now())
	}
	synctest.Test(t, func(t *testing.T) {
		if err := restarts(t, 3, 4); err != nil {
			t.Errorf("it runs again at the next look: %v", err)
		}
		rejectedFor(t, restarts(t, 3, 9), deploy.WatchFailed, "unhealthy 2 times in a row: api-1 is restarting, exit code 9", "last words of api-1")
	})
}

func TestWatch_OneShotThatEndedWellIsNotDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"), container("migrate", func(c *deploy.Container) { c.MayEnd, c.State = true, "exited" }))
		if err := b.watch(t.Context(), gatedApp("api"), time.Now()); err != nil {
			t.Error(err)
		}
	})
}

func TestWatch_TwoUnhealthyLooksInARowFailItAndOneDoesNot(t *testing.T) {
	answers := func(sick ...int) func(int, deploy.Route) deploy.Probe {
		return func(n int, _ deploy.Route) deploy.Probe {
			for _, s := range sick {
				if n == s {
					return deploy.Probe{Status: 502, Took: probeTime}
				}
			}
			return deploy.Probe{Status: 200, Took: probeTime}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.probe = answers(5, 7, 9)
		if err := b.watch(t.Context(), gatedApp("api"), time.Now()); err != nil {
			t.Errorf("single unhealthy looks: %v", err)
		}
		b = newBench(container("api"))
		b.probe = answers(5, 6)
		rejectedFor(t, b.watch(t.Context(), gatedApp("api"), time.Now()), deploy.WatchFailed,
			"unhealthy 2 times in a row: api: /health answered 502", "last words of api-1")
		if b.looks != 6 {
			t.Errorf("looked %d times, want 6", b.looks)
		}
	})
}

// Whatever the policy says about too little data: this is data.
func TestWatch_BadLastLookIsDecidedByTheNext(t *testing.T) {
	open := func(policy deploy.Inconclusiveness, sick ...int) (*bench, deploy.App, time.Time) {
		b, app := newBench(container("api")), gatedApp("api")
		app.Watch.Inconclusive = policy
		b.probe = func(n int, _ deploy.Route) deploy.Probe {
			if slices.Contains(sick, n) {
				return deploy.Probe{Status: 500, Took: probeTime}
			}
			return deploy.Probe{Status: 200, Took: probeTime}
		}
		return b, app, time.Now().Add(-time.Hour)
	}
	for _, policy := range []deploy.Inconclusiveness{deploy.InconclusivePromote, deploy.InconclusiveRevert, deploy.InconclusiveHold} {
		synctest.Test(t, func(t *testing.T) {
			b, app, since := open(policy, 2)
			if err := b.watch(t.Context(), app, since); err != nil || b.looks != 3 {
				t.Errorf("%s: %v after %d looks, want a pass after the third, which is healthy", policy, err, b.looks)
			}
			b, app, since = open(policy, 2, 3)
			rejectedFor(t, b.watch(t.Context(), app, since), deploy.WatchFailed, "unhealthy 2 times in a row")
		})
	}
}

// An unhealthy look at the very end is no lack of data, which the policy is about.
func TestWatch_BadLookWhenTheLongestTimeIsOverIsDecidedByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBench(container("api")), time.Now()
		b.probe = func(int, deploy.Route) deploy.Probe {
			if after := time.Since(began); after > 2*time.Minute && after < 2*time.Minute+deploy.LookEvery {
				return deploy.Probe{Status: 500, Took: probeTime}
			}
			return deploy.Probe{Status: 200, Took: probeTime}
		}
		f := &figures{
			traffic: func(time.Time) (deploy.Traffic, error) { return deploy.Traffic{}, nil },
			probed:  func(from, to time.Time) (deploy.Probes, int) { return deploy.Probes{Count: 1000, P95: probeTime}, 0 },
		}
		app := gatedApp("api")
		app.Watch.Inconclusive = deploy.InconclusiveRevert
		if err := b.watch(t.Context(), app, began, f.tell); err != nil || time.Since(began) < 2*time.Minute+deploy.LookEvery {
			t.Errorf("%v after %s, want a pass one look later", err, time.Since(began))
		}
	})
}

// The agent was away until the time was over: one look, and that unhealthy, is
// neither a reason to take the release back nor to promote it.
func TestWatch_FirstLookAfterItsTimeIsNotTheLastIfItIsUnhealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.probe = func(int, deploy.Route) deploy.Probe { return deploy.Probe{Status: 500, Took: probeTime} }
		rejectedFor(t, b.watch(t.Context(), gatedApp("api"), time.Now().Add(-time.Hour)), deploy.WatchFailed, "unhealthy 2 times in a row")
	})
}

func TestWatch_DockerAwayIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		fine := b.stack
		b.stack = func(n int) (deploy.Stack, error) {
			if n == 4 {
				return deploy.Stack{}, errInjected
			}
			return fine(n)
		}
		var bad *deploy.RejectError
		if err := b.watch(t.Context(), gatedApp("api"), time.Now()); !errors.Is(err, errInjected) || errors.As(err, &bad) {
			t.Errorf("got %v, want %v and no verdict", err, errInjected)
		}
	})
}

func TestWatch_EndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.probe = func(int, deploy.Route) deploy.Probe { return deploy.Probe{Status: 500, Took: probeTime} }
		ctx, cancel := context.WithTimeout(t.Context(), probeTime/2) // in the middle of a question
		defer cancel()
		if err := b.watch(ctx, gatedApp("api"), time.Now()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

func TestWatch_TooFewRequestsExtendItAndThenTheAgentsProbesAreSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBench(container("api")), time.Now()
		f := &figures{
			traffic: func(time.Time) (deploy.Traffic, error) {
				return deploy.Traffic{Requests: 3, P95: probeTime, Probes: 30}, nil
			},
			probed: func(from, to time.Time) (deploy.Probes, int) {
				n := int(to.Sub(from) / probeEvery)
				return deploy.Probes{Count: n, P95: probeTime}, n
			},
		}
		if err := b.watch(t.Context(), gatedApp("api"), began, f.tell); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 2*time.Minute || took > 2*time.Minute+deploy.LookEvery {
			t.Errorf("took %s, want the longest time, 2m", took)
		}
		if want := "3 requests; judged by 1,200 probes of the agent: 0% failed (limit 1%), p95 1ms (limit 1s)"; f.verdict != want {
			t.Errorf("verdict\n got %s\nwant %s", f.verdict, want)
		}
	})
}

func TestWatch_ExtensionEndsWhenThereAreEnoughRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBench(container("api")), time.Now()
		f := &figures{traffic: func(time.Time) (deploy.Traffic, error) {
			return deploy.Traffic{Requests: int(time.Since(began) / (4 * time.Second)), P95: probeTime, Probes: 30}, nil // 20 after 80s
		}}
		if err := b.watch(t.Context(), gatedApp("api"), began, f.tell); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 80*time.Second || took > 80*time.Second+deploy.LookEvery {
			t.Errorf("took %s, want 80s", took)
		}
		if !strings.HasPrefix(f.verdict, "20 requests: 0% errors") {
			t.Errorf("verdict %q", f.verdict)
		}
	})
}

func TestWatch_WithoutAnyDataDoesWhatThePolicySaysAndSaysSo(t *testing.T) {
	never := func(time.Time) (deploy.Traffic, error) { return deploy.Traffic{}, nil }
	lack := "inconclusive: no requests; with 0 probes of the agent that is less than watch.min_requests, 20; "
	synctest.Test(t, func(t *testing.T) {
		app := gatedApp("api")
		app.Watch.Inconclusive = deploy.InconclusivePromote
		f := &figures{traffic: never}
		if err := newBench(container("api")).watch(t.Context(), app, time.Now(), f.tell); err != nil {
			t.Errorf("promote: %v", err)
		}
		if want := lack + "promoted, as watch.inconclusive says"; f.verdict != want {
			t.Errorf("promote: verdict\n got %s\nwant %s", f.verdict, want)
		}

		app.Watch.Inconclusive = deploy.InconclusiveRevert
		f = &figures{traffic: never}
		rejectedFor(t, newBench(container("api")).watch(t.Context(), app, time.Now(), f.tell), deploy.WatchFailed, lack+"taken back, as watch.inconclusive says")

		app.Watch.Inconclusive = deploy.InconclusiveHold
		began := time.Now()
		f = &figures{traffic: func(time.Time) (deploy.Traffic, error) {
			if time.Since(began) < time.Hour {
				return deploy.Traffic{}, nil
			}
			return deploy.Traffic{Requests: 20, P95: probeTime}, nil
		}}
		said := ""
		watching := func(w *watch) {
			w.record = func(s deploy.Sample, verdict string) error {
				if time.Since(began) < time.Hour {
					said = verdict
				}
				return f.record(s, verdict)
			}
		}
		if err := newBench(container("api")).watch(t.Context(), app, began, f.tell, watching); err != nil || time.Since(began) < time.Hour {
			t.Errorf("hold: %v after %s, want a pass when people came, after an hour", err, time.Since(began))
		}
		if want := lack + "watched on, as watch.inconclusive says"; said != want {
			t.Errorf("hold: while it waited\n got %s\nwant %s", said, want)
		}
		if !strings.HasPrefix(f.verdict, "20 requests") {
			t.Errorf("hold: verdict %q", f.verdict)
		}
	})
}

// An agent that comes back when the time is over has not probed yet.
func TestWatch_AgentThatWasAwayGivesItsProbesTimeToBecomeEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := &figures{
			traffic: func(time.Time) (deploy.Traffic, error) { return deploy.Traffic{}, nil },
			probed: func(_, to time.Time) (deploy.Probes, int) {
				return deploy.Probes{Count: int(to.Sub(began) / time.Second)}, 0
			},
		}
		app := gatedApp("api")
		app.Watch.Inconclusive = deploy.InconclusiveRevert
		if err := newBench(container("api")).watch(t.Context(), app, began.Add(-time.Hour), f.tell); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 20*time.Second || took > 22*time.Second {
			t.Errorf("took %s, want until there were 20 probes, one a second", took)
		}
	})
}

func TestWatch_LogThatCannotBeReadIsNoData(t *testing.T) {
	plenty := func(from, to time.Time) (deploy.Probes, int) {
		n := max(0, int(to.Sub(from)/probeEvery))
		return deploy.Probes{Count: n, P95: probeTime}, n
	}
	for _, c := range []struct {
		name    string
		traffic func(time.Time) (deploy.Traffic, error)
		says    string
	}{
		{"it is not there", func(time.Time) (deploy.Traffic, error) {
			return deploy.Traffic{}, errors.New("open access.log: no such file")
		},
			"the access log cannot be read: open access.log: no such file; judged by 1,200 probes of the agent"},
		{"it has none of the probes", func(time.Time) (deploy.Traffic, error) { return deploy.Traffic{}, nil },
			"the access log cannot be read: it has none of the agent's last 270 probes; judged by 1,200 probes of the agent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &figures{traffic: c.traffic, probed: plenty}
				if err := newBench(container("api")).watch(t.Context(), gatedApp("api"), time.Now(), f.tell); err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(f.verdict, c.says) {
					t.Errorf("verdict\n got %s\nwant %s", f.verdict, c.says)
				}
			})
		})
	}
}

func TestWatch_ProbesThatAreNotWrittenDownYetAreNoReasonForDisbelief(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := &figures{
			traffic: func(time.Time) (deploy.Traffic, error) {
				shown := deploy.Traffic{Requests: 100, P95: probeTime}
				if time.Since(began) > logDelay {
					shown.Probes = 1
				}
				return shown, nil
			},
			probed: func(from, to time.Time) (deploy.Probes, int) {
				return deploy.Probes{}, max(0, int(to.Sub(from)/probeEvery))
			},
		}
		if err := newBench(container("api")).watch(t.Context(), gatedApp("api"), began, f.tell); err != nil {
			t.Fatal(err)
		}
		for _, s := range f.looks {
			if s.TrafficErr != "" {
				t.Errorf("%s after the flip: %s", s.After, s.TrafficErr)
			}
		}
	})
}

func TestWatch_FigureThatDoesNotComeIsNoDataAndTheLooksGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBench(container("api")), time.Now()
		fine := b.stack
		b.stack = func(n int) (deploy.Stack, error) {
			if time.Since(began) > 30*time.Second {
				return deploy.Stack{Color: deploy.Green}, nil
			}
			return fine(n)
		}
		hang := func(w *watch) { w.accessLog, w.stats = hanging{}, hanging{} }
		f := &figures{}
		rejectedFor(t, b.watch(t.Context(), gatedApp("api"), began, f.tell, hang), deploy.WatchFailed, "no containers")
		if s := f.looks[0]; s.TrafficErr != "no answer within 2s" || s.UsageErr != "no answer within 2s" {
			t.Errorf("log %q, usage %q", s.TrafficErr, s.UsageErr)
		}
		if took := time.Since(began); took > 40*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// hanging is a figure that never comes.
type hanging struct{}

func (hanging) Traffic(ctx context.Context, _ deploy.App, _ deploy.Color, _ time.Time) (deploy.Traffic, error) {
	<-ctx.Done()
	return deploy.Traffic{}, fmt.Errorf("read the access log: %w", ctx.Err())
}

func (hanging) Usage(ctx context.Context, _ deploy.Stack) (deploy.Usage, error) {
	<-ctx.Done()
	return deploy.Usage{}, ctx.Err()
}

// TestWatch_TroubleThatBeginsLateIsSeenInSeconds has a release go bad after 40
// good seconds with ten requests a second.
func TestWatch_TroubleThatBeginsLateIsSeenInSeconds(t *testing.T) {
	const begins = 40 * time.Second
	for _, c := range []struct {
		name string
		make func(f *figures, began time.Time)
		says []string
	}{
		{"5% of the requests fail", func(f *figures, began time.Time) {
			f.traffic = func(since time.Time) (deploy.Traffic, error) {
				bad := max(0, time.Since(began)-begins)
				return deploy.Traffic{Requests: int(time.Since(since).Seconds() * 10), Errors: int(bad.Seconds() * 10 / 20), P95: probeTime, Probes: 1}, nil
			}
		}, []string{"error rate ", "requests in the last 30s) is over the old stack's 0% and 1 percentage point more", "last words of api-1"}},
		{"it leaks memory", func(f *figures, began time.Time) {
			f.usage = func() (deploy.Usage, error) {
				return deploy.Usage{Memory: 50<<20 + int64(max(0, time.Since(began)-begins).Seconds())*(20<<20), Started: longAgo}, nil
			}
		}, []string{"memory ", "is over the old stack's 50MiB and 64MiB more"}},
		{"one of its containers is near its limit", func(f *figures, began time.Time) {
			f.usage = func() (deploy.Usage, error) {
				u := deploy.Usage{NearestToLimit: "worker-1", Share: 0.5}
				if time.Since(began) > begins {
					u.Share = 0.95
				}
				return u, nil
			}
		}, []string{"memory of worker-1, 95% of its own limit, is over 90%", "last words of worker-1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, began := &figures{}, time.Now()
				c.make(f, began)
				before := func(w *watch) {
					w.old = deploy.Baseline{Traffic: deploy.Traffic{Requests: 3000, P95: 98 * time.Millisecond}, Usage: deploy.Usage{Memory: 50 << 20}, CPU: 0.2}
				}
				b := newBench(container("api"), container("worker"))
				rejectedFor(t, b.watch(t.Context(), gatedApp("api"), began, f.tell, before), deploy.WatchFailed, c.says...)
				if took := time.Since(began) - begins; took < 0 || took > 15*time.Second {
					t.Errorf("took %s from the first trouble to the verdict, want a few seconds", took)
				}
				if f.verdict == "" || !strings.Contains(f.verdict, c.says[0]) {
					t.Errorf("verdict for the receipt %q", f.verdict)
				}
			})
		})
	}
}

func TestWatch_WindowOfTheLogBeginsAtTheFlipAndThenSlides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &figures{}, time.Now()
		if err := newBench(container("api")).watch(t.Context(), gatedApp("api"), began, f.tell); err != nil {
			t.Fatal(err)
		}
		if len(f.looks) < 20 || f.looks[10].Whole.Requests != 100 {
			t.Fatalf("looks %+v", f.looks)
		}
		var slid bool
		for _, since := range f.asked {
			if since.Before(began) {
				t.Errorf("asked about a time %s before the flip", began.Sub(since))
			}
			slid = slid || since.Sub(began) > 25*time.Second
		}
		if !slid {
			t.Error("the window never left the flip behind")
		}
	})
}

func TestWatch_ReceiptThatCannotBeSavedEndsTheLookAndIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &figures{full: errInjected}
		var bad *deploy.RejectError
		if err := newBench(container("api")).watch(t.Context(), gatedApp("api"), time.Now(), f.tell); !errors.Is(err, errInjected) || errors.As(err, &bad) {
			t.Errorf("got %v, want %v and no verdict", err, errInjected)
		}
	})
}
