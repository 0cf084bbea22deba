package reconciler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// boot starts an agent before Nginx: all containers are as down leaves them, and nothing
// that is asked of Nginx is answered until its end is called.
func (w *stage) boot(down func(c deploy.Color)) (p *process, nginxStarts func()) {
	w.did()
	w.change(func() {
		w.calls = nil
		for _, c := range deploy.Colors() {
			down(c)
		}
		w.disturb = func(_ int, name string) trouble {
			if strings.HasPrefix(name, "router.") || strings.HasPrefix(name, "backup.") {
				return nginxAway
			}
			return none
		}
	})
	return w.start(), func() { w.change(func() { w.disturb = nil }) }
}

func (w *stage) exited(c deploy.Color) { w.lie(c, "exited") }

func (w *stage) removed(c deploy.Color) { delete(w.stacks, c) }

func TestUnasked_WhatWasLiveIsUpBeforeNginxAnswers(t *testing.T) {
	for name, down := range map[string]func(*stage, deploy.Color){
		"its containers do not run": (*stage).exited,
		"its containers are gone":   (*stage).removed,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				w.start().deploy("c1", yamlOf("1", deploy.Green))
				p, nginxStarts := w.boot(func(c deploy.Color) { down(w, c) })
				away := "Degraded/NginxAway, live 1 in green; history 1:Promoted"
				p.is(t, p.deploy("c1", yamlOf("1", deploy.Green)), away)
				w.wantDid(t, "Healing: up green 1; gate green 1")
				if w.stackOf(deploy.Green).Condition != deploy.Running || w.saved.Healing {
					t.Errorf("green is %s, healing %t: want it up, and its gate passed", w.stackOf(deploy.Green).Condition, w.saved.Healing)
				}
				p.is(t, p.Once(p.ctx), away)
				w.wantDid(t, ": ")
				nginxStarts()
				p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
				w.wantDid(t, ": ")
			})
		})
	}
}

// What is only known of Nginx decides about all else: where the traffic goes, whether a
// stack has connections, whether it answers for the other one.
func TestUnasked_NothingElseIsDoneWhileNginxCannotBeAsked(t *testing.T) {
	const later = "singletons: [scheduler]\nstandby: {keep: stopped}\nmigrations: {expand: grow}"
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Blue, "singletons: [scheduler]"))
		p, nginxStarts := w.boot(w.exited)
		p.is(t, p.deploy("c3", yamlOf("3", deploy.Green, later)), "Degraded/NginxAway, live 2 in blue; history 2:Promoted 1:Promoted")
		w.wantDid(t, "Healing: up blue 2; gate blue 2")
		for _, name := range w.calls {
			if slices.Contains([]string{"stacks.stop", "singletons.start", "singletons.stop", "migrator.migrate", "router.flip", "backup.set"}, name) {
				t.Errorf("%s was called", name)
			}
		}
		nginxStarts()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 3 in green, standby 2 stopped; history 3:Promoted 2:Promoted 1:Promoted")
	})
}

func TestUnasked_WhatDoesNotComeBackIsTriedAgainAndNotGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Blue))
		p, nginxStarts := w.boot(func(c deploy.Color) {
			if c == deploy.Blue {
				w.exited(c)
			}
		})
		w.fates["2"] = bearing{sick: true}
		for range 2 {
			s := p.deploy("c3", yamlOf("3", deploy.Green)) // which the standby could wait for
			p.is(t, s, "Degraded/NginxAway, live 2 in blue; history 2:Promoted 1:Promoted")
			for _, words := range []string{"NginxAway: nothing answers", "gate blue: Unhealthy: "} {
				if !strings.Contains(s.Message, words) {
					t.Errorf("message %q, want %q", s.Message, words)
				}
			}
		}
		if len(w.saved.Rejected) > 0 {
			t.Errorf("rejected %v, though nothing could be put in its place", w.saved.Rejected)
		}
		w.change(func() { w.fates["2"] = bearing{} })
		p.is(t, p.Once(p.ctx), "Degraded/NginxAway, live 2 in blue; history 2:Promoted 1:Promoted")
		w.wantDid(t, "Healing: up blue 2; gate blue 2")
		nginxStarts()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 3 in green, standby 2 warm; history 3:Promoted 2:Promoted 1:Promoted")
	})
}

func TestUnasked_AWatchThatABootCutShortBeginsAnew(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		_, end := afterDeploy(t, w, untilEnd, func(w *stage) { w.disturb = func(int, string) trouble { return crashBefore } })
		end(time.Now())
		p, nginxStarts := w.boot(w.exited)
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Degraded/NginxAway, live 2 in blue; history 1:Promoted")
		w.wantDid(t, "Healing: up blue 2; gate blue 2")
		wait(p.ctx, time.Minute)
		nginxStarts()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
	})
}

// Where Nginx sends the traffic to another stack than the one that was gated meanwhile,
// that one may have turned bad since.
func TestUnasked_AGatePassedMeanwhileIsNoProofForAFlip(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.start().deploy("c1", yamlOf("1", deploy.Green))
		p, nginxStarts := w.boot(w.exited)
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.did()
		w.change(func() { w.live = deploy.Blue })
		nginxStarts()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
		w.wantDid(t, "Drifted: gate green 1; flip green 1")
	})
}

func TestUnasked_APlanShowsWhatIsDone(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.start().deploy("c1", yamlOf("1", deploy.Green))
		p, _ := w.boot(w.exited)
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		v, err := p.Preview(p.ctx)
		if got, want := stepWords(v.Steps), "up green 1; gate green 1"; got != want || v.Reason != deploy.NginxAway || err == nil {
			t.Errorf("got %s: %s (%v), want NginxAway: %s", v.Reason, got, err, want)
		}
	})
}
