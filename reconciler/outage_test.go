package reconciler

import (
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// outage is what happens to a stage a second into the watch of release 2, which is
// live in blue then. Half of the requests fail from then on, for as long as it lasts, or
// until what it returns is called.
func (w *stage) outage(lasts time.Duration, begin func()) (end func(at time.Time)) {
	began := time.Now().Add(time.Second)
	ended := began.Add(lasts)
	time.AfterFunc(time.Second, func() { w.change(begin) })
	w.ledger.traffic = func(_ *actor, _ deploy.Color, since time.Time) (deploy.Traffic, error) {
		t := deploy.Traffic{Requests: 1000, P95: 5 * time.Millisecond}
		if now := time.Now(); now.After(began) && since.Before(ended) {
			t.Errors = 500
		}
		return t, nil
	}
	return func(at time.Time) { w.change(func() { ended = at }) }
}

// untilEnd is longer than any test.
const untilEnd = 24 * time.Hour

// afterDeploy lets release 1 be live, and deploys release 2 until the outage.
func afterDeploy(t *testing.T, w *stage, lasts time.Duration, begin func(*stage)) (*process, func(at time.Time)) {
	t.Helper()
	p := w.start()
	p.is(t, p.deploy("c1", yamlOf("1", deploy.Green)), "Live/UpToDate, live 1 in green; history 1:Promoted")
	var end func(time.Time)
	w.onCall = func(name string) {
		if name == "router.confirm" {
			w.onCall = nil
			end = w.outage(lasts, func() { begin(w) })
		}
	}
	p.deploy("c2", yamlOf("2", deploy.Blue))
	w.did()
	return p, end
}

// startAgain is what Docker does when it comes back: it counts no restart.
func (w *stage) startAgain(c deploy.Color) {
	for i := range w.stacks[c].containers {
		w.stacks[c].containers[i].State, w.stacks[c].containers[i].StartedAt = "running", time.Now()
	}
	w.stacks[c].row = 0
}

func goAway(w *stage) {
	w.disturb = func(_ int, name string) trouble { return map[string]trouble{"stacks.observe": dockerAway}[name] }
}

func TestOutage_WhatFailedMeanwhileIsNotHeldAgainstTheRelease(t *testing.T) {
	const promoted = "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted"
	for _, c := range []struct {
		name string
		back func(w *stage)
		did  string
	}{
		{"Docker starts the containers again", func(w *stage) { w.startAgain(deploy.Blue) }, "gate blue 2; watch blue 2"},
		{"Docker starts nothing again", func(w *stage) { w.lie(deploy.Blue, "exited") }, "up blue 2; gate blue 2; watch blue 2"},
		{"the containers went on", func(*stage) {}, "gate blue 2; watch blue 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p, end := afterDeploy(t, w, untilEnd, goAway)
				if s := p.Status(); s.Phase != deploy.PhaseDegraded || s.Reason != deploy.DockerAway {
					t.Fatalf("status %s: want that Docker is away", summary(s))
				}
				wait(p.ctx, time.Minute)
				w.change(func() { w.disturb = nil; c.back(w) })
				end(time.Now().Add(3 * time.Second)) // some hang for so long
				s := p.Once(p.ctx)
				p.is(t, s, promoted)
				w.wantDid(t, "Healing+Watching+BackupChange: "+c.did+"; backup-on green 1")
				if !strings.Contains(s.Receipt.Verdict, "1,000 requests: 0% errors") {
					t.Errorf("verdict %q: want one on what came after", s.Receipt.Verdict)
				}
			})
		})
	}
}

// Docker may be back before the next look. After a restart of the machine there was
// nobody to look.
func TestOutage_IsSeenAfterwards(t *testing.T) {
	for _, c := range []struct {
		name   string
		begin  func(w *stage)
		killed bool
		says   string
	}{
		{"by the connection that broke", func(w *stage) { w.engineLost++ }, false, "Docker was away"},
		{"by what was started again", func(w *stage) { w.startAgain(deploy.Blue) }, false, "the containers were started again"},
		{"by what was started again with the machine", func(w *stage) {
			w.startAgain(deploy.Blue)
			w.disturb = func(int, string) trouble { return crashBefore }
		}, true, "the containers were started again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p, _ := afterDeploy(t, w, time.Second/2, c.begin)
				if c.killed {
					w.change(func() { w.disturb = nil })
					p = w.start()
					p.deploy("c2", yamlOf("2", deploy.Blue))
				}
				s := p.Status()
				p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
				if want := c.says + " in the middle of the watch of 2, which begins again once"; !strings.Contains(s.Message, want) {
					t.Errorf("message %q, want %q", s.Message, want)
				}
				if w.saved.Live.Outages != 1 || !w.saved.Live.WatchRestartedAt.After(w.saved.Live.Since) {
					t.Errorf("memory %+v, want one outage, and the watch since then", w.saved.Live)
				}
			})
		})
	}
}

func TestOutage_AReleaseThatDoesNotComeBackIsTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p, end := afterDeploy(t, w, untilEnd, goAway)
		w.change(func() { w.disturb = nil; w.startAgain(deploy.Blue); w.fates["2"] = bearing{sick: true} })
		end(time.Now())
		p.is(t, p.Once(p.ctx), "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted")
	})
}

func TestOutage_DoesNotExcuseThatTheStackWasRemoved(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p, _ := afterDeploy(t, w, time.Second/2, func(w *stage) {
			w.engineLost++
			delete(w.stacks, deploy.Blue)
		})
		p.is(t, p.Status(), "Held/Held, live 1 in green; history 2:RolledBack 1:Promoted")
	})
}

func TestOutage_ALookThatTakesTooLongIsNone(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p, _ := afterDeploy(t, w, untilEnd, func(w *stage) {
			w.disturb = func(_ int, name string) trouble { return map[string]trouble{"stacks.observe": hangs}[name] }
		})
		if p.Status().Reason != deploy.DockerAway || w.saved.Healing {
			t.Errorf("status %s, healing %t: want that Docker is away, and the traffic of that time to count", summary(p.Status()), w.saved.Healing)
		}
	})
}

// What takes Docker away again and again may be the release.
func TestOutage_IsForgivenThreeTimesInOneWatch(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p, end := afterDeploy(t, w, untilEnd, goAway)
		for n := 1; n <= 3; n++ {
			w.change(func() { w.disturb = nil; w.startAgain(deploy.Blue) })
			time.AfterFunc(time.Second, func() { w.change(func() { goAway(w) }) })
			p.Once(p.ctx)
			if w.saved.Live.Outages != n {
				t.Fatalf("%d outages remembered, want %d", w.saved.Live.Outages, n)
			}
		}
		w.change(func() { w.disturb = nil; w.startAgain(deploy.Blue) })
		// After the watch that began again for the last time goes by what it sees, and
		// before another would.
		end(time.Now().Add(deploy.AfterOutage - time.Second/2))
		p.is(t, p.Once(p.ctx), "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted")
	})
}

func TestOutage_OfWhatHasPassedItsWatchChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.did()
		w.change(func() { goAway(w) })
		p.Once(p.ctx)
		w.change(func() { w.disturb = nil; w.startAgain(deploy.Green) })
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
		w.wantDid(t, ": ")
	})
}
