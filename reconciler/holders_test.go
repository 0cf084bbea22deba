package reconciler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// gives is which ports Nginx has, one color after the other.
func (w *stage) gives() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var words []string
	for _, c := range deploy.Colors() {
		for _, name := range slices.Sorted(maps.Keys(w.given[c])) {
			words = append(words, fmt.Sprintf("%s:%d", name, w.given[c][name]))
		}
	}
	return strings.Join(words, " ")
}

func (w *stage) wantGiven(t *testing.T, when, want string) {
	t.Helper()
	if got := w.gives(); got != want {
		t.Errorf("%s nginx has %q, want %q", when, got, want)
	}
}

// says checks that the status's message has each of the words.
func says(t *testing.T, s *deploy.Status, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(s.Message, word) {
			t.Errorf("message %q does not say %q", s.Message, word)
		}
	}
}

var (
	database = deploy.Holder{Words: "the program postgres (pid 7)"}
	neighbor = deploy.Holder{Container: "id-of-another", Words: "the container blog-blue-api-1 of the project blog-blue"}
)

func TestHolders_NginxGetsAPortOnlyOnceTheFirstStackHasPassedItsGate(t *testing.T) {
	for _, color := range []deploy.Color{deploy.Blue, deploy.Green, deploy.Auto} {
		bubble(t, func(t *testing.T, w *stage) {
			p := w.start()
			seen := map[string]string{}
			w.onCall = func(name string) {
				if _, twice := seen[name]; !twice {
					seen[name] = w.gives()
				}
			}
			p.is(t, p.deploy("c1", yamlOf("1", color)), "Live/UpToDate, live 1 in "+string(p.Status().Live.Color)+"; history 1:Promoted")
			for call, want := range map[string]string{"stacks.up": "", "prober.probe": "", "router.confirm": "api:3001 api:3002"} {
				if call == "router.confirm" && color == deploy.Blue {
					continue // the first one is that of the park
				}
				if seen[call] != want {
					t.Errorf("%s: at the first %s nginx had %q, want %q", color, call, seen[call], want)
				}
			}
			w.wantGiven(t, "at the end", "api:3001 api:3002")
		})
	}
}

func TestHolders_AReleaseThatNeverPassedItsGateOpensNothing(t *testing.T) {
	for name, fate := range map[string]bearing{"sick": {sick: true}, "ends": {exits: true}, "not there": {up: &deploy.RejectError{Reason: deploy.ImageNotFound}}} {
		bubble(t, func(t *testing.T, w *stage) {
			w.fates["1"] = fate
			p := w.start()
			p.deploy("c1", yamlOf("1", deploy.Auto))
			p.honest()
			w.wantGiven(t, name+": after it", "")
			w.fates["2"] = bearing{}
			p.is(t, p.deploy("c2", yamlOf("2", deploy.Auto)), summary(p.Status()))
			w.wantGiven(t, name+": after a good one", "api:3001 api:3002")
		})
	}
}

func TestHolders_APortThatSomethingElseHoldsIsToldAndNothingIsTouched(t *testing.T) {
	two := "routes:\n" + defaultRoute + "  web: {ports: {blue: 3003, green: 3004}, health: /health}\n"
	for _, c := range []struct {
		name  string
		port  int
		by    deploy.Holder
		color deploy.Color
		words []string
	}{
		{"a program", 3002, database, deploy.Green, []string{"port 3002 of route api in green", "postgres (pid 7)", "routes.api.ports.green"}},
		{"a program, in blue", 3001, database, deploy.Blue, []string{"port 3001 of route api in blue", "postgres"}},
		{"another app's container", 3004, neighbor, deploy.Green, []string{"port 3004 of route web in green", "blog-blue-api-1 of the project blog-blue"}},
		{"another app's container, in blue", 3003, neighbor, deploy.Blue, []string{"port 3003 of route web in blue"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				w.strangers[c.port] = c.by
				p := w.start()
				s := p.deploy("c1", yamlOf("1", c.color, two))
				p.is(t, s, "Degraded/PortTaken")
				says(t, s, c.words...)
				w.wantGiven(t, "while it is held", "")
				for _, call := range []string{"stacks.up", "stacks.stop", "router.flip", "prober.probe"} {
					if w.count(call) > 0 {
						t.Errorf("%s was called", call)
					}
				}
				w.change(func() { delete(w.strangers, c.port) })
				if s := p.Once(p.ctx); s.Phase != deploy.PhaseLive {
					t.Errorf("once the port is free: %s: %s", summary(s), s.Message)
				}
				p.honest()
				w.wantGiven(t, "once it is free", "api:3001 web:3003 api:3002 web:3004")
			})
		})
	}
}

