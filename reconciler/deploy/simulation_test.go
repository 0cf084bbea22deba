package deploy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// scene is generated traffic to a release and, before its flip, to the one before it,
// whose p95 is 66ms where nothing else is said.
type scene struct {
	name   string
	right  outcomeOf
	slow   func(after float64) float64 // how many times as long everything takes, so many seconds after the flip
	before float64                     // the same for the old stack, and then the health page is quick; 0: 1
	fails  float64                     // the share of requests that the new one fails
	failed float64                     // and the old one
	every  float64                     // seconds between two requests; 0: 0.1
	policy func(*WatchPolicy)
	alone  bool // the first deploy: there is no old stack
	least  int  // of trials that have to come to what is right; 0: all
}

type outcomeOf string

const (
	stays   outcomeOf = "stays"
	goes    outcomeOf = "taken back"
	neither outcomeOf = "either"
)

// trials are the walks of one scene, each with a seed of its own.
const trials = 25

func steadily(times float64) func(float64) float64 { return func(float64) float64 { return times } }
func during(from, to, times float64) func(float64) float64 {
	return func(after float64) float64 {
		if after >= from && after < to {
			return times
		}
		return 1
	}
}

var scenes = []scene{
	{name: "as the old one", right: stays},
	{name: "cold start: 20 s at five times the latency", right: stays, slow: during(0, 20, 5)},
	{name: "code that is compiled as it runs: from five times down to once in a minute", right: stays,
		slow: func(after float64) float64 { return 1 + 4*math.Exp(-after/15) }},
	{name: "noisy neighbor: 30 s at three times", right: stays, slow: during(25, 55, 3)},
	{name: "noisy neighbor: 30 s at ten times", right: stays, slow: during(25, 55, 10)},
	{name: "cold start of 20 s, and the noisy neighbor right after it", right: stays, slow: during(0, 50, 5)},
	{name: "p95 237ms beside 66ms, and the file says `max_p95: 5s`", right: stays, slow: steadily(237.0 / 66),
		policy: func(p *WatchPolicy) { p.MaxP95, p.OwnP95 = 5*time.Second, true }},
	{name: "p95 660ms, as the old one, and the file has no limit", right: stays, slow: steadily(10), before: 10},
	{name: "first deploy on a busy host: eight times as slow, and nothing to go back to", right: stays, slow: steadily(8), alone: true},
	{name: "a request in two seconds, and the noisy neighbor", right: stays, slow: during(25, 55, 10), every: 2},
	{name: "1 % errors, before and after", right: stays, fails: 0.01, failed: 0.01, least: 15},
	{name: "twice as slow, which is what is allowed", right: neither, slow: steadily(2)},
	{name: "twice as slow, and the file says `max_p95: 100ms`", right: goes, slow: steadily(2),
		policy: func(p *WatchPolicy) { p.MaxP95, p.OwnP95 = 100*time.Millisecond, true }},
	{name: "three times as slow", right: goes, slow: steadily(3)},
	{name: "five times as slow", right: goes, slow: steadily(5)},
	{name: "five times as slow from 40 s after the flip on", right: goes, slow: during(40, math.Inf(1), 5)},
	{name: "five times as slow, and a request in two seconds", right: goes, slow: steadily(5), every: 2, least: 1},
	{name: "5 % errors", right: goes, fails: 0.05},
	{name: "5 % errors in the cold start", right: goes, fails: 0.05, slow: during(0, 20, 5)},
	{name: "first deploy: 5 % errors", right: goes, fails: 0.05, alone: true},
}

// Every scene is played by the rules that were, which judged latency by two looks, and by
// those that are. What is printed are the rows of the table in docs/after-the-flip.md.
func TestSimulation_AsTheDocumentationHasIt(t *testing.T) {
	docs, err := os.ReadFile("../../docs/after-the-flip.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range scenes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var was, is []float64 // when it was taken back, in seconds after the flip
			for seed := range trials {
				before, now := c.play(uint64(seed))
				was, is = append(was, before...), append(is, now...)
			}
			row := fmt.Sprintf("| %s | %s | %s | %s |", c.name, c.right, shown(was), shown(is))
			t.Log(row)
			right := len(is)
			if c.right == stays {
				right = trials - len(is)
			}
			least := c.least
			if least == 0 && c.right != neither {
				least = trials
			}
			if right < least {
				t.Errorf("%d of %d came to what is right, want %d", right, trials, least)
			}
			if !strings.Contains(string(docs), "\n"+row+"\n") {
				t.Error("docs/after-the-flip.md has no such row")
			}
		})
	}
}

// shown is how often a release was taken back, and after how long in the middle.
func shown(seconds []float64) string {
	if len(seconds) == 0 {
		return "0"
	}
	slices.Sort(seconds)
	return fmt.Sprintf("%d, after %.0f s", len(seconds), seconds[len(seconds)/2])
}

