package deploy

import (
	"fmt"
	"testing"
)

func TestPlanUnasked(t *testing.T) {
	passed := remembered{live: confirmed(Blue, relA), passed: []Release{relA}}
	onTrial := remembered{live: confirmed(Blue, relA)}
	often := onTrial
	often.live.Outages = MostOutages
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
				if got := stepWords(PlanUnasked(wants(desired, Auto), o, c.memory.memory())); got != c.want {
					t.Errorf("%s: got %q, want %q", c.name, got, c.want)
				}
			}
		}
	}
}

// faultUnasked tells what is wrong with what is done in w while Nginx cannot be asked.
func (w miniature) faultUnasked() string {
	t := w.liveRelease
	steps := PlanUnasked(w.app(), w.observed(), w.memory())
	for _, s := range steps {
		c, r := hueOf(s.Color), pickOf(s.Release)
		there := w.stacks[c].release == r || w.stacks[c].condition == uint8(Absent)
		if s.Action != Up && s.Action != Gate || !w.isLiveRelease(c, r) || !there || w.runs(c, r) && (!w.healing || s.Action == Up) {
			return fmt.Sprintf("while Nginx cannot be asked, nothing but what was confirmed live is mended: not %s", s)
		}
	}
	left := t.release != 0 && (w.stacks[t.color].release == t.release || w.stacks[t.color].condition == uint8(Absent))
	if left && w.verdict(t.release) != rejected && !w.runs(t.color, t.release) && len(steps) != 2 {
		return "what was confirmed live is brought up whether Nginx can be asked or not"
	}
	return ""
}