// Ports that change in an app that is live: the standby, which would be replaced, is the
// way back.
func TestHolders_ACommitThatMovesALiveAppToAHeldPortChangesNothing(t *testing.T) {
	for name, ports := range map[string]string{
		"the standby's color": "{blue: 3001, green: 5432}", "the live color": "{blue: 5432, green: 3002}", "both": "{blue: 5432, green: 3306}",
		"the colors exchanged": "{blue: 3002, green: 3001}",
	} {
		bubble(t, func(t *testing.T, w *stage) {
			w.strangers[5432], w.strangers[3306] = database, neighbor
			p := w.start()
			p.deploy("c1", yamlOf("1", deploy.Green))
			p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
			ups := w.count("stacks.up")
			s := p.deploy("c3", yamlOf("3", deploy.Auto, "routes:\n  api: {ports: "+ports+", health: /health}\n"))
			p.is(t, s, "Degraded/PortTaken, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
			w.wantGiven(t, name+": after it", "api:3001 api:3002")
			if w.count("stacks.up") != ups || w.count("stacks.stop") > 0 || w.count("router.flip") > 3 {
				t.Errorf("%s: a stack or the traffic was touched: %s", name, w.log())
			}
			w.change(func() { w.lie(deploy.Blue, "exited") }) // what is live is kept alive meanwhile
			if p.Once(p.ctx); w.stackOf(deploy.Blue).Condition != deploy.Running {
				t.Errorf("%s: the live stack is %s", name, w.stackOf(deploy.Blue).Condition)
			}
			p.is(t, p.deploy("c4", yamlOf("4", deploy.Auto)), "Live/UpToDate, live 4 in green, standby 2 warm; history 4:Promoted 2:Promoted 1:Promoted")
		})
	}
}

func TestHolders_AProgramThatTakesTheLiveStacksPortWhileThatIsDownGetsNoRequests(t *testing.T) {
	for name, by := range map[string]deploy.Holder{"a program": database, "another container": neighbor} {
		bubble(t, func(t *testing.T, w *stage) {
			p := w.start()
			p.deploy("c1", yamlOf("1", deploy.Blue))
			w.change(func() {
				w.lie(deploy.Blue, "exited")
				w.strangers[3001] = by
				w.fates["1"] = bearing{up: errInjected} // it cannot be started: the port is in use
			})
			p.Once(p.ctx)
			elapse(t, strangerTime)
			s := p.Once(p.ctx)
			w.wantGiven(t, name+": while it holds it", "api:3002")
			if s.Phase != deploy.PhaseDegraded {
				t.Errorf("%s: %s", name, summary(s))
			}
			w.change(func() {
				delete(w.strangers, 3001)
				delete(w.fates, "1")
			})
			p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in blue; history 1:Promoted")
			w.wantGiven(t, name+": once it is healed", "api:3001 api:3002")
		})
	}
}

// Docker's own proxy listens a moment before the container is said to run, and after.
func TestHolders_DockersOwnProxyClosesNothingThatIsLive(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Blue))
		w.change(func() {
			w.lie(deploy.Blue, "restarting")
			w.strangers[3001] = deploy.Holder{Words: "another program of this host"}
		})
		p.Once(p.ctx)
		w.wantGiven(t, "for a moment", "api:3001 api:3002")
		w.change(func() {
			w.lie(deploy.Blue, "running")
			delete(w.strangers, 3001)
		})
		p.Once(p.ctx)
		w.wantGiven(t, "afterwards", "api:3001 api:3002")
	})
}

func TestHolders_APortThatIsTakenWhileNobodyNeedsItIsToldAndCostsNoReload(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Blue))
		w.change(func() { w.strangers[3002] = database })
		s := p.Once(p.ctx)
		p.is(t, s, "Degraded/PortTaken, live 1 in blue; history 1:Promoted")
		says(t, s, "port 3002 of route api in green", "postgres")
		w.wantGiven(t, "while nobody is sent there", "api:3001 api:3002")
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Auto)), "Degraded/PortTaken, live 1 in blue; history 1:Promoted")
		w.change(func() { delete(w.strangers, 3002) })
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in green, standby 1 warm; history 2:Promoted 1:Promoted")
	})
}

func TestHolders_WhatIsLiveStaysOpen(t *testing.T) {
	for name, befalls := range map[string]func(w *stage) (lost bool){
		"the agent is started again":                      func(*stage) bool { return false },
		"the memory is lost":                              func(w *stage) bool { w.saved = deploy.Memory{}; return true },
		"the live container is dead":                      func(w *stage) bool { w.lie(deploy.Green, "exited"); return false },
		"the live stack is removed beside a warm standby": func(w *stage) bool { delete(w.stacks, deploy.Green); return false },
		"a container that nobody started for tandem is in the stack": func(w *stage) bool {
			w.stacks[deploy.Green].release = deploy.Release{}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Blue))
				text := yamlOf("2", deploy.Green)
				p.deploy("c2", text)
				p.kill()
				w.change(func() { befalls(w) })
				var closed []string
				w.onCall = func(call string) {
					if call != "router.live" {
						return
					}
					if got := w.gives(); got != "api:3001 api:3002" {
						closed = append(closed, got)
					}
				}
				p = w.start()
				p.deploy("c2", text)
				p.honest()
				if len(closed) > 0 {
					t.Errorf("nginx had %q meanwhile", closed)
				}
			})
		})
	}
}