// play watches the release, by the rules that were and by those that are. Each returns
// when it is taken back, and nothing when it stays.
func (c scene) play(seed uint64) (was, is []float64) {
	policy := WatchPolicy{
		For: time.Minute, Max: 2 * time.Minute, MaxErrorRate: 0.01, MinRequests: 20, MaxP95: 500 * time.Millisecond,
		Compare: CompareBoth, Inconclusive: InconclusivePromote,
	}
	if c.policy != nil {
		c.policy(&policy)
	}
	r := rand.New(rand.NewPCG(seed, 5))
	log := c.requests(r)
	old := Baseline{Traffic: log.sum(-simulatedSpan, 0)}
	if c.alone {
		old = Baseline{}
	}
	var samples []Sample
	wasOver, isOver := false, false
	for looks := 1; !wasOver || !isOver; looks++ {
		after := time.Duration(looks-1)*LookEvery + time.Millisecond
		s := Sample{After: after, NoAlternative: c.alone, Window: log.sum(max(0, after-TrafficWindow), after), Whole: log.sum(0, after)}
		s.Lately = log.sum(after-min(LatencyWindow, max(0, after-policy.WarmUp())), after)
		if took := c.took(r, 50*time.Millisecond, 0.3, after); took > 200*time.Millisecond && c.before == 0 {
			s.Late = "api: /health took longer than 200ms"
		}
		samples = append(samples, s)
		if !wasOver {
			v := formerly(samples, policy, old)
			if v == Fail {
				was = []float64{after.Seconds()}
			}
			wasOver = v == Fail || v == Pass && after >= policy.For
		}
		if end := Conclude(Judge(samples, policy, old), policy, after, looks, after); !isOver {
			if end.Failed {
				is = []float64{after.Seconds()}
			}
			isOver = end.Failed || end.Passed
		}
	}
	return was, is
}

// formerly is how a watch judged before: latency as quickly as errors, a late health
// answer as a wrong one, and both the limits and what the old stack showed at once.
func formerly(samples []Sample, p WatchPolicy, old Baseline) Verdict {
	j := judge{p, old}
	row := 0
	for _, s := range samples {
		t := s.Window
		if t.Requests < p.MinRequests || s.After <= TrafficWindow {
			t = s.Whole
		}
		errorRate, slowest := []limit{errorRule.own(p.MaxErrorRate)}, []limit{p95Rule.own(float64(p.MaxP95))}
		if j.oldHadTraffic() {
			errorRate = append(errorRate, errorRule.of(share(old.Traffic)))
			slowest = append(slowest, p95Rule.of(float64(old.Traffic.P95)))
		}
		_, many := exceeds(share(t), errorRate)
		_, slow := exceeds(float64(t.P95), slowest)
		enough := t.Requests >= p.MinRequests
		if s.Late == "" && !(enough && (many && t.Errors >= leastErrors || slow)) {
			row = 0
		} else if row++; row == BadLooks {
			return Fail
		}
	}
	if last := samples[len(samples)-1]; row > 0 || last.Whole.Requests < p.MinRequests && last.After < p.Max {
		return Inconclusive
	}
	return Pass
}

// asked is one request: when it ended, how long it took, and whether it failed.
type asked struct {
	at, took time.Duration
	failed   bool
}

type generated []asked

// requests come at random, from five minutes before the flip on.
func (c scene) requests(r *rand.Rand) (log generated) {
	every := c.every
	if every == 0 {
		every = 0.1
	}
	for at := -simulatedSpan.Seconds(); at < 400; at += every * r.ExpFloat64() {
		after := time.Duration(at*1e6) * time.Microsecond
		fails := c.failed
		if at >= 0 {
			fails = c.fails
		}
		log = append(log, asked{after, c.took(r, 22*time.Millisecond, 0.668, after), r.Float64() < fails})
	}
	return log
}

// took is how long an answer takes: half of them less than middle, and the others up to
// several times as long. Rounded, so that it is the same on every machine.
func (c scene) took(r *rand.Rand, middle time.Duration, spread float64, after time.Duration) time.Duration {
	times := max(c.before, 1)
	if after >= 0 && c.slow != nil {
		times = c.slow(after.Seconds())
	}
	return time.Duration(times * float64(middle) * math.Exp(spread*r.NormFloat64())).Round(time.Microsecond)
}

// sum is what Nginx's log says of a time.
func (log generated) sum(from, to time.Duration) (t Traffic) {
	i, _ := slices.BinarySearchFunc(log, from, func(a asked, at time.Duration) int { return int(a.at - at) })
	var times []time.Duration
	for _, a := range log[i:] {
		if a.at >= to {
			break
		}
		t.Requests++
		times = append(times, a.took)
		if a.failed {
			t.Errors++
		}
	}
	t.P95 = P95(times)
	return t
}

// simulatedSpan is how long before the flip the old stack is looked at.
const simulatedSpan = 5 * time.Minute
