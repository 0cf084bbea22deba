package deploy

import (
	"strings"
	"testing"
	"time"
)

// judged is a policy as people have it.
func judged(change ...func(*WatchPolicy)) WatchPolicy {
	p := WatchPolicy{
		For: time.Minute, Max: 2 * time.Minute, MaxErrorRate: 0.01, MinRequests: 20, MaxP95: 500 * time.Millisecond,
		Compare: CompareBoth, Inconclusive: InconclusivePromote,
	}
	for _, f := range change {
		f(&p)
	}
	return p
}

func comparing(with Comparison) func(*WatchPolicy) { return func(p *WatchPolicy) { p.Compare = with } }

// written is a policy with limits that a person wrote.
func written(p *WatchPolicy) { p.OwnErrorRate, p.OwnP95 = true, true }

// seen is a look a minute after the flip, at a stack that is well.
func seen(change ...func(*Sample)) Sample {
	s := Sample{After: time.Minute}
	requests(620, 0, 41*time.Millisecond)(&s)
	for _, f := range change {
		f(&s)
	}
	return s
}

// requests are those of the windows and of the whole watch.
func requests(n, errors int, p95 time.Duration) func(*Sample) {
	return func(s *Sample) {
		s.Window = Traffic{Requests: n, Errors: errors, P95: p95, Probes: 300}
		s.Whole, s.Lately = s.Window, s.Window
	}
}

func at(after time.Duration) func(*Sample) { return func(s *Sample) { s.After = after } }
func sick(s *Sample)                       { s.Sick = "api: /health answered 500" }
func memory(mib int64) func(*Sample)       { return func(s *Sample) { s.Usage.Memory = mib << 20 } }
func unread(s *Sample) {
	s.Window, s.Whole, s.Lately, s.TrafficErr = Traffic{}, Traffic{}, Traffic{}, "open access.log: no such file"
}
func probed(v Probes) func(*Sample) { return func(s *Sample) { s.Probes, s.Asked = v, v } }
func share97(s *Sample)             { s.Usage.NearestToLimit, s.Usage.Share = "shop-green-api-1", 0.97 }
func whole(n, errors int, p95 time.Duration) func(*Sample) {
	return func(s *Sample) { s.Whole = Traffic{Requests: n, Errors: errors, P95: p95} }
}

var started = time.Date(2026, 11, 21, 22, 10, 4, 0, time.UTC)

// working is a look at a moment at which containers that started then have used so much CPU.
func working(after, cpu time.Duration, since time.Time) Sample {
	return seen(at(after), func(s *Sample) { s.Usage.Started, s.Usage.CPU = since, cpu })
}

// looks are those at a stack that is the same from one moment on, for so long.
func looks(from, long time.Duration, change ...func(*Sample)) (all []Sample) {
	for after := from; after <= from+long; after += LookEvery {
		all = append(all, seen(append([]func(*Sample){at(after)}, change...)...))
	}
	return all
}

func late(s *Sample)  { s.Late = "api: /health took longer than 200ms" }
func alone(s *Sample) { s.NoAlternative = true }
func lately(n int, p95 time.Duration) func(*Sample) {
	return func(s *Sample) { s.Lately = Traffic{Requests: n, P95: p95} }
}

// old is a stack as it was before the flip.
func old(n, errors int, p95 time.Duration) Baseline {
	return Baseline{Traffic: Traffic{Requests: n, Errors: errors, P95: p95}}
}

func oldUsing(mib int64, cores float64) Baseline {
	return Baseline{Usage: Usage{Memory: mib << 20}, CPU: cores}
}

