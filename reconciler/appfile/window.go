package appfile

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// window is a time in which deploys may start: it opens at each time of the
// schedule, and is open for so long.
type window struct {
	opens  cron.Schedule
	length time.Duration
}

// parseWindow reads "0 9 * * MON-THU for 8h".
func parseWindow(text string) (window, error) {
	i := strings.LastIndex(text, " for ")
	if i < 0 {
		return window{}, errors.New("it does not say for how long")
	}
	d, err := time.ParseDuration(strings.TrimSpace(text[i+len(" for "):]))
	if err != nil {
		return window{}, err
	}
	if d < time.Minute || d > 7*day {
		return window{}, fmt.Errorf("%s is not from 1m to 168h", d)
	}
	s, err := ParseCron(strings.TrimSpace(text[:i]))
	return window{s, d}, err
}

// open tells whether the window is open at t: whether it opened so recently that
// it has not closed yet.
func (w window) open(t time.Time) bool { return !w.opens.Next(t.Add(-w.length)).After(t) }

// Closed tells whether none of the windows is open at now, and when the next one
// opens. No windows at all are never closed.
func Closed(windows []string, now time.Time) (bool, time.Time) {
	var next time.Time
	for _, text := range windows {
		w, err := parseWindow(text)
		if err != nil {
			continue // ParseApp refuses such a file
		}
		if w.open(now) {
			return false, time.Time{}
		}
		if t := w.opens.Next(now); next.IsZero() || t.Before(next) {
			next = t
		}
	}
	return !next.IsZero(), next
}
