package deploy

import (
	"fmt"
	"time"
)

// limit is what a figure may be at most, and how that is said.
type limit struct {
	most  float64
	words string
}

// exceeds returns the first limit that the figure is over.
func exceeds(figure float64, limits []limit) (limit, bool) {
	for _, l := range limits {
		if figure > l.most {
			return l, true
		}
	}
	return limit{}, false
}

// tightest is the limit that a figure reaches first.
func tightest(limits []limit) (limit, bool) {
	if len(limits) == 0 {
		return limit{}, false
	}
	best := limits[0]
	for _, l := range limits[1:] {
		if l.most < best.most {
			best = l
		}
	}
	return best, true
}

// rule says how much worse than the old stack's a figure may be: so many times as
// much, and in any case so much more. A figure that was next to nothing may
// otherwise not even become little.
type rule struct {
	times float64
	word  string
	plus  float64
	extra string
	print func(float64) string
}

var (
	errorRule  = rule{2, "twice", 0.01, "1 percentage point", percent}
	p95Rule    = rule{2, "twice", float64(50 * time.Millisecond), "50ms", took}
	memoryRule = rule{2, "twice", 64 << 20, "64MiB", size}
	cpuRule    = rule{3, "three times", 0.5, "0.5 cores", cores}
)

func (r rule) own(most float64) limit { return limit{most, "the limit of " + r.print(most)} }

func (r rule) of(old float64) limit {
	if r.times*old >= old+r.plus {
		return limit{r.times * old, r.word + " the old stack's " + r.print(old)}
	}
	return limit{old + r.plus, "the old stack's " + r.print(old) + " and " + r.extra + " more"}
}

// limits are those of one figure of which the policy has a limit too; written tells
// whether a person set that. compared tells whether the old stack showed the figure at all.
func (j judge) limits(r rule, own float64, written bool, old float64, compared bool) []limit {
	if compared && j.compares(written) {
		return []limit{r.of(old)}
	}
	return []limit{r.own(own)}
}

// compares tells whether a figure is held against what the old stack showed. A limit that
// a person wrote is what the figure may be, and what the old stack showed only what it
// was; a default is a guess, and the old stack is no guess.
func (j judge) compares(written bool) bool {
	return j.policy.Compare == CompareOld || j.policy.Compare != CompareLimits && !written
}

// comparisonLimits are those of one figure that the policy may leave without a limit (0),
// and means when it does not.
func (j judge) comparisonLimits(r rule, own, old float64, compared bool) []limit {
	var all []limit
	if own > 0 {
		all = append(all, r.own(own))
	}
	if compared && j.compares(own > 0) {
		all = append(all, r.of(old))
	}
	return all
}

func (j judge) errorRate(old float64, compared bool) []limit {
	return j.limits(errorRule, j.policy.MaxErrorRate, j.policy.OwnErrorRate, old, compared)
}

func (j judge) p95(old time.Duration, compared bool) []limit {
	return j.limits(p95Rule, float64(j.policy.MaxP95), j.policy.OwnP95, float64(old), compared)
}

func (j judge) errorLimits() []limit { return j.errorRate(share(j.old.Traffic), j.oldHadTraffic()) }
func (j judge) p95Limits() []limit   { return j.p95(j.old.Traffic.P95, j.oldHadTraffic()) }

func (j judge) memoryLimits() []limit {
	old := j.old.Usage.Memory
	return j.comparisonLimits(memoryRule, float64(j.policy.MaxMemory), float64(old), old > 0)
}

func (j judge) cpuLimits() []limit {
	return j.comparisonLimits(cpuRule, j.policy.MaxCPU, j.old.CPU, j.old.CPU > 0)
}

// oldHadTraffic tells whether the old stack had traffic enough to be compared with.
func (j judge) oldHadTraffic() bool {
	n := j.old.Traffic.Requests
	return n > 0 && n >= j.policy.MinRequests
}

// share is the part of the requests that failed.
func share(t Traffic) float64 {
	if t.Requests == 0 {
		return 0
	}
	return float64(t.Errors) / float64(t.Requests)
}

// Figure names what a watch looks at. It is a label of metrics, so there are few.
type Figure string

// The figures, with the unit of their values.
const (
	ErrorRatio  Figure = "error_ratio"     // share of requests answered with 5xx, 0 to 1
	P95Seconds  Figure = "p95_seconds"     // seconds
	MemoryBytes Figure = "memory_bytes"    // bytes, of all containers together
	CPUCores    Figure = "cpu_cores"       // cores, of all containers together
	MemoryShare Figure = "memory_ratio"    // share of a container's own limit, 0 to 1
	RestartSum  Figure = "restarts"        // since the flip
	HealthSick  Figure = "unhealthy_looks" // in a row
	StoppedSum  Figure = "containers_down" // that ought to run
)

// Figures lists all of them.
func Figures() []Figure {
	return []Figure{ErrorRatio, P95Seconds, MemoryBytes, CPUCores, MemoryShare, RestartSum, HealthSick, StoppedSum}
}

// Breach is a figure that is over its limit, for metrics; Words say it to people.
type Breach struct {
	Figure Figure
	Value  float64
	Limit  float64
	Words  string
}

// breach makes one; times are counted in seconds from here on.
func breach(f Figure, value float64, x limit, words string, args ...any) *Breach {
	b := &Breach{Figure: f, Value: value, Limit: x.most, Words: fmt.Sprintf(words, args...)}
	if f == P95Seconds {
		b.Value, b.Limit = time.Duration(value).Seconds(), time.Duration(x.most).Seconds()
	}
	return b
}
