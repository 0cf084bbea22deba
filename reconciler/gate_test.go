package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/reconciler/deploy"
)

// bench is the little world of one gate or one watch. Each look and each
// question is answered by a function, which a test may exchange.
type bench struct {
	mu     sync.Mutex
	looks  int
	probes map[string]int // by route
	asking int            // questions under way
	linger time.Duration  // how long a question goes on after its context has ended

	stack   func(n int) (deploy.Stack, error)        // the n-th look, from 1
	probe   func(n int, r deploy.Route) deploy.Probe // the n-th question to the route, from 1
	health  func(ctx context.Context, n int) error   // the n-th health command, from 1
	logs    func(c deploy.Container) (string, error)
	healths int

	beside  deploy.Stack                                                                 // the other stack
	seen    deploy.Stack                                                                 // at the last look
	holders func(n int, ctx context.Context, ports []int) (map[int]deploy.Holder, error) // nil: the containers of the routes' services
	asked   int                                                                          // how often who holds the ports
}

// benchHolders answers for a bench and the app that is gated.
type benchHolders struct {
	b   *bench
	app deploy.App
}

func (b *bench) holdersOf(app deploy.App) Holders { return benchHolders{b, app} }

func (h benchHolders) Holders(ctx context.Context, ports []int) (map[int]deploy.Holder, error) {
	h.b.mu.Lock()
	h.b.asked++
	n, seen := h.b.asked, h.b.seen
	h.b.mu.Unlock()
	if h.b.holders != nil {
		return h.b.holders(n, ctx, ports)
	}
	held := map[int]deploy.Holder{}
	for _, r := range h.app.Routes {
		for _, c := range seen.Containers {
			if c.Service == r.Service && c.State == "running" {
				held[r.Ports.Green] = deploy.Holder{Container: c.ID, Words: "the container " + c.Name}
			}
		}
	}
	return held, nil
}

func (b *bench) LookForImages(context.Context, deploy.App) error { return nil }

func (b *bench) Observe(ctx context.Context, _ deploy.App) ([2]deploy.Stack, error) {
	if ctx.Err() != nil {
		return [2]deploy.Stack{}, ctx.Err()
	}
	b.mu.Lock()
	b.looks++
	n := b.looks
	b.mu.Unlock()
	s, err := b.stack(n)
	b.mu.Lock()
	b.seen = s
	b.mu.Unlock()
	if errors.Is(err, errHangs) {
		<-ctx.Done()
		return [2]deploy.Stack{}, ctx.Err()
	}
	return [2]deploy.Stack{b.beside, s}, err
}

func (b *bench) Up(context.Context, deploy.App, deploy.Color, *deploy.Start) error {
	return errInjected
}
func (b *bench) Stop(context.Context, deploy.App, deploy.Color) error { return errInjected }

func (b *bench) Probe(ctx context.Context, r deploy.Route, c deploy.Color) deploy.Probe {
	if c != deploy.Green {
		return deploy.Probe{Err: fmt.Errorf("asked the wrong color: %s", c)}
	}
	b.mu.Lock()
	b.probes[r.Name]++
	n := b.probes[r.Name]
	b.asking++
	b.mu.Unlock()
	wait(ctx, probeTime)
	wait(context.WithoutCancel(ctx), b.linger)
	b.mu.Lock()
	b.asking--
	b.mu.Unlock()
	return b.probe(n, r)
}

func (b *bench) Health(ctx context.Context, _ deploy.Container) error {
	b.mu.Lock()
	b.healths++
	n := b.healths
	b.mu.Unlock()
	return b.health(ctx, n)
}

func (b *bench) Logs(_ context.Context, c deploy.Container, n int) (string, error) {
	if n != deploy.LogLineLimit {
		return "", fmt.Errorf("asked for %d lines", n)
	}
	return b.logs(c)
}

var errHangs = errors.New("hangs")

func healthy(int, deploy.Route) deploy.Probe { return deploy.Probe{Status: 200, Took: probeTime} }

// newBench is a stack in which all is well, and has been for an hour.
func newBench(containers ...deploy.Container) *bench {
	return &bench{
		probes: map[string]int{},
		beside: deploy.Stack{Color: deploy.Blue, Condition: deploy.Running},
		stack: func(int) (deploy.Stack, error) {
			return deploy.Stack{Color: deploy.Green, Condition: deploy.Running, Containers: containers}, nil
		},
		probe:  healthy,
		health: func(context.Context, int) error { return nil },
		logs:   func(c deploy.Container) (string, error) { return "last words of " + c.Name, nil },
	}
}

