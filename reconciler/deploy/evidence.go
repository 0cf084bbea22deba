package deploy

import (
	"fmt"
	"strings"
)

// evidence says in one sentence what a release passed with: each figure with its
// limit, or what it was before the flip.
func (j judge) evidence(samples []Sample) string {
	s := samples[len(samples)-1]
	parts := []string{j.traffic(s)}
	if j.old.TrafficUnknown {
		parts = append(parts, "what the old stack answered is not known")
	}
	switch {
	case s.UsageErr != "":
		parts = append(parts, "memory and CPU are not known: "+s.UsageErr)
	default:
		parts = append(parts, j.usage(samples)...)
	}
	return strings.Join(parts, "; ")
}

// traffic is the part on requests, or on what stood in for them.
func (j judge) traffic(s Sample) string {
	if s.Whole.Requests >= j.policy.MinRequests && s.TrafficErr == "" {
		return fmt.Sprintf("%s: %s errors%s, %s", Counted(s.Whole.Requests, "request"),
			percent(share(s.Whole)), atMost(j.errorLimits(), percent), j.latency(s))
	}
	v, failed := s.Probes, 0.0
	if v.Count > 0 {
		failed = float64(v.Failed) / float64(v.Count)
	}
	return fmt.Sprintf("%s; judged by %s: %s failed%s, p95 %s%s", people(s), probesOfAgent(v.Count),
		percent(failed), atMost(j.errorRate(0, false), percent), Took(s.Asked.P95), atMost(j.p95(0, false), took))
}

// latency is the part on how long people's requests took, now that it is warm.
func (j judge) latency(s Sample) string {
	switch {
	case s.After < j.policy.WarmUp():
		return "latency not judged in its warm-up"
	case !j.timed(s):
		return fmt.Sprintf("latency not judged: %s in the last %s, less than watch.min_requests, %s",
			Counted(s.Lately.Requests, "request"), Took(LatencyWindow), count(j.policy.MinRequests))
	default:
		return fmt.Sprintf("p95 %s%s", Took(s.Lately.P95), atMost(j.p95Limits(), took))
	}
}

// usage is the part on memory and CPU.
func (j judge) usage(samples []Sample) []string {
	var parts []string
	if j.old.For != (Release{}) && j.old.Usage.Started.IsZero() {
		parts = append(parts, "what the old stack used is not known")
	}
	if u := samples[len(samples)-1].Usage; u.Memory > 0 {
		parts = append(parts, "memory "+size(float64(u.Memory))+beside(float64(j.old.Usage.Memory), j.memoryLimits(), size))
	}
	if used, known := cpu(samples); known {
		parts = append(parts, "CPU "+cores(used)+beside(j.old.CPU, j.cpuLimits(), cores))
	}
	return parts
}

// missing says what there is too little of.
func (j judge) missing(s Sample) string {
	return fmt.Sprintf("%s; with %s that is less than watch.min_requests, %s",
		people(s), probesOfAgent(s.Probes.Count), count(j.policy.MinRequests))
}

// people says what is known of people's requests, where they are too few.
func people(s Sample) string {
	switch n := s.Whole.Requests; {
	case s.TrafficErr != "":
		return "the access log cannot be read: " + s.TrafficErr
	case n == 0:
		return "no requests"
	case s.Whole.Errors > 0:
		return fmt.Sprintf("%s, %s failed", Counted(n, "request"), count(s.Whole.Errors))
	default:
		return Counted(n, "request")
	}
}

// atMost adds the limit that a figure reaches first.
func atMost(limits []limit, print func(float64) string) string { return beside(0, limits, print) }

// beside adds what the old stack showed, and the limit that a figure reaches first.
func beside(old float64, limits []limit, print func(float64) string) string {
	var words []string
	if old > 0 {
		words = append(words, "before: "+print(old))
	}
	if l, some := tightest(limits); some {
		words = append(words, "limit "+print(l.most))
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}
