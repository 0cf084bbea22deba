package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/reconciler/deploy"
)

// A seed that a failure printed has to show it again.
func TestChoose_TheSameSeedTakesTheSameSteps(t *testing.T) {
	names := func(seed uint64) string {
		var all []string
		for n := range 40 {
			s, chance := choose(seed, n, nil)
			all = append(all, fmt.Sprintf("%s %d", s.name, chance.IntN(1000)))
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

func TestChoose_EveryStepComesButThoseLeftOut(t *testing.T) {
	all, some := map[string]bool{}, map[string]bool{}
	for n := range 1000 {
		s, _ := choose(1, n, nil)
		all[s.name] = true
		s, _ = choose(1, n, []string{clockJump})
		some[s.name] = true
	}
	for _, s := range steps() {
		if !all[s.name] {
			t.Errorf("%q never came in 1,000 steps", s.name)
		}
	}
	if some[clockJump] || len(some) != len(all)-1 {
		t.Errorf("without %s came %v", clockJump, slices.Sorted(maps.Keys(some)))
	}
}

func TestShortest_LeavesWhatItTakes(t *testing.T) {
	story := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for name, c := range map[string]struct{ needs, want []int }{
		"the last step":         {[]int{12}, []int{12}},
		"two steps":             {[]int{7, 12}, []int{7, 12}},
		"three steps":           {[]int{5, 8, 12}, []int{5, 8, 12}},
		"what was at the start": {[]int{1, 12}, nil}, // only the whole story is so long
	} {
		tried := 0
		short, failure := shortest(story, func(try []int) error {
			tried++
			for _, n := range c.needs {
				if !slices.Contains(try, n) {
					return nil
				}
			}
			return fmt.Errorf("failed with %v", try)
		})
		if !slices.Equal(short, c.want) {
			t.Errorf("%s: got %v, want %v", name, short, c.want)
		}
		if (failure == nil) != (c.want == nil) || failure != nil && failure.Error() != fmt.Sprintf("failed with %v", c.want) {
			t.Errorf("%s: the failure is %v", name, failure)
		}
		if tried > 20 {
			t.Errorf("%s: %d stories were tried", name, tried)
		}
	}
}

func TestSettled_IsTheLastWord(t *testing.T) {
	status := func(change func(*deploy.Status)) deploy.Status {
		s := deploy.Status{Phase: deploy.PhaseLive, Reason: deploy.UpToDate, Live: &deploy.StatusLive{Tag: "2"}}
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		status deploy.Status
		bad    bool
		want   bool
	}{
		"live":               {status(func(*deploy.Status) {}), false, true},
		"another is live":    {status(func(s *deploy.Status) { s.Live.Tag = "1" }), false, false},
		"nothing is live":    {status(func(s *deploy.Status) { s.Live = nil }), false, false},
		"something follows":  {status(func(s *deploy.Status) { s.Reason = deploy.Retiring }), false, false},
		"a bad one is live":  {status(func(*deploy.Status) {}), true, false},
		"a bad one is held":  {status(func(s *deploy.Status) { s.Phase = deploy.PhaseHeld }), true, true},
		"a good one is held": {status(func(s *deploy.Status) { s.Phase = deploy.PhaseHeld }), false, false},
	} {
		if got := settled(c.status, "2", c.bad); got != c.want {
			t.Errorf("%s: settled is %v, want %v", name, got, c.want)
		}
	}
}

func TestTooOften_IsARejectionThatNobodyAskedFor(t *testing.T) {
	entry := func(tag string, r deploy.Result) deploy.Entry { return deploy.Entry{Tag: tag, Result: r} }
	no, yes := deploy.RejectedBeforeTraffic, deploy.Promoted
	history := []deploy.Entry{entry("2", no), entry("1", yes), entry("2", no), entry("1", yes)}
	if err := tooOften(history, []string{"1", "2", "1", "2"}); err != nil { // by a revert of the revert
		t.Error(err)
	}
	if err := tooOften(history, []string{"1", "2", "1"}); err == nil {
		t.Error("two rejections of a release that was asked for once are not seen")
	}
}

func TestParse_SaysWhatIsWrong(t *testing.T) {
	for args, want := range map[string]string{
		"-duration=0s":         "duration 0s: want more than 0",
		"-steps=1,x":           `invalid value "1,x" for flag -steps: "x" is not a number`,
		"-without=earthquakes": `invalid value "earthquakes" for flag -without: there is no step "earthquakes"`,
	} {
		if _, err := parse([]string{args}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

// A minute of it for real, always the same, with the clock that everybody has: the
// other one takes too long to build. `make soak` goes on for longer, elsewhere.
func TestRun_AMinute(t *testing.T) {
	if !testbed.IsReexec() {
		if err := testbed.Reexec(t.Context(), "-test.run=^"+t.Name()+"$", "-test.v"); err != nil {
			t.Error(err)
		}
		return
	}
	if err := testbed.StartLoopback(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Chdir("../../..") // where make runs it
	var out strings.Builder
	if err := run(t.Context(), []string{"-seed=1", "-duration=1m", "-without=" + clockJump}, &out); err != nil {
		t.Error(err)
	}
	t.Log(out.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "steps") || strings.Contains(last, " 0 steps") || strings.Contains(last, "; 0 requests") {
		t.Errorf("the last line proves nothing: %s", last)
	}
}