func TestJudge(t *testing.T) {
	const ms = time.Millisecond
	none := Baseline{}
	well, ill := seen(), seen(sick)
	twice := func(s Sample) []Sample { return []Sample{well, s, s} }
	lasting := func(change ...func(*Sample)) []Sample { return looks(LongestWarmUp, SlowTime, change...) }
	spinning := func(cores float64, change ...func(*Sample)) []Sample {
		return looks(LongestWarmUp-LookEvery, SlowTime+LookEvery, append([]func(*Sample){func(s *Sample) {
			s.Usage.Started, s.Usage.CPU = started, time.Duration(cores*float64(s.After))
		}}, change...)...)
	}
	for _, c := range []struct {
		name    string
		samples []Sample
		policy  WatchPolicy
		old     Baseline
		want    Verdict
		why     string // a part of the sentence
	}{
		{"no look is no verdict", nil, judged(), none, Inconclusive, "nothing was looked at"},
		{"one good look", []Sample{well}, judged(), none, Pass, "620 requests: 0% errors (limit 1%), p95 41ms (limit 500ms)"},

		// What fails at once.
		{"a container is down", []Sample{well, seen(func(s *Sample) { s.Down = "api-1 is exited (exit code 1)" })}, judged(), none,
			Fail, "api-1 is exited (exit code 1)"},
		{"a container was down, even if it is up again", []Sample{seen(func(s *Sample) { s.Down = "api-1 is dead (exit code 1)" }), well, well}, judged(), none,
			Fail, "api-1 is dead (exit code 1)"},
		{"as many restarts as are allowed", []Sample{seen(func(s *Sample) { s.Restarts = 1 })}, judged(func(p *WatchPolicy) { p.MaxRestarts = 1 }), none, Pass, ""},
		{"one restart more", []Sample{well, seen(func(s *Sample) { s.Restarts = 2 })}, judged(func(p *WatchPolicy) { p.MaxRestarts = 1 }), none,
			Fail, "2 restarts of its containers; the limit is 1"},

		// What has to be bad twice in a row.
		{"one sick look at the end leaves it open", []Sample{well, well, ill}, judged(), none, Inconclusive, "unhealthy: api: /health answered 500"},
		{"one sick look is forgiven", []Sample{well, ill, well}, judged(), none, Pass, ""},
		{"two sick looks apart are forgiven", []Sample{ill, well, ill, well}, judged(), none, Pass, ""},
		{"two sick looks in a row", []Sample{well, ill, ill}, judged(), none, Fail, "unhealthy 2 times in a row: api: /health answered 500"},
		{"two sick looks in a row are not made good later", []Sample{ill, ill, well, well}, judged(), none, Fail, "unhealthy 2 times in a row"},
		{"one look with errors leaves it open", []Sample{well, seen(requests(620, 31, 41*ms))}, judged(), none, Inconclusive, "error rate 5%"},
		{"one look with errors is forgiven", []Sample{seen(requests(620, 31, 41*ms)), well}, judged(), none, Pass, ""},
		{"errors, and then a sick answer, are two bad looks", []Sample{seen(requests(620, 31, 41*ms)), ill}, judged(), none,
			Fail, "unhealthy: api: /health answered 500"},

		// Errors.
		{"errors over the limit", twice(seen(requests(620, 31, 41*ms))), judged(), none,
			Fail, "error rate 5% (31 of 620 requests in the last 30s) is over the limit of 1%"},
		{"errors at the limit", twice(seen(requests(600, 6, 41*ms))), judged(), none, Pass, "600 requests: 1% errors (limit 1%)"},
		{"one error is an accident", twice(seen(requests(20, 1, 41*ms))), judged(), none, Pass, "20 requests: 5% errors"},
		{"two errors are a rate", twice(seen(requests(20, 2, 41*ms))), judged(), none, Fail, "error rate 10% (2 of 20 requests"},
		{"few requests are no evidence", twice(seen(requests(19, 19, time.Minute))), judged(), none, Inconclusive, "19 requests, 19 failed"},
		{"trouble that begins late is not diluted", twice(seen(requests(620, 31, 41*ms), whole(12_410, 31, 41*ms))), judged(), none,
			Fail, "(31 of 620 requests in the last 30s)"},
		{"trouble that is over does not count", twice(seen(whole(12_410, 300, 41*ms))), judged(), none, Pass, "12,410 requests: 2.42% errors"},
		{"few requests in 30s are judged since the flip", twice(seen(requests(12, 6, 41*ms), whole(24, 12, 41*ms))), judged(), none,
			Fail, "error rate 50% (12 of 24 requests since the flip)"},
		{"young watch", twice(seen(at(10*time.Second), requests(620, 31, 41*ms))), judged(), none, Fail, "(31 of 620 requests since the flip)"},

		// Errors, compared.
		{"both: bad as the old one, and over a limit that a person wrote", twice(seen(requests(620, 31, 41*ms))), judged(written), old(6200, 310, 41*ms),
			Fail, "is over the limit of 1%"},
		{"both: bad as the old one, and over a limit that nobody wrote", twice(seen(requests(620, 31, 41*ms))), judged(), old(6200, 310, 41*ms),
			Pass, "5% errors (limit 10%)"},
		{"old: as bad as the old one", twice(seen(requests(620, 31, 41*ms))), judged(comparing(CompareOld)), old(6200, 310, 41*ms),
			Pass, "620 requests: 5% errors (limit 10%)"},
		{"old: over twice the old one's", twice(seen(requests(620, 63, 41*ms))), judged(comparing(CompareOld)), old(6200, 310, 41*ms),
			Fail, "error rate 10.16% (63 of 620 requests in the last 30s) is over twice the old stack's 5%"},
		{"old: a percentage point more than nearly nothing is allowed", twice(seen(requests(1000, 11, 41*ms))), judged(comparing(CompareOld)), old(10_000, 10, 41*ms), Pass, ""},
		{"old: more than that is not", twice(seen(requests(1000, 12, 41*ms))), judged(comparing(CompareOld)), old(10_000, 10, 41*ms),
			Fail, "error rate 1.2% (12 of 1,000 requests in the last 30s) is over the old stack's 0.1% and 1 percentage point more"},
		{"old: it had too few requests, so the limit counts", twice(seen(requests(620, 31, 41*ms))), judged(comparing(CompareOld)), old(19, 10, 41*ms),
			Fail, "is over the limit of 1%"},
		{"old: nothing was live before, so the limit counts", twice(seen(requests(620, 31, 41*ms))), judged(comparing(CompareOld)), none,
			Fail, "is over the limit of 1%"},
		{"both: much worse than the old one", twice(seen(requests(1000, 30, 41*ms))),
			judged(), old(10_000, 10, 41*ms), Fail, "is over the old stack's 0.1% and 1 percentage point more"},
		{"both: within a limit that a person wrote, but much worse than the old one", twice(seen(requests(1000, 30, 41*ms))),
			judged(written, func(p *WatchPolicy) { p.MaxErrorRate = 0.05 }), old(10_000, 10, 41*ms), Pass, "3% errors (limit 5%)"},
		{"limits: worse than the old one, but within the limit", twice(seen(requests(1000, 30, 41*ms))),
			judged(comparing(CompareLimits), func(p *WatchPolicy) { p.MaxErrorRate = 0.05 }), old(10_000, 10, 41*ms), Pass, "3% errors (limit 5%)"},

		// p95, of every look for 50 seconds.
		{"slow", lasting(requests(620, 0, 512*ms)), judged(), none,
			Fail, "p95 512ms (of 620 requests in the last 15s) is over the limit of 500ms, and has been for 50s"},
		{"slow, but not for long enough", looks(LongestWarmUp, SlowTime-LookEvery, requests(620, 0, 512*ms)), judged(), none,
			Inconclusive, "is over the limit of 500ms"},
		{"slow in its warm-up does not count", append(looks(0, LongestWarmUp-LookEvery, requests(620, 0, 512*ms)), looks(LongestWarmUp, SlowTime-LookEvery, requests(620, 0, 512*ms))...), judged(), none,
			Inconclusive, "is over the limit"},
		{"one look at which it is not slow ends that it was", append(looks(LongestWarmUp, SlowTime/2, requests(620, 0, 512*ms)),
			append([]Sample{seen(at(LongestWarmUp + SlowTime/2 + time.Second))}, looks(LongestWarmUp+SlowTime/2+LookEvery, SlowTime/2, requests(620, 0, 512*ms))...)...), judged(), none,
			Inconclusive, "is over the limit"},
		{"slow, but not any more", append(lasting(requests(620, 0, 512*ms))[:20], seen()), judged(), none, Pass, "p95 41ms (limit 500ms)"},
		{"a short watch has a short warm-up, and is as patient", looks(time.Second, SlowTime, requests(620, 0, 512*ms)), judged(func(p *WatchPolicy) { p.For = 2 * time.Second }), none,
			Fail, "and has been for 50s"},
		{"at the limit", lasting(requests(620, 0, 500*ms)), judged(), none, Pass, ""},
		{"both: three times as slow, without a limit that a person wrote", lasting(requests(620, 0, 312*ms)), judged(), old(6200, 0, 98*ms),
			Fail, "p95 312ms (of 620 requests in the last 15s) is over twice the old stack's 98ms"},
		{"both: three times as slow, within a limit that a person wrote", lasting(requests(620, 0, 312*ms)), judged(written), old(6200, 0, 98*ms), Pass, "p95 312ms (limit 500ms)"},
		{"both: 50ms more than nearly nothing are allowed", lasting(requests(620, 0, 52*ms)), judged(), old(6200, 0, 2*ms), Pass, "p95 52ms (limit 52ms)"},
		{"both: more than that are not", lasting(requests(620, 0, 53*ms)), judged(), old(6200, 0, 2*ms),
			Fail, "is over the old stack's 2ms and 50ms more"},
		{"both: slow as the old one, and over a limit that a person wrote", lasting(requests(620, 0, 600*ms)), judged(written), old(6200, 0, 600*ms),
			Fail, "is over the limit of 500ms"},
		{"both: slow as the old one, and over a limit that nobody wrote", lasting(requests(620, 0, 600*ms)), judged(), old(6200, 0, 600*ms), Pass, "p95 600ms (limit 1.2s)"},
		{"old: slow as the old one", lasting(requests(620, 0, 600*ms)), judged(comparing(CompareOld), written), old(6200, 0, 600*ms), Pass, "p95 600ms (limit 1.2s)"},
		{"limits: three times as slow, within the limit", lasting(requests(620, 0, 312*ms)), judged(comparing(CompareLimits)), old(6200, 0, 98*ms), Pass, ""},
		{"too few requests for a p95", lasting(requests(620, 0, 41*ms), lately(19, 512*ms)), judged(), none,
			Pass, "latency not judged: 19 requests in the last 15s, less than watch.min_requests, 20"},
		{"errors count although it is slow", append(lasting(requests(620, 0, 512*ms))[:5], seen(requests(620, 31, 512*ms)), seen(requests(620, 31, 512*ms))), judged(), none,
			Fail, "error rate 5%"},

		// A health answer that is right, but late.
		{"late for 50 seconds", lasting(late), judged(), none, Fail, "health answer of api: /health took longer than 200ms, and has been for 50s"},
		{"late twice in a row", []Sample{well, seen(late), seen(late)}, judged(), none, Inconclusive, "took longer than 200ms"},
		{"late in its warm-up", looks(0, LongestWarmUp-LookEvery, late), judged(), none, Pass, ""},

		// With nothing to go back to.
		{"slow, and alone", lasting(requests(620, 0, 512*ms), alone), judged(), none, Pass, "p95 512ms (limit 500ms)"},
		{"late, and alone", lasting(late, alone), judged(), none, Pass, ""},
		{"alone, and sick", []Sample{seen(sick, alone), seen(sick, alone)}, judged(), none, Fail, "unhealthy 2 times in a row"},
		{"alone, with errors", []Sample{seen(requests(620, 31, 41*ms), alone), seen(requests(620, 31, 41*ms), alone)}, judged(), none, Fail, "error rate 5%"},
		{"alone, with a restart", []Sample{seen(alone, func(s *Sample) { s.Restarts = 1 })}, judged(), none, Fail, "1 restart"},
		{"alone, and near its memory limit", twice(seen(share97, alone)), judged(), none, Fail, "97% of its own limit"},

		// Memory.
		{"memory without a limit and without an old stack", twice(seen(memory(9000))), judged(), none, Pass, "; memory 8.8GiB"},
		{"memory over its limit", twice(seen(memory(220))), judged(func(p *WatchPolicy) { p.MaxMemory = 200 << 20 }), none,
			Fail, "memory 220MiB is over the limit of 200MiB"},
		{"memory over its limit counts whatever is compared", twice(seen(memory(220))),
			judged(comparing(CompareOld), func(p *WatchPolicy) { p.MaxMemory = 200 << 20 }), oldUsing(210, 0), Fail, "memory 220MiB is over the limit of 200MiB"},
		{"a leak: twice the old stack's", twice(seen(memory(201))), judged(), oldUsing(100, 0), Fail, "memory 201MiB is over twice the old stack's 100MiB"},
		{"64MiB more than little are allowed", twice(seen(memory(74))), judged(), oldUsing(10, 0), Pass, "memory 74MiB (before: 10MiB, limit 74MiB)"},
		{"more than that are not", twice(seen(memory(75))), judged(), oldUsing(10, 0), Fail, "memory 75MiB is over the old stack's 10MiB and 64MiB more"},
		{"limits: the old stack's memory is no limit", twice(seen(memory(201))), judged(comparing(CompareLimits)), oldUsing(100, 0),
			Pass, "memory 201MiB (before: 100MiB)"},
		{"near its own limit", twice(seen(share97)), judged(), none, Fail, "memory of shop-green-api-1, 97% of its own limit, is over 90%"},
		{"old: as near as the old one", twice(seen(share97)), judged(comparing(CompareOld)), Baseline{Usage: Usage{Share: 0.95}}, Pass, ""},
		{"both: as near as the old one", twice(seen(share97)), judged(), Baseline{Usage: Usage{Share: 0.95}}, Fail, "97% of its own limit"},

		// CPU, between two looks, of every look for 50 seconds.
		{"CPU over its limit", spinning(2.5), judged(func(p *WatchPolicy) { p.MaxCPU = 2 }), none, Fail, "CPU 2.5 cores is over the limit of 2 cores, and has been for 50s"},
		{"CPU over its limit, but not for long enough", spinning(2.5)[:10], judged(func(p *WatchPolicy) { p.MaxCPU = 2 }), none, Inconclusive, "is over the limit"},
		{"CPU within a limit that a person wrote", spinning(1.9), judged(func(p *WatchPolicy) { p.MaxCPU = 2 }), oldUsing(0, 0.4), Pass, "CPU 1.9 cores (before: 0.4 cores, limit 2 cores)"},
		{"CPU that was used before does not count", spinning(0.5, func(s *Sample) { s.Usage.CPU += time.Hour }), judged(), oldUsing(0, 0.4),
			Pass, "CPU 0.5 cores (before: 0.4 cores, limit 1.2 cores)"},
		{"CPU over three times the old stack's", spinning(2), judged(), oldUsing(0, 0.6), Fail, "CPU 2 cores is over three times the old stack's 0.6 cores"},
		{"CPU over three times the old stack's, and alone", spinning(2, alone), judged(), oldUsing(0, 0.6), Pass, ""},
		{"half a core more than little is allowed", spinning(0.55), judged(), oldUsing(0, 0.1), Pass, ""},
		{"containers that were replaced have no rate", append(spinning(2.5)[:20], working(2*time.Minute, 80*time.Second, started.Add(time.Second))),
			judged(func(p *WatchPolicy) { p.MaxCPU = 2 }), none, Pass, "limit 500ms)"},
		{"what is used cannot be known", twice(seen(func(s *Sample) { s.UsageErr = "docker is away" })), judged(func(p *WatchPolicy) { p.MaxMemory = 1 << 20 }), none,
			Pass, "; memory and CPU are not known: docker is away"},

		// Too little to judge by.
		{"no requests before the longest time is over", twice(seen(at(119*time.Second), requests(0, 0, 0), probed(Probes{1180, 0, 3 * ms}))), judged(), none,
			Inconclusive, "no requests; with 1,180 probes of the agent that is less than watch.min_requests, 20"},
		{"no requests: judged by probes", twice(seen(at(2*time.Minute), requests(0, 0, 0), probed(Probes{1180, 0, 3 * ms}))), judged(), none,
			Pass, "no requests; judged by 1,180 probes of the agent: 0% failed (limit 1%), p95 3ms (limit 500ms)"},
		{"three requests: judged by probes", twice(seen(at(2*time.Minute), requests(3, 1, 9*ms), probed(Probes{1180, 1, 3 * ms}))), judged(), none,
			Pass, "3 requests, 1 failed; judged by 1,180 probes of the agent: 0.085% failed"},
		{"requests and probes together are enough", twice(seen(at(2*time.Minute), requests(3, 0, 9*ms), probed(Probes{17, 0, 3 * ms}))), judged(), none,
			Pass, "3 requests; judged by 17 probes of the agent"},
		{"requests and probes together are too few", twice(seen(at(2*time.Minute), requests(3, 0, 9*ms), probed(Probes{16, 16, 3 * ms}))), judged(), none,
			Inconclusive, "3 requests; with 16 probes of the agent that is less than watch.min_requests, 20"},
		{"probes that fail", twice(seen(at(2*time.Minute), requests(0, 0, 0), probed(Probes{1180, 59, 3 * ms}))), judged(), none,
			Fail, "59 of 1,180 probes of the agent through nginx failed (5%), which is over the limit of 1%"},
		{"one probe that fails is an accident", twice(seen(at(2*time.Minute), requests(0, 0, 0), probed(Probes{20, 1, 3 * ms}))), judged(), none, Pass, "5% failed"},
		{"probes that fail do not outvote people", twice(seen(at(2*time.Minute), probed(Probes{1180, 1180, 0}))), judged(), none, Pass, "620 requests: 0% errors"},
		{"probes that fail are held against the policy, not against people's requests before", twice(seen(at(2*time.Minute), requests(0, 0, 0), probed(Probes{1180, 59, 3 * ms}))),
			judged(comparing(CompareOld)), old(6200, 310, 41*ms), Fail, "is over the limit of 1%"},
		{"probes that are slow", looks(2*time.Minute, SlowTime, requests(0, 0, 0), probed(Probes{1180, 0, 600 * ms})), judged(), none,
			Fail, "p95 600ms (of 1,180 probes of the agent through nginx in the last 15s) is over the limit of 500ms, and has been for 50s"},
		{"the log cannot be read: judged by probes", twice(seen(at(2*time.Minute), unread, probed(Probes{1180, 0, 3 * ms}))), judged(), none,
			Pass, "the access log cannot be read: open access.log: no such file; judged by 1,180 probes of the agent: 0% failed"},
		{"the log cannot be read, and nobody probed", twice(seen(at(2*time.Minute), unread)), judged(), none,
			Inconclusive, "the access log cannot be read: open access.log: no such file; with 0 probes of the agent that is less"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Judge(c.samples, c.policy, c.old)
			if r.Verdict != c.want || !strings.Contains(r.Why, c.why) {
				t.Errorf("got %s %q\nwant %s %q", r.Verdict, r.Why, c.want, c.why)
			}
			open := c.want == Inconclusive && r.Slow > 0 || strings.Contains(c.name, "leaves it open")
			if b := r.Breach; (b != nil) != (c.want == Fail || open) || b != nil && b.Value <= b.Limit {
				t.Errorf("breach %+v", b)
			}
			if warned := strings.HasSuffix(c.name, ", and alone"); (r.Warning != "") != warned {
				t.Errorf("warning %q", r.Warning)
			}
		})
	}
}

