package deploy

import (
	"fmt"
	"time"
)

// Verdict is what Judge makes of a watch. No data is neither good nor bad.
type Verdict int

// The verdicts.
const (
	Inconclusive Verdict = iota
	Pass
	Fail
)

func (v Verdict) String() string { return [...]string{"inconclusive", "pass", "fail"}[v] }

// Ruling is what Judge says, and why in one sentence.
type Ruling struct {
	Verdict Verdict
	Why     string
	Breach  *Breach // of Fail, and of Inconclusive where one bad look, or a slow one, made it so

	Slow    time.Duration // Sample.After of the first of the slow looks that have not ended; 0: none
	Warning string        // that it is slow, and stays where there is nothing to go back to
}

// Sample is one look at the live stack during its watch.
type Sample struct {
	After          time.Duration // the flip or, with Anew, when its watch began again; less than 0 before that
	WatchRestarted bool          // after an outage; then all that is "since the flip" is since that
	Restarts       int           // of all its containers since the flip
	Down           string        // the container that does not run, with its exit code; empty: all run
	Sick           string        // what was wrong with the health answer; empty: healthy
	Late           string        // which health answer was right, but late; empty: none
	NoAlternative  bool          // nothing else could be live instead

	Window     Traffic // of the last 30s, or since the flip where that is less long ago
	Whole      Traffic // since the flip
	Lately     Traffic // of the last 15s, but of nothing before the warm-up was over
	TrafficErr string  // why the access log says nothing; then Window, Whole and Lately are empty

	Usage    Usage
	UsageErr string // why Usage is not known; then it is empty

	Probes Probes // the agent's own, since the flip
	Asked  Probes // of the time of Lately
}

// since says since when everything is counted.
func (s Sample) since() string {
	if s.WatchRestarted {
		return "since its watch began again"
	}
	return "since the flip"
}

// Probes are what the agent's own questions through Nginx came to.
type Probes struct {
	Count  int
	Failed int           // of Count: no answer, or one that is not healthy
	P95    time.Duration // of those that were answered
}

const (
	// BadLooks is how many bad looks in a row fail a watch: one can be a hiccup of
	// the machine that the agent shares with everything else.
	BadLooks = 2
	// leastErrors: one failed request is an accident, not a rate.
	leastErrors = 2
	// TightShare is how much of its own memory limit a container may use. Beyond it
	// the kernel is about to kill something.
	TightShare = 0.9
	// TrafficWindow: trouble that begins late in a watch is seen soon, and is not
	// diluted by the good minutes before it.
	TrafficWindow = 30 * time.Second
)

// Judge weighs the looks of a watch so far, oldest first, and says in a sentence
// what it goes by. It is pure.
//
// A container that is down and a restart too many fail a release at once. Some
// figures have to be bad in two looks in a row:
//
//   - a health answer that is wrong, or does not come;
//   - the error rate of people's requests in the last 30s or, where those are fewer
//     than policy.MinRequests, since the flip. Fewer than MinRequests are no
//     evidence, and one error is no rate;
//   - memory;
//   - the memory of any container over 90% of its own limit.
//
// Others a new process has bad for a while. They are not judged in its warm-up, and
// have to be bad in every look for 50s (see latency.go):
//
//   - the p95 of people's requests in the last 15s, of MinRequests at least;
//   - a health answer that is right, but late;
//   - CPU, between two looks.
//
// Where nothing else could be live instead, these are a warning only.
//
// A figure is bad when it is over a limit. Which limits there are, policy.Compare
// says: "limits" means those of the policy. "old" means what the old stack showed
// before the flip, with a tolerance (see the rules in limit.go); the policy's own
// count only where the old stack showed nothing, or had fewer than MinRequests
// requests. "both" means "limits" of a figure for which a person wrote one, and "old"
// of any other. MaxMemory and MaxCPU always count when they are set.
//
// A release passes when MinRequests requests since the flip say nothing bad.
// Where there are fewer once policy.Max is over, the agent's own probes are
// samples too: their share of failures is held against MaxErrorRate and their p95
// of the last 15s against MaxP95. Where requests and probes together are still fewer, and before
// policy.Max is over, it is inconclusive; so it is after one bad look, until the next,
// and while it is slow and nobody knows for how long.
func Judge(samples []Sample, policy WatchPolicy, old Baseline) Ruling {
	if len(samples) == 0 {
		return Ruling{Why: "nothing was looked at"}
	}
	j := judge{policy, old}
	row := 0
	var last *Breach
	for i, s := range samples {
		if fatal := j.fatal(s); fatal != nil {
			return failed(fatal)
		}
		if last = j.bad(samples[:i+1]); last == nil {
			row = 0
			continue
		}
		if row++; row < BadLooks {
			continue
		}
		if s.Sick != "" && samples[i-1].Sick != "" {
			return failed(&Breach{HealthSick, float64(row), BadLooks - 1, fmt.Sprintf("unhealthy %d times in a row: %s", row, s.Sick)})
		}
		return failed(last)
	}
	s := samples[len(samples)-1]
	slow, since := j.slow(samples)
	r := Ruling{Slow: since}
	switch lasted := s.After - since; {
	case row > 0:
		r.Why, r.Breach = last.Words, last
		return r
	case slow == nil:
	case s.NoAlternative:
		r.Warning = slow.Words + "; there is nothing to go back to, so it stays"
	case lasted >= SlowTime:
		slow.Words += ", and has been for " + Took(lasted).String()
		return failed(slow)
	default:
		r.Why, r.Breach = slow.Words, slow
		return r
	}
	if !j.enough(s) {
		r.Why = j.missing(s)
	} else {
		r.Verdict, r.Why = Pass, j.evidence(samples)
	}
	return r
}

