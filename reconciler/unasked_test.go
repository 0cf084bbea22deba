package reconciler

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// boot starts an agent before Nginx: all containers are as down leaves them, and nothing
// that is asked of Nginx is answered until its end is called.
func (w *stage) boot(down func(c Color)) (p *process, nginxStarts func()) {
	w.did()
	w.change(func() {
		w.calls = nil
		for _, c := range Colors() {
			down(c)
		}
		w.disturb = func(_ int, name string) trouble {
			if strings.HasPrefix(name, "router.") || strings.HasPrefix(name, "spare.") {
				return nginxAway
			}
			return none
		}
	})
	return w.start(), func() { w.change(func() { w.disturb = nil }) }
}

func (w *stage) exited(c Color) { w.lie(c, "exited") }

func (w *stage) removed(c Color) { delete(w.stacks, c) }

func TestUnasked_WhatWasLiveIsUpBeforeNginxAnswers(t *testing.T) {
	for name, down := range map[string]func(*stage, Color){
		"its containers do not run": (*stage).exited,
		"its containers are gone":   (*stage).removed,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				w.start().deploy("c1", yamlOf("1", Green))
				p, nginxStarts := w.boot(func(c Color) { down(w, c) })
				away := "Degraded/NginxAway, live 1 in green; history 1:Promoted"
				p.is(t, p.deploy("c1", yamlOf("1", Green)), away)
				w.wantDid(t, "Healing: up green 1; gate green 1")
				if w.stackOf(Green).Condition != Running || w.saved.Healing {
					t.Errorf("green is %s, healing %t: want it up, and its gate passed", w.stackOf(Green).Condition, w.saved.Healing)
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
		p.deploy("c1", yamlOf("1", Green))
		p.deploy("c2", yamlOf("2", Blue, "singletons: [scheduler]"))
		p, nginxStarts := w.boot(w.exited)
		p.is(t, p.deploy("c3", yamlOf("3", Green, later)), "Degraded/NginxAway, live 2 in blue; history 2:Promoted 1:Promoted")
		w.wantDid(t, "Healing: up blue 2; gate blue 2")
		for _, name := range w.calls {
			if slices.Contains([]string{"stacks.stop", "singletons.engage", "singletons.relieve", "migrator.migrate", "router.flip", "spare.arm"}, name) {
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
		p.deploy("c1", yamlOf("1", Green))
		p.deploy("c2", yamlOf("2", Blue))
		p, nginxStarts := w.boot(func(c Color) {
			if c == Blue {
				w.exited(c)
			}
		})
		w.fates["2"] = bearing{sick: true}
		for range 2 {
			s := p.deploy("c3", yamlOf("3", Green)) // which the standby could wait for
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
		p.is(t, p.deploy("c2", yamlOf("2", Blue)), "Degraded/NginxAway, live 2 in blue; history 1:Promoted")
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
		w.start().deploy("c1", yamlOf("1", Green))
		p, nginxStarts := w.boot(w.exited)
		p.deploy("c1", yamlOf("1", Green))
		w.did()
		w.change(func() { w.live = Blue })
		nginxStarts()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
		w.wantDid(t, "Drifted: gate green 1; flip green 1")
	})
}

func TestUnasked_APlanShowsWhatIsDone(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.start().deploy("c1", yamlOf("1", Green))
		p, _ := w.boot(w.exited)
		p.Offer(p.push("c1", yamlOf("1", Green)))
		v, err := p.Preview(p.ctx)
		if got, want := stepWords(v.Steps), "up green 1; gate green 1"; got != want || v.Reason != NginxAway || err == nil {
			t.Errorf("got %s: %s (%v), want NginxAway: %s", v.Reason, got, err, want)
		}
	})
}

func TestPlanUnasked(t *testing.T) {
	passed := remembered{live: confirmed(Blue, relA), passed: []Release{relA}}
	onTrial := remembered{live: confirmed(Blue, relA)}
	often := onTrial
	often.live.Outages = mostOutages
	takenBack := remembered{live: confirmed(Blue, relA), passed: []Release{relB}, rejected: []Release{relA}}
	for _, c := range []struct {
		name        string
		blue, green StackFacts
		memory      remembered
		want        string
	}{
		{"nothing was ever live", brokenA, absent, remembered{}, ""},
		{"what is live runs", warmA, brokenB, passed, ""},
		{"what is live is dead", stoppedA, warmB, passed, "up blue a; gate blue a"},
		{"nothing is left of what is live", absent, warmB, passed, "up blue a; gate blue a"},
		{"something else is in its color", brokenB, absent, passed, ""},
		{"its watch is not over", stoppedA, warmB, onTrial, "up blue a; gate blue a"},
		{"its watch began anew too often", stoppedA, warmB, often, ""},
		{"it was rejected, and another one can be live", stoppedA, warmB, takenBack, ""},
		{"it was rejected, and it is all there is", stoppedA, absent, takenBack, "up blue a; gate blue a"},
	} {
		for _, live := range []Color{NoColor, Blue, Green} {
			for _, desired := range []Release{relA, relB} {
				o := Observed{Live: live, Blue: c.blue, Green: c.green}
				if got := stepWords(planUnasked(wants(desired, Auto), o, c.memory.memory())); got != c.want {
					t.Errorf("%s: got %q, want %q", c.name, got, c.want)
				}
			}
		}
	}
}

// faultUnasked tells what is wrong with what is done in w while Nginx cannot be asked.
func (w miniature) faultUnasked() string {
	t := w.tenure
	steps := planUnasked(w.app(), w.observed(), w.memory())
	for _, s := range steps {
		c, r := hueOf(s.Color), pickOf(s.Release)
		there := w.stacks[c].release == r || w.stacks[c].condition == uint8(Absent)
		if s.Action != Up && s.Action != Gate || !w.isTenure(c, r) || !there || w.runs(c, r) && (!w.healing || s.Action == Up) {
			return fmt.Sprintf("while Nginx cannot be asked, nothing but what was confirmed live is mended: not %s", s)
		}
	}
	left := t.release != 0 && (w.stacks[t.color].release == t.release || w.stacks[t.color].condition == uint8(Absent))
	if left && w.verdict(t.release) != rejected && !w.runs(t.color, t.release) && len(steps) != 2 {
		return "what was confirmed live is brought up whether Nginx can be asked or not"
	}
	return ""
}
