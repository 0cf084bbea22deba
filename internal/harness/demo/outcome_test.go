package demo

import (
	"strings"
	"testing"
	"time"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
)

var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func lines(t *testing.T, texts ...string) []stage.LogLine {
	t.Helper()
	var out []stage.LogLine
	for i, text := range texts {
		out = append(out, stage.LogLine{At: start.Add(time.Duration(i) * time.Second), Text: text})
	}
	return out
}

func TestOutcome_OneFailedRequestFailsTheDemo(t *testing.T) {
	good := load.Report{Counts: load.Counts{Requests: 1000}}
	if err := judge(good, nil).err(); err != nil {
		t.Errorf("nothing failed, and yet: %v", err)
	}
	bad := load.Report{Counts: load.Counts{Requests: 1000, Failed: 1}}
	if err := judge(bad, nil).err(); err == nil || !strings.Contains(err.Error(), "1 of 1000 requests failed") {
		t.Errorf("one request failed, and the demo says %v", err)
	}
	if err := judge(load.Report{}, nil).err(); err == nil {
		t.Error("no request at all passes for a success")
	}
	if err := judge(load.Report{Counts: good.Counts, Handshakes: 1}, nil).err(); err == nil {
		t.Error("a WebSocket that could not be opened passes for a success")
	}
}

func TestOutcome_AWebSocketMayEndOnlyAfterItsOwnStackWasDrained(t *testing.T) {
	log := lines(t,
		`time=x level=INFO msg="step done" app=shop step=flip color=green tag=1.1.0 reason=NewRelease`,
		`time=x level=INFO msg="step done" app=shop step=drain color=blue tag=1.0.0 reason=NewRelease`,
		`time=x level=INFO msg="step done" app=shop step=up color=blue tag=1.2.0 reason=NewRelease`,
	)
	session := func(color, tag string, closed time.Duration) load.Report {
		return load.Report{Counts: load.Counts{Requests: 1}, Sessions: []load.Session{{
			Answer: load.Answer{Color: color, Tag: tag}, Opened: start.Add(-time.Second), Closed: start.Add(closed), Reason: "eof",
		}}}
	}
	if o := judge(session("blue", "1.0.0", 2*time.Second), log); o.ended != 1 || o.err() != nil || o.flips != 1 {
		t.Errorf("it ended with its stack: %d ended, %d flips, %v", o.ended, o.flips, o.err())
	}
	for name, r := range map[string]load.Report{
		"before the drain was over": session("blue", "1.0.0", 500*time.Millisecond),
		"of a stack that serves":    session("green", "1.1.0", 2*time.Second),
	} {
		if o := judge(r, log); len(o.cut) != 1 || o.err() == nil {
			t.Errorf("%s: %d cut, %v", name, len(o.cut), o.err())
		}
	}
}

func TestLogFile_ReadsWholeLinesAfterTheMark(t *testing.T) {
	l := stage.LogLine{At: start, Text: `time=2026-01-01T12:00:00.000Z level=INFO msg="step done" app=shop commit=abc step=up color=blue tag=1.2.0`}
	if !l.Is("step done", "step=up", "tag=1.2.0") || l.Is("step done", "tag=1.2") || l.Is("step failed") {
		t.Error("the line is not recognized for what it is")
	}
	if got, want := short(l, "shop"), "12:00:00.000 step done: step=up color=blue tag=1.2.0"; got != want {
		t.Errorf("shortened to %q, want %q", got, want)
	}
}

func TestIsTaken_KeepsClearOfAUsersOwnShop(t *testing.T) {
	for _, name := range []string{"shop", "shop-blue", "shop_default", "shop-data"} {
		if !isTaken("shop", []string{"other", name}) {
			t.Errorf("shop is called free beside %s", name)
		}
	}
	if isTaken("shop", []string{"", "workshop", "shopping", "shop2-blue"}) {
		t.Error("shop is called taken where nothing has the name")
	}
}

func TestFold_KeepsEveryLineWithinTheWidth(t *testing.T) {
	text := strings.Repeat("word ", 60) + strings.Repeat("x", 250) + " ünd ende"
	parts := fold(text, 40)
	for _, p := range parts {
		if len([]rune(p)) > 40 {
			t.Errorf("%q is too long", p)
		}
	}
	if got := strings.ReplaceAll(strings.Join(parts, ""), " ", ""); got != strings.ReplaceAll(text, " ", "") {
		t.Errorf("folding lost something: %q", got)
	}
}