// container is one that has run for an hour, changed as the test needs it.
func container(service string, change ...func(*deploy.Container)) deploy.Container {
	c := deploy.Container{ID: "id-" + service, Name: service + "-1", Service: service, State: "running", StartedAt: time.Now().Add(-time.Hour)}
	for _, f := range change {
		f(&c)
	}
	return c
}

func gatedApp(routes ...string) deploy.App {
	a := deploy.App{Name: "shop", Gate: deploy.GatePolicy{Timeout: 30 * time.Second, Successes: 3}, Watch: deploy.WatchPolicy{For: time.Minute, Inconclusive: "promote"}}
	for i, r := range routes {
		a.Routes = append(a.Routes, deploy.Route{Name: r, Service: r, Ports: deploy.Ports{Blue: 3001 + 2*i, Green: 3002 + 2*i}, Health: deploy.Health{Path: "/health", StatusMin: 200, StatusMax: 299, MaxLatency: time.Second}})
	}
	return a
}

func (b *bench) gate(ctx context.Context, app deploy.App) (deploy.Stack, error) {
	g := &gate{stacks: b, examiner: b, prober: b, holders: b.holdersOf(app), app: app, color: deploy.Green, now: time.Now}
	return g.pass(ctx)
}

// gateAfter is gate for a stack that was seen so a moment ago.
func (b *bench) gateAfter(ctx context.Context, app deploy.App, seen deploy.Stack) (deploy.Stack, error) {
	g := &gate{stacks: b, examiner: b, prober: b, holders: b.holdersOf(app), app: app, color: deploy.Green, now: time.Now, seen: &seen}
	return g.pass(ctx)
}

// rejected checks that err is a verdict, and what it says.
func rejectedFor(t *testing.T, err error, reason deploy.Reason, parts ...string) {
	t.Helper()
	var bad *deploy.RejectError
	if !errors.As(err, &bad) {
		t.Fatalf("got %v, want a RejectError", err)
	}
	if bad.Reason != reason {
		t.Errorf("reason %s, want %s (%s)", bad.Reason, reason, bad.Detail)
	}
	said := bad.Detail + "\n" + bad.Logs
	for _, p := range parts {
		if !strings.Contains(said, p) {
			t.Errorf("%q is missing in:\n%s", p, said)
		}
	}
}

func TestGate_PassesAsSoonAsEveryRouteAnsweredWellInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"), container("web"))
		began := time.Now()
		stack, err := b.gate(t.Context(), gatedApp("api", "web"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []string{"api", "web"} {
			if b.probes[r] < 3 {
				t.Errorf("%s was asked %d times, want 3 at least", r, b.probes[r])
			}
		}
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("took %s: a ready stack is to be noticed at once", took)
		}
		if len(stack.Containers) != 2 {
			t.Errorf("got %v, want the stack that passed", stack)
		}
	})
}

func TestGate_BeginsWithWhatWasSeenAndProvesItOfAFreshLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, app := range []deploy.App{gatedApp("api"), gatedApp()} {
			b := newBench(container("api"))
			seen, _ := b.stack(0)
			if _, err := b.gateAfter(t.Context(), app, seen); err != nil || b.looks != 1 {
				t.Errorf("%d routes: %v after %d looks, want one", len(app.Routes), err, b.looks)
			}
			dead := newBench(container("api", func(c *deploy.Container) { c.State, c.ExitCode = "exited", 137 }))
			_, err := dead.gateAfter(t.Context(), app, seen)
			rejectedFor(t, err, deploy.ContainerExited, "137")
		}
		away := newBench()
		seen, _ := newBench(container("api")).stack(0)
		away.stack = func(int) (deploy.Stack, error) { return deploy.Stack{}, errHangs }
		app := gatedApp("api")
		app.Gate.Timeout = lookTime / 2
		var bad *deploy.RejectError
		if _, err := away.gateAfter(t.Context(), app, seen); err == nil || errors.As(err, &bad) {
			t.Errorf("where Docker is away since: %v, want no verdict", err)
		}
	})
}

func TestGate_BadAnswerBeginsTheRowAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.probe = func(n int, _ deploy.Route) deploy.Probe {
			if n <= 30 && n%3 == 0 { // never three in a row
				return deploy.Probe{Status: 503, Took: probeTime}
			}
			return deploy.Probe{Status: 200, Took: probeTime}
		}
		if _, err := b.gate(t.Context(), gatedApp("api")); err != nil {
			t.Fatal(err)
		}
		if b.probes["api"] < 33 {
			t.Errorf("passed after %d answers, before three in a row were good", b.probes["api"])
		}
	})
}

