package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/load"
)

func TestSeries_MedianIsTheOneInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		figures series
		median  float64
		text    string
	}{
		{nil, 0, "none"},
		{series{7}, 7, "7 (7 to 7)"},
		{series{9, 1, 2}, 2, "2 (1 to 9)"},
		{series{4, 1, 2, 1000}, 3, "3 (1 to 1000)"},
	} {
		if got := c.figures.median(); got != c.median {
			t.Errorf("median of %v is %v, want %v", c.figures, got, c.median)
		}
		if got := c.figures.text(plain); got != c.text {
			t.Errorf("%v is told as %q, want %q", c.figures, got, c.text)
		}
	}
}

// A round without a figure to divide by says nothing, and is left out.
func TestRatios_AreOfTheSameRound(t *testing.T) {
	got := ratios(series{1, 2, 3}, series{2, 0, 6})
	if len(got) != 2 || got[0] != .5 || got[1] != .5 {
		t.Errorf("got %v", got)
	}
}

func TestScore_AddsTheRoundsUp(t *testing.T) {
	var s score
	s.add(load.Report{Counts: load.Counts{Requests: 100, Failed: 4}}, 2)
	s.add(load.Report{Counts: load.Counts{Requests: 50, Failed: 0}, Sessions: []load.Session{{Reason: "eof"}}}, 2)
	row := strings.Join(s.row("x", 32), " | ")
	if want := "x | 32 | 4 | 150 | 4 | 1 (0 to 2) | 0s (0s to 0s) | 1"; row != want {
		t.Errorf("got  %s\nwant %s", row, want)
	}
}

func TestTarget_SaysByHowMuchItIsMissed(t *testing.T) {
	for _, c := range []struct {
		got  float64
		want string
	}{
		{.004, "Target met: the flip: at most 5ms, is 4ms."},
		{.02, "**Target missed**: the flip: at most 5ms, is 20ms."},
	} {
		if got := target("the flip", c.got, .005, seconds); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestRun_RefusesWhatItCannotMeasure(t *testing.T) {
	for arg, want := range map[string]string{
		"-only=speed":    `there is no measurement "speed": want some of switches, releases, rollbacks, flag`,
		"-rounds=0":      "want at least 1 round, a switch for each, a deploy in place and a request",
		"-switches=1":    "want at least 1 round, a switch for each, a deploy in place and a request",
		"-no-such-thing": "flag provided but not defined: -no-such-thing",
	} {
		err := run(t.Context(), []string{arg}, &strings.Builder{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", arg, err, want)
		}
	}
}

// One measurement for real, in the smallest size: the others play on the same stage.
func TestRun_WritesTheReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	t.Chdir("../..") // where make runs it
	args := []string{"-only=flag", "-rounds=1", "-switches=1", "-requests=200", "-write=" + file}
	if err := run(t.Context(), args, &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Performance\n", "`make bench BENCH='-only=flag -requests=200 -rounds=1 -switches=1'`", "- Commit: ", "- Nginx: nginx version: ",
		"## The cost of the flag check\n", "| requests a second | ", "requests a second that are lost: at most 2.0%, is ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}
