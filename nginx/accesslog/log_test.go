package accesslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

// logBook is an access log that a test writes and reads.
type logBook struct {
	log accessLog
	now time.Time
}

func newLogBook(t *testing.T) *logBook {
	t.Helper()
	return &logBook{accessLog{path: filepath.Join(t.TempDir(), "shop.access.log")}, time.Unix(1700000000, 0)}
}

func (b *logBook) append(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(filepath.Dir(b.log.path), name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func (b *logBook) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	err := b.log.read(t.Context(), b.now, func(line []byte) { got = append(got, strings.TrimSuffix(string(line), "\n")) })
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("read: %v (-want +got):\n%s", err, diff)
	}
}

const current, former = "shop.access.log", "shop.access.log.1"

func TestAccessLog_ReadsEachLineOnceAndAPartialOneWhenItIsWhole(t *testing.T) {
	b := newLogBook(t)
	b.append(t, current, "one\ntw")
	b.want(t, "one")
	b.want(t)
	b.append(t, current, "o\nthree\n")
	b.want(t, "two", "three")
	b.want(t)
}

func TestAccessLog_ReadsTheRestOfARenamedLogForAMinute(t *testing.T) {
	b := newLogBook(t)
	b.append(t, current, "one\n")
	b.want(t, "one")
	b.append(t, current, "two\n")
	rename(t, b.log.path)
	b.append(t, current, "four\n")
	b.append(t, former, "three\n")
	b.want(t, "two", "three", "four")
	b.append(t, former, "five\n")
	b.now = b.now.Add(rotatedRetention)
	b.want(t, "five")
	b.append(t, former, "too late\n")
	b.append(t, current, "six\n")
	b.want(t, "six")
}

func rename(t *testing.T, path string) {
	t.Helper()
	if err := os.Rename(path, filepath.Join(filepath.Dir(path), former)); err != nil {
		t.Fatal(err)
	}
}

func TestAccessLog_RotatedAndDeletedBetweenTwoLooksGoesOnWithTheNewOne(t *testing.T) {
	b := newLogBook(t)
	b.append(t, current, "one\n")
	b.want(t, "one")
	rename(t, b.log.path)
	b.append(t, current, "two\n")
	if err := os.Remove(filepath.Join(filepath.Dir(b.log.path), former)); err != nil {
		t.Fatal(err)
	}
	b.want(t, "two")
}

func TestAccessLog_NoticesThatItWasEmptiedEvenWhenItIsLongerAgain(t *testing.T) {
	for _, text := range []string{"2 b\n", "2 b\n3 c\n4 d\n"} {
		b := newLogBook(t)
		b.append(t, current, "1 a\n2 a\n")
		b.want(t, "1 a", "2 a")
		if err := os.Truncate(b.log.path, 0); err != nil {
			t.Fatal(err)
		}
		b.append(t, current, text)
		b.want(t, strings.Split(strings.TrimSpace(text), "\n")...)
	}
}

func TestAccessLog_FirstLookReadsOnlyTheEndOfALongLog(t *testing.T) {
	b := newLogBook(t)
	line := strings.Repeat("x", 99) + "\n"
	b.append(t, current, strings.Repeat(line, 2*firstLook/len(line)))
	n := 0
	if err := b.log.read(t.Context(), b.now, func(l []byte) {
		if string(l) != line {
			t.Fatalf("got a piece of a line: %q", l)
		}
		n++
	}); err != nil {
		t.Fatal(err)
	}
	if most := firstLook / len(line); n > most || n < most-1 {
		t.Errorf("read %d lines, want %d", n, most)
	}
}

func TestAccessLog_PassesOverALineThatIsTooLong(t *testing.T) {
	b := newLogBook(t)
	b.append(t, current, "one\n"+strings.Repeat("x", 3*lineLimit))
	b.want(t, "one")
	b.append(t, current, strings.Repeat("x", lineLimit)+"\ntwo\n")
	b.want(t, "two")
}

func TestAccessLog_GoesOnWhereAnEndedContextStoppedIt(t *testing.T) {
	b := newLogBook(t)
	var lines strings.Builder
	for n := range 3 * rotatedGrace {
		fmt.Fprintln(&lines, n)
	}
	b.append(t, current, lines.String())
	ctx, cancel := context.WithCancel(t.Context())
	var got strings.Builder
	collect := func(line []byte) { got.Write(line); cancel() }
	if err := b.log.read(ctx, b.now, collect); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	rename(t, b.log.path) // what is left is read from where it is now
	b.append(t, current, "the new one\n")
	if err := b.log.read(ctx, b.now, collect); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if err := b.log.read(t.Context(), b.now, collect); err != nil {
		t.Fatal(err)
	}
	if want := lines.String() + "the new one\n"; got.String() != want {
		t.Errorf("got %d bytes, want %d", got.Len(), len(want))
	}
}

// book is a meter, and the log that it reads.
func book(t *testing.T) (m *Meter, path string, write func(lines ...string)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), current)
	b := &logBook{log: accessLog{path: path}}
	return NewMeter(slog.New(slog.DiscardHandler)), path, func(lines ...string) { b.append(t, current, strings.Join(lines, "")) }
}

