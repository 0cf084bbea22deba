package deploy

import (
	"math"
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
