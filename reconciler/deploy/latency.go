package deploy

import (
	"math"
	"slices"
	"time"
)

// A new process is slow for a while, however good its code is: caches are cold, code is
// being compiled, and two stacks share the cores. So latency and CPU are judged only
// after a warm-up, and only what stays bad is held against a release.
const (
	// LookEvery lies between two looks of a watch.
	LookEvery = 2 * time.Second
	// LongestWarmUp is the warm-up of a watch that is long enough for it.
	LongestWarmUp = 20 * time.Second
	// LatencyWindow is what one look makes its p95 of: long enough for min_requests of a
	// small site, short enough to be over soon after the trouble is.
	LatencyWindow = 15 * time.Second
	// SlowTime is for how long every look has to be bad. Half a minute of a noisy neighbor
	// must not be enough, and stands in the window of the log for latencyWindow more.
	SlowTime = 50 * time.Second
)

// WarmUp is for how long after the flip latency and CPU are not judged. A short watch
// has a short one, or it would judge neither.
func (p WatchPolicy) WarmUp() time.Duration { return min(LongestWarmUp, p.For/2) }

// slow is the latency or CPU of the last look that is over its limit, and Sample.After of
// the first look of those in a row that had one; nil and 0 where there is none.
func (j judge) slow(samples []Sample) (last *Breach, since time.Duration) {
	for n := len(samples); n > 0; n-- {
		b := j.slowLook(samples[:n])
		if b == nil {
			break
		}
		if last == nil {
			last = b
		}
		since = samples[n-1].After
	}
	return last, since
}

// slowLook is what is over its limit in the last of the samples; nothing is before the
// warm-up is over.
func (j judge) slowLook(samples []Sample) *Breach {
	s := samples[len(samples)-1]
	if s.After < j.policy.WarmUp() {
		return nil
	}
	for _, b := range []*Breach{j.slowTraffic(s), j.slowProbes(s), j.badCPU(samples)} {
		if b != nil {
			return b
		}
	}
	if s.Late != "" {
		return &Breach{HealthSick, 1, 0, "health answer of " + s.Late}
	}
	return nil
}

// slowTraffic judges people's requests.
func (j judge) slowTraffic(s Sample) *Breach {
	t := s.Lately
	x, over := exceeds(float64(t.P95), j.p95Limits())
	if !over || !j.timed(s) {
		return nil
	}
	return breach(P95Seconds, float64(t.P95), x, "p95 %s (of %s in the last %s) is over %s", Took(t.P95), Counted(t.Requests, "request"), Took(LatencyWindow), x.words)
}

// timed tells whether people made requests enough for a p95.
func (j judge) timed(s Sample) bool {
	return s.Lately.Requests > 0 && s.Lately.Requests >= j.policy.MinRequests
}

// slowProbes judges the agent's probes, by the policy's limit.
func (j judge) slowProbes(s Sample) *Breach {
	v := s.Asked
	x, over := exceeds(float64(v.P95), j.p95(0, false))
	if !over || !j.byProbes(s) || v.Count == 0 || !j.enough(s) {
		return nil
	}
	return breach(P95Seconds, float64(v.P95), x, "p95 %s (of %s through nginx in the last %s) is over %s", Took(v.P95), probesOfAgent(v.Count), Took(LatencyWindow), x.words)
}

// P95 is the time that 95 of 100 do not exceed; 0 where there is none.
func P95(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[int(math.Ceil(0.95*float64(len(times))))-1]
}
