package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// writeStatuses prints a line an app, and below it why the app is not Live.
func writeStatuses(w io.Writer, statuses []deploy.Status, now time.Time) error {
	rows := make([]row, 0, len(statuses))
	for _, s := range statuses {
		r := row{cells: []string{s.App, string(s.Phase), string(s.Reason), desiredCell(s.Desired), liveCell(s.Live, now), standbyCell(s.Standby)}}
		if s.Phase != deploy.PhaseLive {
			r.below = s.Message
		}
		rows = append(rows, r)
	}
	return writeTable(w, []string{"APP", "PHASE", "REASON", "DESIRED", "LIVE", "STANDBY"}, rows)
}

func desiredCell(d deploy.StatusDesired) string {
	return words(d.Tag, string(d.Color), deploy.Commit{Hash: d.Commit}.Short())
}

func liveCell(l *deploy.StatusLive, now time.Time) string {
	if l == nil {
		return ""
	}
	since := ""
	if !l.Since.IsZero() {
		since = "since " + ago(now.Sub(l.Since))
	}
	return words(l.Tag, string(l.Color), since)
}

func standbyCell(s *deploy.StatusStack) string {
	if s == nil {
		return ""
	}
	return words(s.Tag, string(s.Color), s.State)
}

// words joins what is not empty.
func words(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// ago prints an age in its largest unit, as precisely as anybody reads it.
func ago(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "0s" // the clocks of two hosts differ
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	default:
		return fmt.Sprintf("%dd", d/day)
	}
}
