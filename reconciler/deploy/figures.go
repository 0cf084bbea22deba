package deploy

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file prints figures for people.

// percent prints a share of 0 to 1: "5%", "0.016%".
func percent(share float64) string {
	p := share * 100
	unit := 100.0
	switch {
	case p < 0.01:
		unit = 10_000
	case p < 1:
		unit = 1000
	}
	return strconv.FormatFloat(math.Round(p*unit)/unit, 'f', -1, 64) + "%"
}

// count prints a number with its thousands set apart: "12,410".
func count(n int) string {
	s := itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Counted is "1 request", "2 requests".
func Counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}

func probesOfAgent(n int) string { return Counted(n, "probe") + " of the agent" }

// size prints bytes: "48MiB", "1.5GiB".
func size(bytes float64) string {
	unit, name := 1.0*(1<<20), "MiB"
	if bytes >= 1<<30 {
		unit, name = 1<<30, "GiB"
	}
	digits := 0
	if bytes < 10*unit {
		digits = 1
	}
	return strings.TrimSuffix(strconv.FormatFloat(bytes/unit, 'f', digits, 64), ".0") + name
}

// cores prints CPU: "0.31 cores".
func cores(n float64) string {
	return strconv.FormatFloat(math.Round(n*100)/100, 'f', -1, 64) + " cores"
}

func took(ns float64) string { return Took(time.Duration(ns)).String() }

// Baseline is what the stack that had the traffic showed before a flip. The zero
// Baseline is none.
type Baseline struct {
	For            Release `json:"for"`     // the release that is held against it
	Traffic        Traffic `json:"traffic"` // of the last minutes before the flip
	Usage          Usage   `json:"usage"`
	TrafficUnknown bool    `json:"unread,omitempty"` // the log did not tell Traffic in time
	CPU            float64 `json:"cpu"`              // cores: on average since its start or, where that is more, during the gate of the other
}

// P95 is the time that 95 of 100 do not exceed; 0 where there is none.
func P95(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[int(math.Ceil(0.95*float64(len(times))))-1]
}
