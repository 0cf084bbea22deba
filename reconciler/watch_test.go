package reconciler

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// watch watches the stack of the bench, live since the given time.
func (b *bench) watch(ctx context.Context, app App, since time.Time, change ...func(*watch)) error {
	w := &watch{stacks: b, examiner: b, prober: b, app: app, tenure: Tenure{Color: Green, Since: since}, now: time.Now}
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
		if took := time.Since(began); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("took %s, want a minute", took)
		}
		if b.looks < 55 {
			t.Errorf("looked %d times, want about one a second", b.looks)
		}
	})
}

// The agent may have been started again in the meantime.
func TestWatch_TimeIsCountedFromTheConfirmation(t *testing.T) {
	for _, c := range []struct{ ago, left time.Duration }{
		{45 * time.Second, 15 * time.Second},
		{time.Hour, 0},
	} {
		t.Run(c.ago.String()+" ago", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, began := newBench(container("api")), time.Now()
				if err := b.watch(t.Context(), gatedApp("api"), began.Add(-c.ago)); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < c.left || took > c.left+2*time.Second {
					t.Errorf("took %s, want %s", took, c.left)
				}
				if b.looks < badLooks {
					t.Errorf("passed after %d looks, too few to fail", b.looks)
				}
			})
		})
	}
}

// TestWatch_FailsAtOnce has the trouble begin ten seconds after the flip.
func TestWatch_FailsAtOnce(t *testing.T) {
	stack := func(change ...func(*Container)) Stack {
		return Stack{Color: Green, Containers: []Container{container("api", change...), container("worker")}}
	}
	for _, c := range []struct {
		name string
		then func() Stack
		says []string
	}{
		{"a container exits", func() Stack { return stack(func(c *Container) { c.State, c.ExitCode = "exited", 9 }) },
			[]string{"api-1 is exited (exit code 9)", "last words of api-1"}},
		{"a container restarts", func() Stack { return stack(func(c *Container) { c.Restarts = 1 }) },
			[]string{"1 restarts of its containers; the limit is 0", "last words of api-1"}},
		{"a container is removed", func() Stack {
			s := stack()
			s.Missing = []string{"web", "mail"}
			return s
		}, []string{"no container for web, mail"}},
		{"the whole stack is removed", func() Stack { return Stack{Color: Green} }, []string{"no containers"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, began := newBench(), time.Now()
				b.stack = func(int) (Stack, error) {
					if time.Since(began) >= 10*time.Second {
						return c.then(), nil
					}
					return stack(), nil
				}
				rejectedFor(t, b.watch(t.Context(), gatedApp(), began), WatchFailed, c.says...)
				if took := time.Since(began); took > 12*time.Second {
					t.Errorf("took %s, want at the next look", took)
				}
			})
		})
	}
}

func TestWatch_RestartsBeforeTheFlipAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api", func(c *Container) { c.Restarts = 3 }))
		before := func(w *watch) { w.tenure.Restarts = 3 }
		if err := b.watch(t.Context(), gatedApp("api"), time.Now(), before); err != nil {
			t.Error(err)
		}
		before = func(w *watch) { w.tenure.Restarts = 2 }
		rejectedFor(t, b.watch(t.Context(), gatedApp("api"), time.Now(), before), WatchFailed, "1 restarts")
	})
}

func TestWatch_OneShotThatEndedWellIsNotDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"), container("migrate", func(c *Container) { c.OneShot, c.State = true, "exited" }))
		if err := b.watch(t.Context(), gatedApp("api"), time.Now()); err != nil {
			t.Error(err)
		}
	})
}

func TestWatch_TwoUnhealthyLooksInARowFailItAndOneDoesNot(t *testing.T) {
	answers := func(sick ...int) func(int, Route) Probe {
		return func(n int, _ Route) Probe {
			for _, s := range sick {
				if n == s {
					return Probe{Status: 502, Took: probeTime}
				}
			}
			return Probe{Status: 200, Took: probeTime}
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
		rejectedFor(t, b.watch(t.Context(), gatedApp("api"), time.Now()), WatchFailed,
			"unhealthy 2 times in a row: api: /health answered 502", "last words of api-1")
		if b.looks != 6 {
			t.Errorf("looked %d times, want 6", b.looks)
		}
	})
}

// The last look leaves it open: it was unhealthy, once.
func TestWatch_InconclusiveDoesWhatThePolicySays(t *testing.T) {
	open := func(policy string) (*bench, App, time.Time) {
		b, app := newBench(container("api")), gatedApp("api")
		app.Watch.Inconclusive = policy
		b.probe = func(n int, _ Route) Probe {
			if n == 2 {
				return Probe{Status: 500, Took: probeTime}
			}
			return Probe{Status: 200, Took: probeTime}
		}
		return b, app, time.Now().Add(-time.Hour)
	}
	synctest.Test(t, func(t *testing.T) {
		b, app, since := open("promote")
		if err := b.watch(t.Context(), app, since); err != nil || b.looks != 2 {
			t.Errorf("promote: %v after %d looks, want a pass after two", err, b.looks)
		}
		b, app, since = open("revert")
		rejectedFor(t, b.watch(t.Context(), app, since), WatchFailed, "watch.inconclusive is revert")
		b, app, since = open("hold")
		if err := b.watch(t.Context(), app, since); err != nil || b.looks != 3 {
			t.Errorf("hold: %v after %d looks, want a pass after the third, which is healthy", err, b.looks)
		}
	})
}

// The agent was away until the time was over: one look, and that unhealthy, is
// neither a reason to take the release back nor to promote it.
func TestWatch_FirstLookAfterItsTimeIsNotTheLastIfItIsUnhealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.probe = func(int, Route) Probe { return Probe{Status: 500, Took: probeTime} }
		rejectedFor(t, b.watch(t.Context(), gatedApp("api"), time.Now().Add(-time.Hour)), WatchFailed, "unhealthy 2 times in a row")
	})
}

func TestWatch_DockerAwayIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		fine := b.stack
		b.stack = func(n int) (Stack, error) {
			if n == 4 {
				return Stack{}, errInjected
			}
			return fine(n)
		}
		var bad *RejectError
		if err := b.watch(t.Context(), gatedApp("api"), time.Now()); !errors.Is(err, errInjected) || errors.As(err, &bad) {
			t.Errorf("got %v, want %v and no verdict", err, errInjected)
		}
	})
}

func TestWatch_EndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.probe = func(int, Route) Probe { return Probe{Status: 500, Took: probeTime} }
		ctx, cancel := context.WithTimeout(t.Context(), probeTime/2) // in the middle of a question
		defer cancel()
		if err := b.watch(ctx, gatedApp("api"), time.Now()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}
