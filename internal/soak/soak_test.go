package main

import (
	"math/rand/v2"
	"strings"
	"testing"

	"tandem/reconciler"
)

// A seed that a failure printed has to show it again.
func TestChoose_TheSameSeedTakesTheSameSteps(t *testing.T) {
	names := func(seed uint64) string {
		w := &walk{chance: rand.New(rand.NewPCG(seed, 0))}
		var all []string
		for range 40 {
			all = append(all, w.choose().name)
		}
		return strings.Join(all, ", ")
	}
	if a, b := names(7), names(7); a != b {
		t.Errorf("the same seed took\n%s\nand then\n%s", a, b)
	}
	if names(7) == names(8) {
		t.Error("another seed took the same steps")
	}
}

func TestChoose_EveryStepComes(t *testing.T) {
	w := &walk{chance: rand.New(rand.NewPCG(1, 0))}
	seen := map[string]bool{}
	for range 1000 {
		seen[w.choose().name] = true
	}
	for _, s := range steps() {
		if !seen[s.name] {
			t.Errorf("%q never came in 1,000 steps", s.name)
		}
	}
}

func TestSettled_IsTheLastWordOnTheCommit(t *testing.T) {
	status := func(change func(*reconciler.Status)) reconciler.Status {
		s := reconciler.Status{Phase: reconciler.PhaseLive, Reason: reconciler.UpToDate, Live: &reconciler.StatusLive{Tag: "2"}}
		s.Desired.Commit = "c2"
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		status reconciler.Status
		bad    bool
		want   bool
	}{
		"live":               {status(func(*reconciler.Status) {}), false, true},
		"about another":      {status(func(s *reconciler.Status) { s.Desired.Commit = "c1" }), false, false},
		"another is live":    {status(func(s *reconciler.Status) { s.Live.Tag = "1" }), false, false},
		"nothing is live":    {status(func(s *reconciler.Status) { s.Live = nil }), false, false},
		"something follows":  {status(func(s *reconciler.Status) { s.Reason = reconciler.Retiring }), false, false},
		"a bad one is live":  {status(func(*reconciler.Status) {}), true, false},
		"a bad one is held":  {status(func(s *reconciler.Status) { s.Phase = reconciler.PhaseHeld }), true, true},
		"a good one is held": {status(func(s *reconciler.Status) { s.Phase = reconciler.PhaseHeld }), false, false},
	} {
		if got := settled(c.status, "c2", "2", c.bad); got != c.want {
			t.Errorf("%s: settled is %v, want %v", name, got, c.want)
		}
	}
}

func TestRun_WantsATime(t *testing.T) {
	err := run(t.Context(), []string{"-duration=0s"}, &strings.Builder{})
	if err == nil || err.Error() != "duration 0s: want more than 0" {
		t.Errorf("got %v", err)
	}
}

// A minute of it for real, always the same. `make soak` goes on for longer, elsewhere.
func TestRun_AMinute(t *testing.T) {
	t.Chdir("../..") // where make runs it
	var out strings.Builder
	if err := run(t.Context(), []string{"-seed=1", "-duration=1m"}, &out); err != nil {
		t.Error(err)
	}
	t.Log(out.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "steps") || strings.Contains(last, " 0 steps") || strings.Contains(last, "; 0 requests") {
		t.Errorf("the last line proves nothing: %s", last)
	}
}
