package reconciler

import "fmt"

// Verdict is what Judge makes of a watch. No data is neither good nor bad.
type Verdict int

// The verdicts.
const (
	Inconclusive Verdict = iota
	Pass
	Fail
)

func (v Verdict) String() string { return [...]string{"inconclusive", "pass", "fail"}[v] }

// Sample is one look at the live stack during its watch.
type Sample struct {
	Restarts int    // of all its containers since the flip
	Down     string // the container that does not run, with its exit code; empty: all run
	Sick     string // what was wrong with the health answer; empty: healthy
}

// badLooks is how many unhealthy looks in a row fail a watch: one can be a
// hiccup of the machine that the agent shares with everything else.
const badLooks = 2

// Judge weighs the looks of a watch so far, oldest first. It is pure. The string
// says which figure was over which limit, for a Fail.
func Judge(samples []Sample, policy WatchPolicy) (Verdict, string) {
	if len(samples) == 0 {
		return Inconclusive, ""
	}
	bad := 0
	for _, s := range samples {
		switch {
		case s.Down != "":
			return Fail, s.Down
		case s.Restarts > policy.MaxRestarts:
			return Fail, fmt.Sprintf("%d restarts of its containers; the limit is %d", s.Restarts, policy.MaxRestarts)
		case s.Sick != "":
			bad++
		default:
			bad = 0
		}
		if bad >= badLooks {
			return Fail, fmt.Sprintf("unhealthy %d times in a row: %s", bad, s.Sick)
		}
	}
	if bad > 0 {
		return Inconclusive, ""
	}
	return Pass, ""
}