func TestHolders_AnAppOfWhichNothingIsLeftIsClosedUntilItIsBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Blue))
		w.change(func() { clear(w.stacks) })
		first := "not asked"
		w.onCall = func(call string) {
			if call == "stacks.up" && first == "not asked" {
				first = w.gives()
			}
		}
		p.Once(p.ctx)
		p.honest()
		if first != "" {
			t.Errorf("without a container nginx had %q", first)
		}
		w.wantGiven(t, "once it is back", "api:3001 api:3002")
	})
}

// A route's answer is the release's only if it comes from the container of its service.
func TestGate_DoesNotTakeAnotherAnswerForTheReleases(t *testing.T) {
	for name, c := range map[string]struct {
		held  map[int]deploy.Holder
		words []string
	}{
		"a program of the host":        {map[int]deploy.Holder{3002: database, 3004: {Container: "id-web"}}, []string{"api: port 3002", "held by the program postgres"}},
		"another project's container":  {map[int]deploy.Holder{3002: neighbor, 3004: {Container: "id-web"}}, []string{"api: port 3002", "blog-blue-api-1"}},
		"another service of the stack": {map[int]deploy.Holder{3002: {Container: "id-db", Words: "the container db-1"}, 3004: {Container: "id-web"}}, []string{"service api", "db-1"}},
		"the routes exchanged":         {map[int]deploy.Holder{3002: {Container: "id-web", Words: "the container web-1"}, 3004: {Container: "id-api", Words: "the container api-1"}}, []string{"api: port 3002", "web: port 3004"}},
		"nobody at all":                {map[int]deploy.Holder{3004: {Container: "id-web"}}, []string{"api: no container of service api publishes port 3002"}},
		"an engine that is elsewhere":  {map[int]deploy.Holder{3002: {Unknown: true, Words: "nobody knows whom"}, 3004: {Container: "id-web"}}, []string{"api: port 3002"}},
	} {
		bubble(t, func(t *testing.T, _ *stage) {
			b := newBench(container("api"), container("web"), container("db"))
			b.holders = func(int, context.Context, []int) (map[int]deploy.Holder, error) { return c.held, nil }
			_, err := b.gate(t.Context(), gatedApp("api", "web"))
			rejectedFor(t, err, deploy.Unhealthy, append(c.words, "last words of")...)
			if t.Failed() {
				t.Logf("%s: %v", name, err)
			}
		})
	}
}

// It may be reached by nobody, be it no route's.
func TestGate_DoesNotPassAContainerThatRunsWithoutItsPorts(t *testing.T) {
	bubble(t, func(t *testing.T, _ *stage) {
		mail := container("mail")
		mail.Unpublished = "port 25"
		_, err := newBench(container("api"), mail).gate(t.Context(), gatedApp("api"))
		rejectedFor(t, err, deploy.Unhealthy, "mail-1 is running without port 25, which it should publish")
	})
}

func TestGate_PassesOnceItsOwnContainerPublishesThePort(t *testing.T) {
	bubble(t, func(t *testing.T, _ *stage) {
		b := newBench(container("api"))
		b.holders = func(n int, _ context.Context, _ []int) (map[int]deploy.Holder, error) {
			if n < 4 {
				return nil, nil
			}
			return map[int]deploy.Holder{3002: {Container: "id-api"}}, nil
		}
		if _, err := b.gate(t.Context(), gatedApp("api")); err != nil || b.asked < 4 {
			t.Errorf("got %v after %d looks", err, b.asked)
		}
	})
}

func TestGate_AHangingLookAtThePortsIsNoVerdict(t *testing.T) {
	bubble(t, func(t *testing.T, _ *stage) {
		b := newBench(container("api"))
		b.holders = func(_ int, ctx context.Context, _ []int) (map[int]deploy.Holder, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		_, err := b.gate(t.Context(), gatedApp("api"))
		if !away(fmt.Errorf("%w", err)) && deploy.ReasonOf(err) != deploy.DockerAway || time.Since(began) > lookTime+time.Second {
			t.Errorf("got %v after %s, want DockerAway", err, time.Since(began))
		}
	})
}

func TestHolders_APreviewTellsThePortAndNoStep(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.strangers[3002] = database
		p := w.start()
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		v, err := p.Preview(p.ctx)
		if err != nil || stepWords(v.Steps) != "render" || v.Reason != deploy.PortTaken || v.Status.Phase != deploy.PhaseDegraded {
			t.Errorf("got %+v, %v", v, err)
		}
		says(t, &v.Status, "port 3002 of route api in green", "postgres")
	})
}
