package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/harness/load"
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
		"-only=speed":    `there is no measurement "speed": want some of switches, releases, rollbacks, flag, idle`,
		"-ways=fly":      `there is no way "fly": want some of flip, reload, script, place`,
		"-rounds=0":      "want at least 1 round, a switch for each, a deploy in place and a request",
		"-switches=1":    "want at least 1 round, a switch for each, a deploy in place and a request",
		"-apps=1":        "want at least 2 apps and a second of idleness",
		"-connections=x": "-connections=x: want numbers such as 32,256",
		"-no-such-thing": "flag provided but not defined: -no-such-thing",
	} {
		err := run(t.Context(), []string{arg}, &strings.Builder{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", arg, err, want)
		}
	}
}

// A run of one measurement replaces its own section, and keeps what the others found.
func TestPage_ReplacesOneSection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	write := func(s section, titles ...string) {
		t.Helper()
		p, err := readPage(file)
		if err != nil {
			t.Fatal(err)
		}
		p[s.title] = s.String()
		if err := p.write(file, titles); err != nil {
			t.Fatal(err)
		}
	}
	one := func(title, figure string) section {
		return section{title: title, where: "Monday.", intro: "About it.", header: []string{"what"}, rows: [][]string{{figure}}}
	}
	write(one("Last", "old"), "First", "Last")
	write(one("First", "1"), "First", "Last")
	write(one("Last", "new"), "First", "Last")
	write(one("First", "2"), "First", "Last")
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := pageHead + "\n" + one("First", "2").String() + "\n" + one("Last", "new").String()
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	write(one("Last", "new"), "Last") // the other measurement is gone
	if got, err = os.ReadFile(file); err != nil || strings.Contains(string(got), "First") {
		t.Errorf("%v: got\n%s", err, got)
	}
}

// What has an agent, an Nginx and a container for real, in the smallest size: the
// other measurements play on the same stage as "flag". With -short that one alone,
// because a bench is no part of what is tested at each change.
func TestRun_WritesTheReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	t.Chdir("../../..") // where make runs it
	sections := []struct {
		args []string
		want []string // in this order
	}{
		{[]string{"-only=flag", "-rounds=1", "-switches=1", "-requests=200"}, []string{
			"# Performance\n",
			"## The cost of the flag check\n", " UTC, commit ", ", nginx/", "By `make bench BENCH='-only=flag -requests=200 -rounds=1 -switches=1'`.",
			"| plain `proxy_pass`, the usual log | ", "| all of the include | ", "share of a plain Nginx's requests a second: at least 0.98, is ",
		}},
		{[]string{"-only=idle", "-apps=2", "-idle=1s"}, []string{
			"## The cost of being idle\n", "-only=idle", "| apps of one agent: 1 | ", "| apps of one agent: 2 | ",
			"memory with 1 app: at most 40 MB, is ",
		}},
	}
	if testing.Short() {
		sections = sections[:1]
	}
	var want []string
	for _, s := range sections {
		if err := run(t.Context(), append(s.args, "-write="+file), &strings.Builder{}); err != nil {
			t.Fatal(err)
		}
		want = append(want, s.want...)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text)
	for _, w := range want {
		_, after, found := strings.Cut(rest, w)
		if !found {
			t.Fatalf("the report lacks %q, or has it elsewhere:\n%s", w, text)
		}
		rest = after
	}
}
