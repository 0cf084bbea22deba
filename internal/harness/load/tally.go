package load

import (
	"sync"
	"time"
)

// Answer says who answered: the headers X-Color and X-Tag.
type Answer struct{ Color, Tag string }

// tally is what one connection counts. It can be read while it is written.
type tally struct {
	mu      sync.Mutex
	counts  Counts
	gap     gap
	latency histogram
	answers map[Answer]int64
	kinds   map[Kind]int64
	fails   []Failure
}

func newTally() tally {
	return tally{answers: map[Answer]int64{}, kinds: map[Kind]int64{}}
}

func (t *tally) opened() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Opened++
}

func (t *tally) succeed(at time.Time, took time.Duration, a Answer, post bool) {
	t.gap.success(at)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Requests++
	if post {
		t.counts.Posts++
	}
	t.latency.add(took)
	t.answers[a]++
}

func (t *tally) fail(f Failure, post bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Requests++
	t.counts.Failed++
	if post {
		t.counts.Posts++
		t.counts.FailedPosts++
	}
	t.kinds[f.Kind]++
	if len(t.fails) < maxExamples {
		t.fails = append(t.fails, f)
	}
}

// gap measures the longest time between two successes. The beginning of the
// run, and the moment of asking, count as successes.
type gap struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration
}

func (g *gap) begin(at time.Time) { g.last = at }

func (g *gap) success(at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.longest = max(g.longest, at.Sub(g.last))
	if at.After(g.last) {
		g.last = at
	}
}

func (g *gap) read(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(g.longest, now.Sub(g.last))
}