func ago(d time.Duration) string {
	return fmt.Sprintf("%.3f", float64(time.Now().Add(-d).UnixMilli())/1000)
}

func TestTraffic_SumsUpWhatEndedSince(t *testing.T) {
	m, path, write := book(t)
	line := func(d time.Duration, change ...string) string {
		return someLine(append(change, "1700000000.123", ago(d))...) + "\n"
	}
	write(
		line(2*time.Hour), // kept by the minute
		line(10*time.Minute),
		line(10*time.Minute, ":200", ":500"),
		line(time.Minute, `"0.012"`, `"0.500"`),
		line(time.Minute, ":200", ":101", `"0.012"`, `"3600.000"`),     // a WebSocket
		line(time.Minute, `"probe":""`, `"probe":"1"`, ":200", ":502"), // the agent
		line(time.Minute, `"shop_api_blue"`, `"pear_web_blue"`, ":200", ":502"),
		line(time.Minute, `"blue"`, `"green"`, ":200", ":499"),
		line(48*time.Hour), // too old
		line(-time.Hour),   // from the future
		"not ours\n",
		someLine()[:77]+line(time.Minute, `"0.012"`, `"0.020"`), // behind a torn one
	)
	for name, c := range map[string]struct {
		color deploy.Color
		since time.Duration
		want  deploy.Traffic
	}{
		"last minutes": {deploy.Blue, 5 * time.Minute, deploy.Traffic{Requests: 3, Probes: 1, P95: 500 * time.Millisecond}},
		"half an hour": {deploy.Blue, 30 * time.Minute, deploy.Traffic{Requests: 5, Errors: 1, Probes: 1, P95: 500 * time.Millisecond}},
		"a day":        {deploy.Blue, 24 * time.Hour, deploy.Traffic{Requests: 6, Errors: 1, Probes: 1, P95: 500 * time.Millisecond}},
		"nothing":      {deploy.Blue, 30 * time.Second, deploy.Traffic{}},
		"green":        {deploy.Green, 5 * time.Minute, deploy.Traffic{Requests: 1, P95: 12 * time.Millisecond}},
		"no color":     {deploy.NoColor, 24 * time.Hour, deploy.Traffic{}},
	} {
		got, err := m.Traffic(t.Context(), path, "shop", c.color, time.Now().Add(-c.since))
		if err != nil {
			t.Fatal(err)
		}
		if off := float64(got.P95-c.want.P95) / float64(max(c.want.P95, 1)); off > 0.1 || off < -0.1 {
			t.Errorf("%s: p95 is %s, want %s", name, got.P95, c.want.P95)
		}
		if got.P95 = c.want.P95; got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
	if got := m.of("shop", path).strange; got != 1 {
		t.Errorf("%d lines were strange, want 1", got)
	}
}

func TestHistory_HoldsADayAndNoMore(t *testing.T) {
	h := newHistory()
	start := time.Unix(1700000000, 0)
	for s := range 50 * 3600 / 5 {
		now := start.Add(time.Duration(5*s) * time.Second)
		h.add(accessLine{ended: now, status: 200, passed: true})
		if s%100 == 0 {
			h.age(now)
		}
	}
	now := start.Add(50 * time.Hour)
	h.age(now)
	if most := int(bySecond/time.Second) + 1; len(h.seconds) > most {
		t.Errorf("%d seconds are held, want at most %d", len(h.seconds), most)
	}
	if most := int(retention/time.Minute) + 1; len(h.minutes) > most {
		t.Errorf("%d minutes are held, want at most %d", len(h.minutes), most)
	}
	if got, want := h.since(now.Add(-24*time.Hour)).Requests, 24*3600/5; got < want || got > want+12 {
		t.Errorf("%d requests in a day, want %d, or up to a minute more", got, want)
	}
}

func TestHistory_WhatAClockThatWasAheadHasSeenIsForgotten(t *testing.T) {
	h, ahead := newHistory(), time.Unix(1700000000, 0)
	for ago := range 60 { // by the second, and by the minute
		h.add(accessLine{ended: ahead.Add(-time.Duration(ago) * time.Minute), status: 502, passed: true})
	}
	h.age(ahead)
	now := ahead.Add(-3 * time.Hour)
	h.add(accessLine{ended: now, status: 200, passed: true})
	h.age(now)
	if got := h.since(now); got.Requests != 1 || got.Errors != 0 {
		t.Errorf("%d requests, %d of them errors, since the clock was set back: want the one that there was", got.Requests, got.Errors)
	}
}

func TestLatencies_QuantileIsOffByATenthAtMost(t *testing.T) {
	for ms := 1; ms < 3600_000; ms = ms*11/10 + 1 {
		var l latencies
		want := time.Duration(ms) * time.Millisecond
		for range 6 { // of 100, so that the 95th is among them
			l.add(want)
		}
		for range 94 {
			l.add(0)
		}
		got := l.quantile(0.95)
		if off := float64(got-want) / float64(want); off > 0.1 || off < -0.1 {
			t.Errorf("%s is told as %s", want, got)
		}
		if got := l.quantile(0.5); got != 0 {
			t.Errorf("the half takes %s, want 0", got)
		}
	}
	if got := (&latencies{}).quantile(0.95); got != 0 {
		t.Errorf("of nothing: got %s", got)
	}
}
