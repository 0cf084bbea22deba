package reconciler

import (
	"slices"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

func TestRunner_DeadLiveStackIsHealedInPlaceAndTold(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		receipt, since := p.Status().Receipt, w.saved.Live.Since
		w.did()
		w.change(func() {
			w.stacks[deploy.Green].containers[0].State, w.stacks[deploy.Green].containers[0].ExitCode = "exited", 137
		})
		s := p.Once(p.ctx)
		p.is(t, s, "Live/UpToDate, live 1 in green; history 1:Promoted")
		if !strings.Contains(s.Message, "the live stack was damaged (shop-green-api-1 exited, exit code 137); mended (") {
			t.Errorf("message %q", s.Message)
		}
		if e := w.told(deploy.Repaired); len(e) != 1 {
			t.Errorf("told %v, want one repair", e)
		}
		w.wantDid(t, "Healing: up green 1; gate green 1")
		if *s.Receipt != *receipt || !w.saved.Live.Since.Equal(since) {
			t.Errorf("receipt %v, since %s: want those of the deploy, %v and %s", s.Receipt, w.saved.Live.Since, receipt, since)
		}
	})
}

func TestRunner_LiveReleaseThatCannotBeHealedIsNotRejected(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.fates["1"] = bearing{sick: true}; w.lie(deploy.Green, "exited") })
		s := p.Once(p.ctx)
		p.is(t, s, "Degraded/Unhealthy, live 1 in green; history 1:Promoted")
		if len(w.saved.Rejected) > 0 || !w.saved.Healing {
			t.Errorf("rejected %v, healing %t", w.saved.Rejected, w.saved.Healing)
		}
		w.change(func() { w.fates["1"] = bearing{} })
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
		if w.saved.Healing {
			t.Error("still healing")
		}
	})
}

// Killed between the flip and its confirmation, and the new stack dies: the
// confirmed release is the way back. Where that is sick as well, the newer commit
// is not kept waiting for it.
func TestRunner_ConfirmedReleaseBesideThatStaysSickGivesWayToANewerOne(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() {
			w.fates["1"] = bearing{sick: true}
			w.live = deploy.Blue // by hand, to where nothing is
		})
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Green)), "Live/UpToDate, live 2 in green; history 2:Promoted 1:Promoted")
		if !w.saved.EverRejected(releaseOf("1")) {
			t.Error("the release that failed its gate was not rejected")
		}
	})
}

func TestRunner_SickWayBackDoesNotEndTheDeployInHand(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.disturb = func(_ int, name string) trouble { return map[string]trouble{"router.flip": crashAfter}[name] }
		p.deploy("c2", yamlOf("2", deploy.Blue))
		w.change(func() {
			w.disturb = nil
			w.lie(deploy.Blue, "exited")
			w.fates["1"] = bearing{sick: true}
		})
		p = w.start()
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Live/UpToDate, live 2 in blue, standby 2 warm; history 2:Promoted 1:Promoted")
	})
}

func TestRunner_ConfirmedReleaseBesideIsWaitedForWhileNothingElseMayBeDeployed(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(w *stage, p *process)
	}{
		{"nothing newer", func(*stage, *process) {}},
		{"paused", func(w *stage, p *process) { p.Pause(); p.Offer(p.push("c2", yamlOf("2", deploy.Green))) }},
		{"refused", func(w *stage, p *process) { p.Offer(p.push("c2", yamlOf("2", deploy.Green, "colour: red"))) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				w.change(func() {
					w.fates["1"] = bearing{sick: true}
					w.live = deploy.Blue
				})
				c.then(w, p)
				s := p.Once(p.ctx)
				if s.Phase != deploy.PhaseDegraded || len(w.saved.Rejected) > 0 || w.count("stacks.stop") > 0 {
					t.Errorf("status %s, rejected %v, stopped %d", summary(s), w.saved.Rejected, w.count("stacks.stop"))
				}
				w.change(func() { w.fates["1"] = bearing{} })
				p.Once(p.ctx)
				if w.live != deploy.Green {
					t.Error("the traffic did not return")
				}
				p.honest()
			})
		})
	}
}

// TestRunner_CancelDoesNotCutAFlipShort has a newer commit arrive just as the
// flip, and then its confirmation, is on the way.
func TestRunner_CancelDoesNotCutAFlipShort(t *testing.T) {
	for _, at := range []string{"router.flip", "router.confirm"} {
		t.Run(at, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				var once bool
				w.onCall = func(name string) {
					if name == at && !once {
						once = true
						p.Offer(p.push("c3", yamlOf("3", deploy.Green)))
					}
				}
				w.did()
				p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)),
					"Live/UpToDate, live 3 in green, standby 2 warm; history 3:Promoted 2:Superseded 1:Promoted")
				done := strings.Split(w.did(), "; ")
				if !slices.Contains(done, strings.Replace(at, "router.", "", 1)+" blue 2") {
					t.Errorf("done %v: the %s was cut short", done, at)
				}
			})
		})
	}
}

func TestRunner_NothingIsDoneBeforeTheMemoryIsSaved(t *testing.T) {
	saves := 0
	for n := 0; n <= saves; n++ {
		bubble(t, func(t *testing.T, w *stage) {
			p := w.start()
			w.fates["2"] = bearing{sickLive: true}
			seen, failed := 0, -1
			w.disturb = func(at int, name string) trouble {
				switch {
				case name != "save":
					return none
				case seen < n:
					seen++
					return none
				}
				if failed < 0 {
					failed = at
				}
				return failBefore
			}
			p.deploy("c1", yamlOf("1", deploy.Green))
			p.deploy("c2", yamlOf("2", deploy.Blue))
			p.Once(p.ctx)
			if failed < 0 {
				return // every save went well
			}
			saves = n + 1
			for _, name := range w.calls[failed:] {
				if name == "stacks.up" || name == "stacks.stop" || name == "router.flip" {
					t.Errorf("save %d failed; then %s", n, name)
				}
			}
			if s := p.Status(); s.Phase != deploy.PhaseDegraded || !strings.Contains(s.Message, "save memory: out of order") {
				t.Errorf("save %d failed; status %s: %s", n, summary(s), s.Message)
			}
			w.disturb = nil
			s := p.deploy("c2", yamlOf("2", deploy.Blue))
			if s.Reason != deploy.Held && s.Reason != deploy.NoRollbackTarget { // the first release may never have been deployed
				t.Errorf("save %d failed and went well again; status %s: %s", n, summary(s), s.Message)
			}
			p.honest()
		})
	}
	if saves < 8 {
		t.Errorf("only %d saves failed", saves)
	}
}
