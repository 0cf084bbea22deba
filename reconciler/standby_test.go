package reconciler

import (
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// The registry is away and the image is gone: the standby serves as long as that takes,
// people are told, and the live stack comes back by itself.
func TestRunner_TheStandbyServesUntilTheLiveStackCanComeUpAgain(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		bubble(t, func(t *testing.T, w *stage) {
			p := w.start()
			p.deploy("c1", yamlOf("1", deploy.Green))
			p.deploy("c2", yamlOf("2", deploy.Auto))
			standby := w.stacks[deploy.Green].containers[0].ID
			w.change(func() {
				delete(w.stacks, deploy.Blue)
				w.fates["2"] = bearing{up: &deploy.TemporaryError{Reason: deploy.PullFailed, Err: errInjected}}
			})
			if restarted {
				p.kill()
				p = w.start()
				p.Offer(p.push("c2", yamlOf("2", deploy.Auto)))
			}
			w.did()
			for range 3 {
				s := p.Once(p.ctx)
				p.is(t, s, "Degraded/PullFailed, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
				if !strings.HasSuffix(s.Message, "; served by the standby 1") || !s.Standby.Backup {
					t.Errorf("message %q, standby %+v", s.Message, s.Standby)
				}
			}
			if n := len(w.told(deploy.Repaired)); n > 0 {
				t.Errorf("told %d times that it is mended, and it is not", n)
			}
			w.change(func() { w.fates["2"] = bearing{} })
			s := p.Once(p.ctx)
			p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
			if want := "the live stack was damaged (no containers); mended"; !strings.HasPrefix(s.Message, want) || len(w.told(deploy.Repaired)) != 1 {
				t.Errorf("message %q, want %q, told once", s.Message, want)
			}
			if got := w.stacks[deploy.Green].containers[0].ID; got != standby {
				t.Errorf("the standby has another container: %s, it was %s", got, standby)
			}
		})
	}
}

// A newer release does not wait for one that cannot come up, and does not take the place of the
// standby, which serves: that gets the traffic first.
func TestRunner_ANewerReleaseTakesThePlaceOfALiveOneThatCannotComeUp(t *testing.T) {
	for name, fate := range map[string]bearing{
		"no image":             {up: &deploy.RejectError{Reason: deploy.ImageNotFound, Detail: "gone"}},
		"the registry is away": {up: &deploy.TemporaryError{Reason: deploy.PullFailed, Err: errInjected}},
		"it fails its gate":    {sick: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				p.deploy("c2", yamlOf("2", deploy.Auto))
				w.change(func() { delete(w.stacks, deploy.Blue); w.fates["2"] = fate })
				w.did()
				s := p.deploy("c3", yamlOf("3", deploy.Auto))
				p.is(t, s, "Live/UpToDate, live 3 in blue, standby 1 warm; history 3:Promoted 2:Promoted 1:Promoted")
				if did := w.did(); !strings.HasSuffix(did, "backup-off green 1; gate green 1; flip green 1; confirm green 1; up blue 3; gate blue 3; flip blue 3; confirm blue 3; watch blue 3; backup-on green 1") {
					t.Errorf("did %s", did)
				}
			})
		})
	}
}

func TestRunner_ALiveReleaseThatComesUpAgainIsThereBeforeANewerOne(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Auto))
		w.change(func() { delete(w.stacks, deploy.Blue); w.fates["3"] = bearing{sick: true} })
		began := time.Now()
		p.is(t, p.deploy("c3", yamlOf("3", deploy.Auto)), "Held/Held, live 2 in blue, standby 3 stopped; history 3:Rejected 2:Promoted 1:Promoted")
		if took := time.Since(began); took > time.Minute {
			t.Errorf("took %s", took)
		}
	})
}