func TestGate_ProofOfOneRouteIsLostWhileAnotherIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"), container("web"))
		app := gatedApp("api", "web")
		app.Gate.Timeout = 10 * time.Second
		began := time.Now()
		b.probe = func(_ int, r deploy.Route) deploy.Probe {
			after := time.Since(began)
			if r.Name == "api" && after > time.Second || r.Name == "web" && after < 5*time.Second {
				return deploy.Probe{Status: 500, Took: probeTime}
			}
			return deploy.Probe{Status: 200, Took: probeTime}
		}
		_, err := b.gate(t.Context(), app)
		rejectedFor(t, err, deploy.Unhealthy, "api: /health answered 500, healthy is 200-299")
	})
}

func TestGate_ServiceWithoutHealthCommandOrRouteHasToStayUpForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBench(container("api"), container("worker", func(c *deploy.Container) { c.StartedAt = began }))
		if _, err := b.gate(t.Context(), gatedApp("api")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < settleTime || took > settleTime+time.Second {
			t.Errorf("passed after %s, want %s", took, settleTime)
		}
	})
}

func TestGate_OneShotIsWaitedForUntilItEndedWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBench()
		b.stack = func(int) (deploy.Stack, error) {
			job := container("migrate", func(c *deploy.Container) { c.OneShot, c.MayEnd, c.StartedAt = true, true, began })
			if time.Since(began) > 7*time.Second {
				job.State = "exited"
			}
			return deploy.Stack{Containers: []deploy.Container{container("api"), job}}, nil
		}
		if _, err := b.gate(t.Context(), gatedApp("api")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 7*time.Second {
			t.Errorf("passed after %s, before the job had ended", took)
		}
	})
}

// TestGate_WhatMayEndIsProvenWhetherItEndsOrNot has a health command, as its image may bring
// one: it does not answer where nothing runs any more.
func TestGate_WhatMayEndIsProvenWhetherItEndsOrNot(t *testing.T) {
	for _, ends := range []time.Duration{0, time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			b := newBench()
			b.health = func(ctx context.Context, _ int) error {
				if time.Since(began) > 3*time.Second {
					return nil
				}
				wait(ctx, 10*time.Millisecond)
				return errors.New("not yet")
			}
			b.stack = func(int) (deploy.Stack, error) {
				job := container("import", func(c *deploy.Container) { c.MayEnd, c.HealthCommand, c.StartedAt = true, true, began })
				if time.Since(began) >= ends {
					job.State = "exited"
				}
				return deploy.Stack{Containers: []deploy.Container{container("api"), job}}, nil
			}
			if _, err := b.gate(t.Context(), gatedApp("api")); err != nil {
				t.Fatalf("it ends after %s: %v", ends, err)
			}
			took, least := time.Since(began), min(ends, 3*time.Second)
			if took < least || took > least+time.Second {
				t.Errorf("it ends after %s: passed after %s, want %s", ends, took, least)
			}
		})
	}
}

func TestGate_ContainerThatDoesNotStayUpIsRejectedAtOnceWithItsLastWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*deploy.Container)
		reason deploy.Reason
		says   string
	}{
		{"restarting", func(c *deploy.Container) { c.State, c.ExitCode = "restarting", 1 }, deploy.RestartLoop, "worker-1 ends and is started again and again (exit code 1)"},
		{"exited", func(c *deploy.Container) { c.State, c.ExitCode = "exited", 137 }, deploy.ContainerExited, "worker-1 ended with exit code 137"},
		{"exited with 0, but it is no one-shot", func(c *deploy.Container) { c.State = "exited" }, deploy.ContainerExited, `worker-1 ended with exit code 0; if it is meant to end, write restart: "no" and no ports: under services.worker`},
		{"started again after it ended with 0", func(c *deploy.Container) { c.State, c.MayEnd = "restarting", true }, deploy.RestartLoop, `again (exit code 0); if it is meant to end, write restart: "no" and no ports: under services.worker`},
		{"may end, and failed", func(c *deploy.Container) { c.MayEnd, c.State, c.ExitCode = true, "exited", 1 }, deploy.ContainerExited, "worker-1 ended with exit code 1"},
		{"dead", func(c *deploy.Container) { c.State = "dead" }, deploy.ContainerExited, "worker-1 ended"},
		{"restarted a moment ago", func(c *deploy.Container) { c.Restarts, c.StartedAt = 1, time.Now() }, deploy.RestartLoop, "restarts: 1"},
		{"a one-shot that failed", func(c *deploy.Container) { c.OneShot, c.MayEnd, c.State, c.ExitCode = true, true, "exited", 2 }, deploy.ContainerExited, "exit code 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(container("api"), container("worker", c.change))
				began := time.Now()
				_, err := b.gate(t.Context(), gatedApp("api"))
				rejectedFor(t, err, c.reason, c.says, "last words of worker-1")
				if took := time.Since(began); took > time.Second {
					t.Errorf("took %s, want at once", took)
				}
			})
		})
	}
}

