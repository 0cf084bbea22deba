package reconciler

import (
	"slices"
	"strings"
	"testing"

	"tandem/reconciler/deploy"
)

// The hook of a release fails once its container runs, or the agent is killed before the
// hook has ended: what runs then looks like a stack that is up, and gets no traffic.
func TestRunner_AStackWhoseStartDidNotEndWellGetsNoTraffic(t *testing.T) {
	failed := &deploy.RejectError{Reason: deploy.CannotStart, Detail: "a hook failed"}
	for _, c := range []struct {
		name string
		what trouble // of the hooks' run, the first time
		hook error   // how they end then, and after that
		want string
	}{
		{"it fails", none, failed, "Held/Held, live 1 in green, standby 2 stopped; history 2:Rejected 1:Promoted"},
		{"killed before it ran", crashBefore, failed, "Held/Held, live 1 in green, standby 2 stopped; history 2:Rejected 1:Promoted"},
		{"killed when it had failed", crashAfter, failed, "Held/Held, live 1 in green, standby 2 stopped; history 2:Rejected 1:Promoted"},
		{"the engine loses it", failBefore, failed, "Held/Held, live 1 in green, standby 2 stopped; history 2:Rejected 1:Promoted"},
		{"killed before it ran, and it is well", crashBefore, nil, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted"},
		{"killed when it had ended well", crashAfter, nil, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				w.fates["2"] = bearing{hook: c.hook}
				before := len(w.calls)
				w.disturb = func(n int, name string) trouble {
					if name == "stacks.hooks" && n >= before {
						before = len(w.calls) + 1<<20
						return c.what
					}
					return none
				}
				s := p.deploy("c2", yamlOf("2", deploy.Auto))
				if c.what != none {
					w.did()
					p = w.start()
					s = p.deploy("c2", yamlOf("2", deploy.Auto))
					if did := w.did(); c.hook == nil && !strings.Contains(did, "up blue 2; gate blue 2; flip blue 2") {
						t.Errorf("did %s, want it started again before its gate", did)
					}
				}
				p.is(t, s, c.want)
				if c.hook != nil {
					p.Retry()
					p.is(t, p.Once(p.ctx), "Held/Held, live 1 in green, standby 2 stopped; history 2:Rejected 2:Rejected 1:Promoted")
				}
			})
		})
	}
}

// A container of the live stack died, and the hook of the one that was started for it
// fails: the stack is not mended before a start ended well.
func TestRunner_TheLiveStackIsNotMendedByAStartThatDidNotEndWell(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() {
			w.stacks[deploy.Green].containers[0].State = "exited"
			w.fates["1"] = bearing{hook: &deploy.RejectError{Reason: deploy.CannotStart, Detail: "a hook failed"}}
		})
		for range 3 {
			p.is(t, p.Once(p.ctx), "Degraded/CannotStart, live 1 in green; history 1:Promoted")
		}
		w.change(func() { w.fates["1"] = bearing{} })
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
		p.honest()
	})
}

// Docker starts the same container again, and a standby is stopped and started by hand:
// that is no other start of theirs.
func TestRunner_WhatDockerStartsAgainIsNotStartedAnew(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Auto))
		ups := w.count("stacks.up")
		w.change(func() {
			for _, a := range w.stacks {
				a.containers[0].StartedAt = a.containers[0].StartedAt.Add(1)
				a.containers[0].Restarts++
			}
		})
		p.kill()
		p = w.start()
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Auto)), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if w.count("stacks.up") != ups {
			t.Errorf("started %d times", w.count("stacks.up")-ups)
		}
	})
}

// A memory that knows of no start is that of an older tandem, or is lost. What serves is
// not touched, and an older tandem's standby stays one.
func TestRunner_WhatServesIsBelievedWhereNoStartIsRemembered(t *testing.T) {
	for _, c := range []struct {
		name   string
		forget func(m *deploy.Memory)
		want   string
	}{
		{"of an older tandem", func(m *deploy.Memory) { m.Started = nil }, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted"},
		{"lost", func(m *deploy.Memory) { *m = deploy.Memory{} }, "Live/UpToDate, live 2 in blue, standby 1 broken; history 2:Promoted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				p.deploy("c2", yamlOf("2", deploy.Auto))
				p.kill()
				data, err := w.saved.Encode()
				if err != nil {
					t.Fatal(err)
				}
				if w.saved, err = deploy.DecodeMemory(data); err != nil || w.saved.Started == nil {
					t.Fatalf("the starts are not in the file: %v", err)
				}
				c.forget(&w.saved)
				ups := w.count("stacks.up")
				p = w.start()
				p.is(t, p.deploy("c2", yamlOf("2", deploy.Auto)), c.want)
				if w.count("stacks.up") != ups || w.count("stacks.stop") > 0 {
					t.Error("a stack was touched")
				}
				// Whatever the standby is believed to be, there is a way back to it.
				p.is(t, p.deploy("c3", yamlOf("1", deploy.Green)), strings.NewReplacer("live 2 in blue, standby 1 warm; history", "live 1 in green, standby 2 warm; history 1:Reverted",
					"live 2 in blue, standby 1 broken; history", "live 1 in green, standby 2 warm; history 1:Promoted").Replace(c.want))
			})
		})
	}
}