func failed(b *Breach) Ruling { return Ruling{Verdict: Fail, Why: b.Words, Breach: b} }

// judge is what samples are judged by.
type judge struct {
	policy WatchPolicy
	old    Baseline
}

// fatal is what nothing can make good again.
func (j judge) fatal(s Sample) *Breach {
	switch {
	case s.Down != "":
		return &Breach{StoppedSum, 1, 0, s.Down}
	case s.Restarts > j.policy.MaxRestarts:
		return &Breach{RestartSum, float64(s.Restarts), float64(j.policy.MaxRestarts),
			fmt.Sprintf("%s of its containers; the limit is %d", Counted(s.Restarts, "restart"), j.policy.MaxRestarts)}
	default:
		return nil
	}
}

// bad is the first figure of the last of the samples that is over its limit, of those
// that no warm-up excuses, and nil when none is.
func (j judge) bad(samples []Sample) *Breach {
	s := samples[len(samples)-1]
	if s.Sick != "" {
		return &Breach{HealthSick, 1, 0, "unhealthy: " + s.Sick}
	}
	for _, b := range []*Breach{j.badTraffic(s), j.badProbes(s), j.badMemory(s), j.badShare(s)} {
		if b != nil {
			return b
		}
	}
	return nil
}

// badTraffic judges how many of people's requests failed.
func (j judge) badTraffic(s Sample) *Breach {
	t, when := s.Window, "in the last "+Took(TrafficWindow).String()
	if t.Requests < j.policy.MinRequests || s.After <= TrafficWindow {
		t, when = s.Whole, s.since()
	}
	if t.Requests == 0 || t.Requests < j.policy.MinRequests {
		return nil
	}
	if x, over := exceeds(share(t), j.errorLimits()); over && t.Errors >= leastErrors {
		return breach(ErrorRatio, share(t), x, "error rate %s (%s of %s %s) is over %s",
			percent(share(t)), count(t.Errors), Counted(t.Requests, "request"), when, x.words)
	}
	return nil
}

// byProbes tells whether the agent's own probes are samples too.
func (j judge) byProbes(s Sample) bool {
	return s.Whole.Requests < j.policy.MinRequests && s.After >= j.policy.Max
}

// badProbes judges how many of the agent's probes failed, by the policy's limit.
func (j judge) badProbes(s Sample) *Breach {
	v := s.Probes
	if !j.byProbes(s) || !j.enough(s) || v.Count == 0 {
		return nil
	}
	failed := float64(v.Failed) / float64(v.Count)
	if x, over := exceeds(failed, j.errorRate(0, false)); over && v.Failed >= leastErrors {
		return breach(ErrorRatio, failed, x, "%s of %s through nginx failed (%s), which is over %s",
			count(v.Failed), probesOfAgent(v.Count), percent(failed), x.words)
	}
	return nil
}

func (j judge) badMemory(s Sample) *Breach {
	used := float64(s.Usage.Memory)
	x, over := exceeds(used, j.memoryLimits())
	if !over {
		return nil
	}
	return breach(MemoryBytes, used, x, "memory %s is over %s", size(used), x.words)
}

func (j judge) badCPU(samples []Sample) *Breach {
	used, known := cpu(samples)
	x, over := exceeds(used, j.cpuLimits())
	if !known || !over {
		return nil
	}
	return breach(CPUCores, used, x, "CPU %s is over %s", cores(used), x.words)
}

// badShare judges how close a container is to its own memory limit. Where only the
// old stack counts, and that was as close, it is not held against the new one.
func (j judge) badShare(s Sample) *Breach {
	u := s.Usage
	if u.Share <= TightShare || (j.policy.Compare == CompareOld && j.old.Usage.Share > TightShare) {
		return nil
	}
	return breach(MemoryShare, u.Share, limit{most: TightShare}, "memory of %s, %s of its own limit, is over %s", u.NearestToLimit, percent(u.Share), percent(TightShare))
}

// cpu is the cores in use between the last look and the one before it.
func cpu(samples []Sample) (used float64, known bool) {
	if len(samples) < 2 {
		return 0, false
	}
	a, b := samples[len(samples)-2], samples[len(samples)-1]
	return Rate(a.Usage, b.Usage, b.After-a.After)
}

// Rate is the cores in use between two looks that lie that far apart. Another
// Started means other containers, whose sums cannot be compared.
func Rate(a, b Usage, apart time.Duration) (used float64, known bool) {
	if a.Started.IsZero() || !a.Started.Equal(b.Started) || b.CPU < a.CPU || apart <= 0 {
		return 0, false
	}
	return (b.CPU - a.CPU).Seconds() / apart.Seconds(), true
}

// enough tells whether there is enough to judge by.
func (j judge) enough(s Sample) bool {
	n := s.Whole.Requests
	if j.byProbes(s) {
		n += s.Probes.Count
	}
	return n >= j.policy.MinRequests
}

// Baseline is what the stack that had the traffic showed before a flip. The zero
// Baseline is none.
type Baseline struct {
	For            Release `json:"for"`     // the release that is held against it
	Traffic        Traffic `json:"traffic"` // of the last minutes before the flip
	Usage          Usage   `json:"usage"`
	TrafficUnknown bool    `json:"unread,omitempty"` // the log did not tell Traffic in time
	CPU            float64 `json:"cpu"`              // cores: on average since its start or, where that is more, during the gate of the other
}