func TestGate_RestartLongAgoIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api", func(c *deploy.Container) { c.Restarts = 2 }))
		if _, err := b.gate(t.Context(), gatedApp("api")); err != nil {
			t.Error(err)
		}
	})
}

// The clock was set back by weeks since the containers were started: they have run for
// as long as the gate sees them run.
func TestGate_AStartThatLiesAheadIsNotWaitedFor(t *testing.T) {
	ahead := func(c *deploy.Container) { c.StartedAt = time.Now().Add(480 * time.Hour) }
	for name, worker := range map[string]func(*deploy.Container){
		"started once":            ahead,
		"restarted, and stays up": func(c *deploy.Container) { ahead(c); c.Restarts = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, began := newBench(container("api", worker), container("worker", worker)), time.Now()
				if _, err := b.gate(t.Context(), gatedApp("api")); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < settleTime || took > settleTime+time.Second {
					t.Errorf("passed after %s, want %s", took, settleTime)
				}
			})
		})
	}
	t.Run("restarted again and again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, first := newBench(), time.Now().Add(480*time.Hour)
			b.stack = func(n int) (deploy.Stack, error) {
				worker := container("worker", func(c *deploy.Container) {
					c.Restarts = 1 + n/10 // a second each
					c.StartedAt = first.Add(time.Duration(c.Restarts) * time.Second)
				})
				return deploy.Stack{Containers: []deploy.Container{container("api"), worker}}, nil
			}
			_, err := b.gate(t.Context(), gatedApp("api"))
			rejectedFor(t, err, deploy.Unhealthy, "worker-1 has run for less than 2s")
		})
	})
}

func TestGate_RunsTheHealthCommandUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"), container("db", func(c *deploy.Container) { c.HealthCommand = true }))
		b.health = func(_ context.Context, n int) error {
			if n < 5 {
				return errors.New("exit code 1: not yet")
			}
			return nil
		}
		if _, err := b.gate(t.Context(), gatedApp("api")); err != nil {
			t.Fatal(err)
		}
		if b.healths != 5 {
			t.Errorf("the health command ran %d times, want 5: one after the other, and no more after it succeeded", b.healths)
		}
	})
}

func TestGate_TimeoutNamesEverythingThatIsLacking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(
			container("api"), container("web"),
			container("db", func(c *deploy.Container) { c.HealthCommand = true }),
			container("cache", func(c *deploy.Container) { c.State = "created" }),
			container("queue", func(c *deploy.Container) { c.State = "paused" }),
			container("migrate", func(c *deploy.Container) { c.OneShot, c.MayEnd = true, true }),
		)
		healthyStack := b.stack
		b.stack = func(n int) (deploy.Stack, error) {
			s, err := healthyStack(n)
			s.Missing = []string{"mail", "cron"}
			return s, err
		}
		b.health = func(context.Context, int) error { return errors.New("exit code 1: no such table") }
		b.probe = func(_ int, r deploy.Route) deploy.Probe {
			if r.Name == "api" {
				return deploy.Probe{Err: errors.New("connection refused"), Took: probeTime}
			}
			return deploy.Probe{Status: 404, Took: probeTime}
		}
		began := time.Now()
		_, err := b.gate(t.Context(), gatedApp("api", "web"))
		rejectedFor(t, err, deploy.Unhealthy, "not healthy within 30s: ", "no container for mail, cron", "cache-1 is created", "queue-1 is paused",
			"migrate-1 has not finished", "db: health command: exit code 1: no such table", "api: /health: connection refused",
			"web: /health answered 404, healthy is 200-299", "last words of cache-1")
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("took %s, want the gate's timeout", took)
		}
	})
}

