package accesslog

import (
	"math"
	"time"
)

// latencies counts times by size. Each step is a fifth more than the one before,
// so a time is off by a tenth at most, and an hour needs no more than that many.
type latencies [86]uint32

const latencyStep = 1.2

func (l *latencies) add(took time.Duration) { l[latencyIndex(took)]++ }

// latencyIndex counts in milliseconds, because Nginx does. 0 is less than one.
func latencyIndex(took time.Duration) int {
	ms := float64(took) / float64(time.Millisecond)
	if ms < 0.5 {
		return 0
	}
	i := 1 + int(math.Round(math.Log(ms)/math.Log(latencyStep)))
	return min(max(i, 1), len(latencies{})-1)
}

// quantile is the time that a share of all does not exceed; 0 when there is none.
func (l *latencies) quantile(share float64) time.Duration {
	var all uint64
	for _, n := range l {
		all += uint64(n)
	}
	if all == 0 {
		return 0
	}
	rank := uint64(math.Ceil(share * float64(all)))
	for i, n := range l {
		if rank <= uint64(n) {
			return latencyAt(i)
		}
		rank -= uint64(n)
	}
	return latencyAt(len(l) - 1)
}

func latencyAt(i int) time.Duration {
	if i == 0 {
		return 0
	}
	return time.Duration(math.Pow(latencyStep, float64(i-1)) * float64(time.Millisecond))
}

func (l *latencies) merge(other *latencies) {
	for i, n := range other {
		l[i] += n
	}
}
