package source

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSchedule_GrowsWithFailuresAndSpreads(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 30, 0, time.UTC)
	s := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	for _, c := range []struct {
		text     string
		failures int
		min, max time.Duration // after noon
	}{
		{"10s", 0, s(9), s(11)},
		{"10s", 1, s(18), s(22)},
		{"10s", 2, s(36), s(44)},
		{"10s", 4, s(144), s(176)},
		{"10s", 5, s(270), s(330)},
		{"10s", 1_000_000, s(270), s(330)},
		{"1h", 0, s(3240), s(3960)},
		{"1h", 7, s(3240), s(3960)},
		{"@every 20s", 0, s(18), s(22)},
		{"@every 20s", 1, s(36), s(44)},
		{"*/5 * * * *", 0, s(270), s(270)},
		{"0 3 * * *", 0, 15*time.Hour - s(30), 15*time.Hour - s(30)},
		{"0 3 * * *", 1, s(18), s(22)},
		{"0 3 * * *", 9, s(270), s(330)},
		{"@daily", 0, 12*time.Hour - s(30), 12*time.Hour - s(30)},
	} {
		schedule, err := ParseSchedule(c.text)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 1000 {
			d := schedule.Next(noon, c.failures, r).Sub(noon)
			least, most = min(least, d), max(most, d)
		}
		if least < c.min || most > c.max {
			t.Errorf("%q after %d failures: between %v and %v, want between %v and %v", c.text, c.failures, least, most, c.min, c.max)
		}
		if c.min < c.max && most-least < (c.max-c.min)/2 {
			t.Errorf("%q after %d failures: %v to %v is hardly spread", c.text, c.failures, least, most)
		}
	}
}

func TestSchedule_RefusesWhatIsNone(t *testing.T) {
	for text, want := range map[string]string{
		"":           "want a duration such as 10s",
		"0s":         "at least 100ms",
		"-5s":        "at least 100ms",
		"1ms":        "at least 100ms",
		"ten":        "want a duration",
		"61 * * * *": "above maximum",
		"* * * *":    "5 fields",
		"0 0 30 2 *": "no such day",
	} {
		if _, err := ParseSchedule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A loop that does what Next says, over an hour in which the remote is away for
// the first half.
func TestSchedule_KeepsALoopQuietWhileTheRemoteIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		schedule, err := ParseSchedule("10s")
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(3, 4))
		start := time.Now()
		failures, away, there := 0, 0, 0
		for time.Since(start) < time.Hour {
			if time.Since(start) < 30*time.Minute {
				failures++
				away++
			} else {
				failures = 0
				there++
			}
			<-time.After(time.Until(schedule.Next(time.Now(), failures, r)))
		}
		// 20+40+80+160 s, then every 5 minutes: 4 + 25 min/5 min; and 30 minutes of 10 s.
		if away < 8 || away > 12 || there < 130 || there > 195 {
			t.Errorf("%d polls while away and %d while there", away, there)
		}
	})
}