// A dial gives up when the gate's time is over, a moment before the gate says so.
func TestGate_WhatACallComplainsOfWhenTheTimeIsOverIsBlamedOnNobody(t *testing.T) {
	for range 50 { // the moment is not always there
		synctest.Test(t, func(t *testing.T) {
			b := newBench(container("api"), container("db", func(c *deploy.Container) { c.HealthCommand = true }))
			b.health = func(ctx context.Context, n int) error {
				if n == 1 {
					return errors.New("exit code 1: no such table")
				}
				end, _ := ctx.Deadline()
				wait(context.WithoutCancel(ctx), time.Until(end))
				return errors.New("dial: i/o timeout")
			}
			_, err := b.gate(t.Context(), gatedApp("api"))
			rejectedFor(t, err, deploy.Unhealthy, "db: health command: exit code 1: no such table")
		})
	}
}

func TestGate_NoContainersIsNotHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := newBench().gate(t.Context(), gatedApp("api"))
		rejectedFor(t, err, deploy.Unhealthy, "no containers")
	})
}

func TestGate_TooSlowIsAReasonOfItsOwn(t *testing.T) {
	late := func(n int, _ deploy.Route) deploy.Probe {
		return deploy.Probe{Status: 200, Took: 1500 * time.Millisecond}
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.probe = late
		_, err := b.gate(t.Context(), gatedApp("api"))
		rejectedFor(t, err, deploy.TooSlow, "api: /health took longer than 1s", "last words of api-1")
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"), container("web"))
		b.probe = func(n int, r deploy.Route) deploy.Probe {
			if r.Name == "web" {
				return deploy.Probe{Status: 500, Took: probeTime}
			}
			return late(n, r)
		}
		_, err := b.gate(t.Context(), gatedApp("api", "web"))
		rejectedFor(t, err, deploy.Unhealthy, "api: /health took longer than 1s", "web: /health answered 500")
	})
}

func TestGate_LeavesNoQuestionBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"), container("web"))
		b.linger = 70 * time.Millisecond
		if _, err := b.gate(t.Context(), gatedApp("api", "web")); err != nil {
			t.Fatal(err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.asking > 0 {
			t.Errorf("%d questions are still under way", b.asking)
		}
	})
}

// A bubble of synctest does not end before its goroutines do, so these also show
// that none goes on for ever.
func TestGate_EndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"), container("db", func(c *deploy.Container) { c.HealthCommand = true }))
		b.probe = func(int, deploy.Route) deploy.Probe { return deploy.Probe{Status: 500, Took: probeTime} }
		b.health = func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := b.gate(ctx, gatedApp("api"))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

func TestGate_CancelledIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.probe = func(int, deploy.Route) deploy.Probe { return deploy.Probe{Status: 500, Took: probeTime} }
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := b.gate(ctx, gatedApp("api")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

func TestGate_DockerAwayInTheMiddleIsNoVerdict(t *testing.T) {
	for _, c := range []struct {
		name string
		from int // the look from which Docker is away
		with error
		want error
	}{
		{"from the start", 1, errInjected, errInjected},
		{"in the middle", 20, errInjected, errInjected},
		{"hangs from the start", 1, errHangs, context.DeadlineExceeded},
		{"hangs in the middle", 20, errHangs, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(container("api"))
				b.probe = func(int, deploy.Route) deploy.Probe { return deploy.Probe{Status: 500, Took: probeTime} }
				fine := b.stack
				b.stack = func(n int) (deploy.Stack, error) {
					if n >= c.from {
						return deploy.Stack{}, c.with
					}
					return fine(n)
				}
				_, err := b.gate(t.Context(), gatedApp("api"))
				var bad *deploy.RejectError
				if !errors.Is(err, c.want) || errors.As(err, &bad) {
					t.Errorf("got %v, want %v and no verdict", err, c.want)
				}
				if c.with == errHangs && deploy.ReasonOf(err) != deploy.DockerAway {
					t.Errorf("reason %s, want DockerAway", deploy.ReasonOf(err))
				}
			})
		})
	}
}

func TestGate_DockerAwayForTheWholeOfAShortGateIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.stack = func(int) (deploy.Stack, error) { return deploy.Stack{}, errHangs }
		app := gatedApp("api")
		app.Gate.Timeout = lookTime / 2
		if _, err := b.gate(t.Context(), app); deploy.ReasonOf(err) != deploy.DockerAway {
			t.Errorf("got %v, want DockerAway", err)
		}
	})
}

