package reconciler

import (
	"time"

	"tandem/reconciler/deploy"
)

// receiptEvery lies between two saves of the receipt during a watch. The figures
// are written into the memory at every look, but a file that is written every two
// seconds for a day is a nuisance to a small disk: a kill costs the probes of the
// last seconds. What Nginx's log says is counted anew at the next look anyway.
const receiptEvery = 15 * time.Second

// recordGateTime writes the time of a gate into the receipt of its deploy. A receipt is that
// of one deploy, however often the traffic moves in it: over the other color and
// back, or back to the old release when the new one failed. The times of gate and
// flip are those of the last move then, the figures those of all.
func (r *Runner) recordGateTime(s deploy.Step, gate time.Duration) {
	r.addProbes()
	if r.memory.Receipt == nil || !r.moving(s) {
		r.memory.Receipt = &deploy.Receipt{}
	}
	r.memory.Receipt.Gate = deploy.Took(gate)
}

// moving tells whether s belongs to the deploy that made the live release live.
func (r *Runner) moving(s deploy.Step) bool {
	t, d := r.memory.Live, r.memory.Pending
	if t.Color == s.Color {
		return false
	}
	_, back := r.memory.Blocked(t.Release)
	over := t.Release == s.Release && d != nil && !t.Since.Before(d.Started)
	return back || over
}

// recordArrival notes that the traffic arrived.
func (r *Runner) recordArrival(s deploy.Step) {
	r.addProbes()
	if to := r.memory.Receipt; to != nil && to.Verdict == "" && r.memory.HasPassed(s.Release) {
		to.Verdict = "not watched: it passed its watch before"
	}
}

// addProbes adds to the receipt what the prober has seen since.
func (r *Runner) addProbes() {
	if r.prober == nil || r.memory.Receipt == nil {
		return
	}
	t, to := r.prober.drainCounts(), r.memory.Receipt
	to.Probes += t.probes
	to.Failed += t.failed
	to.LongestGap = max(to.LongestGap, deploy.Took(t.gap))
}

// record writes a look of the watch into the receipt; verdict is empty while there is none.
func (r *Runner) record(s deploy.Sample, verdict string) {
	if r.memory.Receipt == nil {
		r.memory.Receipt = &deploy.Receipt{} // a lost memory
	}
	r.addProbes()
	to := r.memory.Receipt
	if s.TrafficErr == "" {
		to.Requests, to.Errors, to.P95 = s.Whole.Requests, s.Whole.Errors, deploy.Took(s.Whole.P95)
	}
	if verdict != "" {
		to.Verdict = verdict
	}
}