func TestJudge_BreachIsInBaseUnits(t *testing.T) {
	for _, c := range []struct {
		sample Sample
		want   Breach
	}{
		{seen(requests(620, 31, time.Millisecond)), Breach{ErrorRatio, 0.05, 0.01, ""}},
		{seen(requests(620, 0, 2*time.Second)), Breach{P95Seconds, 2, 0.5, ""}},
		{seen(memory(220)), Breach{MemoryBytes, 220 << 20, 200 << 20, ""}},
		{seen(share97), Breach{MemoryShare, 0.97, 0.9, ""}},
		{seen(func(s *Sample) { s.Restarts = 2 }), Breach{RestartSum, 2, 0, ""}},
	} {
		later := c.sample
		later.After += SlowTime
		got := Judge([]Sample{c.sample, later}, judged(func(p *WatchPolicy) { p.MaxMemory, p.MaxRestarts = 200<<20, 0 }), Baseline{}).Breach
		if got != nil {
			got.Words = ""
		}
		if got == nil || *got != c.want {
			t.Errorf("got %+v, want %+v", got, c.want)
		}
	}
}

func TestFigures_AreShortAndExactEnough(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{percent(0), "0%"}, {percent(0.05), "5%"}, {percent(2.0 / 12_410), "0.016%"}, {percent(0.07), "7%"}, {percent(0.000004), "0.0004%"}, {percent(1), "100%"},
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(1_234_567), "1,234,567"},
		{Counted(1, "probe"), "1 probe"}, {Counted(2, "probe"), "2 probes"},
		{size(48 << 20), "48MiB"}, {size(1.5 * (1 << 30)), "1.5GiB"}, {size(0), "0MiB"}, {size(4 << 30), "4GiB"}, {size(2.25 * (1 << 20)), "2.2MiB"},
		{cores(0.314), "0.31 cores"}, {cores(2), "2 cores"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}