func TestGate_TimeoutInTheMiddleOfALookKeepsTheLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api"))
		b.probe = func(int, deploy.Route) deploy.Probe { return deploy.Probe{Status: 500, Took: probeTime} }
		began, fine := time.Now(), b.stack
		b.stack = func(n int) (deploy.Stack, error) {
			if time.Since(began) > 29*time.Second {
				return deploy.Stack{}, errHangs
			}
			return fine(n)
		}
		_, err := b.gate(t.Context(), gatedApp("api"))
		rejectedFor(t, err, deploy.Unhealthy, "last words of api-1")
	})
}

func TestGate_MessageIsWrittenWithoutALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(container("api", func(c *deploy.Container) { c.State, c.ExitCode = "exited", 1 }))
		b.logs = func(deploy.Container) (string, error) { return "", errors.New("no such container") }
		_, err := b.gate(t.Context(), gatedApp("api"))
		rejectedFor(t, err, deploy.ContainerExited, "exit code 1", "(no log: no such container)")
	})
}

// A way back to a warm stack takes as long as its proof, and no pause longer.
func TestGate_IsOverAsSoonAsTheLastProofIsThere(t *testing.T) {
	for name, c := range map[string]struct {
		age, pause time.Duration
	}{
		"has run for long": {warmTime, warmPause},
		"just started":     {warmTime - time.Second, probePause},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				b := newBench(container("api", func(a *deploy.Container) { a.StartedAt = began.Add(-c.age) }))
				app := gatedApp("api")
				app.Gate.Successes = 3
				if _, err := b.gate(t.Context(), app); err != nil {
					t.Fatal(err)
				}
				if took, want := time.Since(began), 3*probeTime+2*c.pause; took != want {
					t.Errorf("took %s, want %s: three answers and two pauses", took, want)
				}
			})
		})
	}
}

// An app that limits how often it is asked says no for as long as it is asked often.
func TestGate_AsksNoMoreOftenThanItNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		answer deploy.Probe
		until  time.Duration // answer is what it says until then
		most   int
	}{
		"good at once":                     {deploy.Probe{}, 0, 3 + 10},
		"says no for a while":              {deploy.Probe{Status: 429, Took: probeTime}, 10 * time.Second, 20 + 3 + 10},
		"nobody answers for half a second": {deploy.Probe{Err: errInjected, Took: probeTime}, 500 * time.Millisecond, 20 + 3 + 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				b := newBench(container("api"), container("worker", func(w *deploy.Container) { w.HealthCommand = true }))
				b.probe = func(int, deploy.Route) deploy.Probe {
					if time.Since(began) < c.until {
						return c.answer
					}
					return deploy.Probe{Status: 200, Took: probeTime}
				}
				// The worker is what the gate waits for, ten seconds after the route is proven.
				b.health = func(context.Context, int) error {
					if time.Since(began) < c.until+10*time.Second {
						return errors.New("not yet")
					}
					return nil
				}
				app := gatedApp("api")
				app.Gate.Timeout, app.Gate.Successes = time.Minute, 3
				if _, err := b.gate(t.Context(), app); err != nil {
					t.Fatal(err)
				}
				if n := b.probes["api"]; n > c.most {
					t.Errorf("asked the route %d times in %s, want at most %d", n, time.Since(began), c.most)
				}
				if most := 7 + int((c.until+10*time.Second)/calmEvery) + 1; b.healths > most {
					t.Errorf("ran the health command %d times in %s, want at most %d", b.healths, time.Since(began), most)
				}
			})
		})
	}
}

// A proof can be lost again while the gate waits for something else.
func TestGate_ProofThatIsLostHasToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBench(container("api"), container("worker", func(w *deploy.Container) { w.HealthCommand = true }))
		b.probe = func(int, deploy.Route) deploy.Probe {
			if age := time.Since(began); age > 2*time.Second && age < 8*time.Second {
				return deploy.Probe{Status: 503, Took: probeTime}
			}
			return deploy.Probe{Status: 200, Took: probeTime}
		}
		b.health = func(context.Context, int) error {
			if time.Since(began) < 4*time.Second {
				return errors.New("not yet")
			}
			return nil
		}
		if _, err := b.gate(t.Context(), gatedApp("api")); err != nil || time.Since(began) < 8*time.Second {
			t.Errorf("passed after %s (%v), want no pass while the route answers 503", time.Since(began), err)
		}
	})
}
