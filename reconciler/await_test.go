package reconciler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// twoDeployed is a process with 2 live in blue, and 1 as its backup in green.
func twoDeployed(t *testing.T, w *stage) *process {
	t.Helper()
	p := w.start()
	p.deploy("c1", yamlOf("1", deploy.Green))
	p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
	return p
}

const waiting = "Deploying/AwaitingImage, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted"

func TestAwait_AnImageThatComesLateIsDeployed(t *testing.T) {
	for name, c := range map[string]struct{ image, more string }{
		"of the stack":                {"stack", ""},
		"of the expand migration":     {"expand", "migrations: {expand: grow}"},
		"of the stack, after expand":  {"stack", "migrations: {expand: grow}"},
		"of the stack, with a window": {"stack", `windows: ["0 0 * * * for 24h"]`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := twoDeployed(t, w)
				w.fates["3"] = bearing{image: c.image}
				p.run()
				p.Offer(p.push("c3", yamlOf("3", deploy.Green, c.more)))
				elapse(t, 2*time.Minute)
				p.is(t, p.Status(), waiting)
				if !w.backupOn || w.stacks[deploy.Green].release != releaseOf("1") {
					t.Errorf("the standby is %s, a backup: %v; it is to stay as it was", w.stacks[deploy.Green].release, w.backupOn)
				}
				if s := p.Status(); !strings.Contains(s.Message, "waits for the image until ") || !strings.Contains(s.Message, c.image+":3 does not exist") {
					t.Errorf("message %q", s.Message)
				}
				w.change(func() { w.fates["3"] = bearing{} })
				elapse(t, time.Minute)
				p.is(t, p.Status(), "Live/UpToDate, live 3 in green, standby 2 warm; history 3:Promoted 2:Promoted 1:Promoted")
			})
		})
	}
}

func TestAwait_TheVerdictComesWhenTheTimeIsOverAndTheQuestionsGrowRare(t *testing.T) {
	for limit, want := range map[string]time.Duration{"": 5 * time.Minute, "gate: {image_timeout: 40s}": 40 * time.Second, "gate: {image_timeout: 0s}": 0} {
		t.Run(limit, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := twoDeployed(t, w)
				w.fates["3"] = bearing{image: "stack"}
				p.run()
				asked, ups, began := w.timesOf("stacks.look"), w.count("stacks.up"), time.Now()
				text := strings.Replace(yamlOf("3", deploy.Green), "gate: {timeout: 20s}", limit, 1)
				p.Offer(p.push("c3", text))
				elapse(t, want-min(want, time.Second))
				if want > 0 {
					p.is(t, p.Status(), waiting)
				}
				elapse(t, 2*time.Second)
				p.is(t, p.Status(), "Held/Held, live 2 in blue, standby 1 warm; history 3:Rejected 2:Promoted 1:Promoted")
				if e := p.Status().History[0]; e.Reason != deploy.ImageNotFound || time.Duration(e.Took) < want {
					t.Errorf("the history says %+v", e)
				}
				times := asked()
				for i := 1; i < len(times); i++ {
					since := times[i-1].Sub(began)
					if pause := times[i].Sub(times[i-1]); pause < min(max(firstPause, since/2), longestAsk) {
						t.Errorf("asked again after %s, at %s", pause, since)
					}
				}
				if n := w.count("stacks.up") - ups; n > 2 {
					t.Errorf("brought up %d times, want once at the beginning and once at the end", n)
				}
				elapse(t, time.Hour)
				if n := len(asked()); n != len(times) {
					t.Errorf("asked %d times more after the verdict", n-len(times))
				}
			})
		})
	}
}

func TestAwait_ARestartDoesNotBeginTheTimeAnew(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := twoDeployed(t, w)
		w.fates["3"] = bearing{image: "stack"}
		began := time.Now()
		var s *deploy.Status
		for time.Since(began) < 6*time.Minute {
			s = p.deploy("c3", yamlOf("3", deploy.Green))
			if s.Phase == deploy.PhaseHeld {
				break
			}
			p.is(t, s, waiting)
			elapse(t, 20*time.Second)
			p = w.start()
		}
		p.is(t, s, "Held/Held, live 2 in blue, standby 1 warm; history 3:Rejected 2:Promoted 1:Promoted")
		if took := time.Since(began); took < 5*time.Minute || took > 5*time.Minute+20*time.Second {
			t.Errorf("the verdict came after %s", took)
		}
	})
}

func TestAwait_AnotherCommitIsActedUponAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := twoDeployed(t, w)
		w.fates["3"] = bearing{image: "stack"}
		p.run()
		p.Offer(p.push("c3", yamlOf("3", deploy.Green)))
		elapse(t, 4*time.Minute)
		began := time.Now()
		p.Offer(p.push("c4", yamlOf("4", deploy.Green)))
		elapse(t, 10*time.Second)
		p.is(t, p.Status(), "Live/UpToDate, live 4 in green, standby 2 warm; history 4:Promoted 3:Superseded 2:Promoted 1:Promoted")
		if h := p.Status().History[0]; h.Started.Sub(began) > time.Second {
			t.Errorf("it began %s after the commit", h.Started.Sub(began))
		}
	})
}

func TestAwait_AContractMigrationsImageIsWaitedForWhileTheReleaseIsLive(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := twoDeployed(t, w)
		w.fates["3"] = bearing{image: "contract"}
		p.run()
		p.Offer(p.push("c3", yamlOf("3", deploy.Green, "migrations: {contract: shrink}")))
		elapse(t, 2*time.Minute)
		if s := p.Status(); s.Phase != deploy.PhaseLive || s.Reason != deploy.AwaitingImage || s.Live.Tag != "3" {
			t.Errorf("got %s", summary(s))
		}
		w.change(func() { w.fates["3"] = bearing{} })
		elapse(t, time.Minute)
		p.is(t, p.Status(), "Live/UpToDate, live 3 in green, standby 2 stopped; history 3:Promoted 2:Promoted 1:Promoted")
		if want := []string{"contract 3"}; !slices.Equal(w.ran, want) {
			t.Errorf("ran %v, want %v", w.ran, want)
		}
	})
}