// pruneStopped takes away the containers that do not run, as "docker container prune" does.
func (w *stage) pruneStopped() {
	w.change(func() {
		for _, a := range w.stacks {
			a.containers = slices.DeleteFunc(a.containers, func(c deploy.Container) bool { return c.State == "exited" })
		}
	})
}

// After the gate a one-shot that is gone is done, in what is live and in the standby.
func TestRunner_AOneShotThatIsGoneIsDoneOnceItsStackWasGated(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.fates["1"], w.fates["2"] = bearing{oneShot: true}, bearing{oneShot: true}
		const two = "routes:\n" + defaultRoute + "  web: {ports: {blue: 3003, green: 3004}, health: /health}"
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green, two))
		p.deploy("c2", yamlOf("2", deploy.Auto, two))
		const well = "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted"
		is := func(what string, ran int) {
			t.Helper()
			p.is(t, p.Once(p.ctx), well)
			if w.oneShots != ran || !w.backupOn {
				t.Errorf("%s: one-shots were run %d times, want %d; the standby is a backup: %v", what, w.oneShots, ran, w.backupOn)
			}
		}
		is("deployed", 2)
		w.did()
		w.pruneStopped()
		is("pruned", 2)
		if did := w.did(); did != ": " {
			t.Errorf("did %s, want nothing", did)
		}

		p.kill()
		p = w.start()
		p.Offer(p.push("c2", yamlOf("2", deploy.Auto, two)))
		w.change(func() { w.stacks[deploy.Blue].containers[0].State = "exited" })
		is("a new process finds the api dead", 2)
		w.wantDid(t, "Healing+BackupChange: up blue 2; gate blue 2; backup-off green 1; backup-on green 1")

		w.change(func() { w.stacks[deploy.Blue].containers = nil })
		is("all of the live stack is gone: it is brought up anew", 3)
	})
}

// A stack that was started and did not pass its gate yet lacks a one-shot that is gone.
func TestRunner_AOneShotThatIsGoneIsMissingWhereNoGateWasPassed(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.fates["2"] = bearing{oneShot: true}
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.disturb = func(_ int, name string) trouble {
			if name == "prober.probe" && len(w.saved.Started[deploy.Blue].Containers) > 0 {
				return crashBefore
			}
			return none
		}
		p.deploy("c2", yamlOf("2", deploy.Auto))
		w.disturb = nil
		if w.oneShots != 1 {
			t.Fatalf("one-shots were run %d times before the gate, want once", w.oneShots)
		}
		w.pruneStopped()
		p = w.start()
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Auto)), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if w.oneShots != 2 {
			t.Errorf("one-shots were run %d times, want it run again", w.oneShots)
		}
	})
}

// A one-shot that had to be started again before it ended well is pruned in the middle of a
// watch: no restart of another container is hidden by that, and it is the same instance.
func TestStack_AOneShotThatIsGoneChangesNeitherInstanceNorRestarts(t *testing.T) {
	api := container("api", func(c *deploy.Container) { c.Restarts = 1 })
	migrate := container("migrate", func(c *deploy.Container) { c.MayEnd, c.State, c.Restarts = true, "exited", 2 })
	before, after := deploy.Stack{Containers: []deploy.Container{api, migrate}}, deploy.Stack{Containers: []deploy.Container{api}}
	if before.Instance() != after.Instance() || before.Restarts() != 1 || after.Restarts() != 1 {
		t.Errorf("instance %q with %d restarts, without the one-shot %q with %d", before.Instance(), before.Restarts(), after.Instance(), after.Restarts())
	}
	migrate.State = "running"
	if again := (deploy.Stack{Containers: []deploy.Container{api, migrate}}); again.Instance() == after.Instance() {
		t.Error("it is the same instance while the one-shot runs again")
	}
}
