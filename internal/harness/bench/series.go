package main

import (
	"fmt"
	"slices"
	"time"
)

// series are figures of the same kind, one of each round or turn.
type series []float64

// median is the one in the middle, or between the two in the middle.
func (s series) median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// text is the median, and from where to where the figures go.
func (s series) text(print func(float64) string) string {
	if len(s) == 0 {
		return "none"
	}
	return fmt.Sprintf("%s (%s to %s)", print(s.median()), print(slices.Min(s)), print(slices.Max(s)))
}

func seconds(f float64) string {
	d := time.Duration(f * float64(time.Second))
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

// plain prints a figure without a unit, with three digits that say something.
func plain(f float64) string {
	if f >= 100 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.3g", f)
}

// ratios divides the figures of the same rounds.
func ratios(a, b series) series {
	var out series
	for i := range min(len(a), len(b)) {
		if b[i] != 0 {
			out = append(out, a[i]/b[i])
		}
	}
	return out
}

// differences are by how much the figures of the same rounds are larger.
func differences(a, b series) series {
	var out series
	for i := range min(len(a), len(b)) {
		out = append(out, a[i]-b[i])
	}
	return out
}
