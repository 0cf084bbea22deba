package load

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Counts are the numbers of one connection, or of all.
type Counts struct {
	Requests    int64 // answered or failed, GET and POST
	Failed      int64 // of Requests
	Posts       int64 // of Requests
	FailedPosts int64 // of Failed
	Opened      int64 // connections that were opened
}

// ConnectionReport is what one connection saw.
type ConnectionReport struct {
	Counts
	LongestGap time.Duration // between two successes
	Kinds      map[Kind]int64
}

// Report is what a load saw.
type Report struct {
	Counts
	Took       time.Duration // since the start
	LongestGap time.Duration // the longest of any one connection between two successes
	Outage     time.Duration // the longest in which no connection had a success
	P50        time.Duration // of the successes, within 3 %
	P95        time.Duration
	P99        time.Duration
	Max        time.Duration
	Kinds      map[Kind]int64 // failures
	Answers    map[Answer]int64
	Examples   []Failure // the first failures of each connection, oldest first

	Connections []ConnectionReport
	Sessions    []Session // every WebSocket that was opened, oldest first
	Handshakes  int64     // WebSockets that could not be opened
}

// Report returns what happened so far; it may be called at any time.
func (r *Runner) Report() Report {
	now := time.Now()
	out := Report{Took: now.Sub(r.started), Kinds: map[Kind]int64{}, Answers: map[Answer]int64{}}
	var latency histogram
	for _, c := range r.conns {
		out.add(&c.tally, &latency, now)
	}
	if len(r.conns) > 0 {
		out.Outage = r.outage.read(now)
	}
	for _, s := range r.sockets {
		sessions, refused := s.report()
		out.Sessions = append(out.Sessions, sessions...)
		out.Handshakes += refused
	}
	out.P50, out.P95, out.P99, out.Max = latency.quantile(.5), latency.quantile(.95), latency.quantile(.99), latency.longest
	slices.SortStableFunc(out.Examples, func(a, b Failure) int { return a.At.Compare(b.At) })
	slices.SortStableFunc(out.Sessions, func(a, b Session) int { return a.Opened.Compare(b.Opened) })
	return out
}

func (r *Report) add(t *tally, latency *histogram, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := ConnectionReport{Counts: t.counts, LongestGap: t.gap.read(now), Kinds: maps.Clone(t.kinds)}
	r.Connections = append(r.Connections, one)
	r.Requests += one.Requests
	r.Failed += one.Failed
	r.Posts += one.Posts
	r.FailedPosts += one.FailedPosts
	r.Opened += one.Opened
	r.LongestGap = max(r.LongestGap, one.LongestGap)
	for k, n := range t.kinds {
		r.Kinds[k] += n
	}
	for a, n := range t.answers {
		r.Answers[a] += n
	}
	r.Examples = append(r.Examples, t.fails...)
	latency.merge(&t.latency)
}

// Color returns how many requests one color answered.
func (r Report) Color(color string) int64 {
	return r.sum(func(a Answer) bool { return a.Color == color })
}

// Tag returns how many requests one tag answered.
func (r Report) Tag(tag string) int64 { return r.sum(func(a Answer) bool { return a.Tag == tag }) }

func (r Report) sum(match func(Answer) bool) (n int64) {
	for a, k := range r.Answers {
		if match(a) {
			n += k
		}
	}
	return n
}

// Early returns the WebSockets that ended before the load did.
func (r Report) Early() []Session {
	return slices.DeleteFunc(slices.Clone(r.Sessions), func(s Session) bool { return !s.Early() })
}

// Err returns nil when nothing failed: no request, and no WebSocket ended
// early or could not be opened. Otherwise it tells the numbers and examples.
func (r Report) Err() error {
	early := r.Early()
	if r.Failed == 0 && len(early) == 0 && r.Handshakes == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(r.String())
	for _, f := range r.Examples[:min(20, len(r.Examples))] {
		fmt.Fprintf(&b, "\n  %s", f)
	}
	for _, s := range early[:min(20, len(early))] {
		fmt.Fprintf(&b, "\n  %s", s)
	}
	return errors.New(b.String())
}

// String sums up the report in a line.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests in %s, %d failed", r.Requests, r.Took.Round(time.Millisecond), r.Failed)
	for i, k := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Fprintf(&b, "%s%s %d", []string{" (", ", "}[min(i, 1)], k, r.Kinds[k])
	}
	if len(r.Kinds) > 0 {
		b.WriteString(")")
	}
	fmt.Fprintf(&b, ", longest gap %s, p50 %s, p95 %s, p99 %s", round(r.LongestGap), round(r.P50), round(r.P95), round(r.P99))
	answers := slices.SortedFunc(maps.Keys(r.Answers), func(a, b Answer) int {
		return cmp.Or(cmp.Compare(a.Color, b.Color), cmp.Compare(a.Tag, b.Tag))
	})
	for _, a := range answers {
		fmt.Fprintf(&b, ", %s %s %d", or(a.Color, "?"), or(a.Tag, "?"), r.Answers[a])
	}
	if len(r.Sessions)+int(r.Handshakes) > 0 {
		fmt.Fprintf(&b, ", %d websockets, %d ended early, %d not opened", len(r.Sessions), len(r.Early()), r.Handshakes)
	}
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
