package deploy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func memoryRelease(n int) Release {
	return Release{Tag: fmt.Sprintf("1.0.%d", n), Hash: fmt.Sprintf("%08x", n)}
}

func TestMemory_IsReadBackAsItWasWritten(t *testing.T) {
	at := time.Date(2026, 11, 21, 22, 10, 4, 123456789, time.UTC)
	want := Memory{
		Tree: "9f86d081", Generation: 3,
		Clock:    Clock{Boot: "a", Started: at},
		Live:     LiveRelease{Color: Green, Release: memoryRelease(1), Commit: "3f2c", Root: "/srv/shop", Since: at, Restarts: 2, Started: at, WatchRestartedAt: at, Outages: 1},
		Passed:   []Release{memoryRelease(1)},
		Rejected: []Rejection{{Release: memoryRelease(2), Generation: 3, Reason: ContainerExited, Detail: "api ended with 1", Logs: "a\nb \"c\" <d>\n"}},
		Commit:   "77aa",
		Pending:  &Entry{Commit: "77aa", Tag: "1.0.2", Color: Blue, Reason: NewRelease, Started: at},
		Receipt:  &Receipt{Gate: Took(3200 * time.Millisecond), Flip: Took(4 * time.Millisecond)},
		Baseline: Baseline{For: memoryRelease(2), Traffic: Traffic{Requests: 9, Errors: 1, P95: 41}, Usage: Usage{Memory: 1 << 20, CPU: 5, Started: at, NearestToLimit: "api-1", Share: 0.5}, CPU: 0.1},
		Healing:  true, Paused: true, Note: "the flag was put back",
		Failure: &Failure{Release: memoryRelease(3), Generation: 3, Color: Blue, Action: Up, Words: "no such thing #", Times: 2},
		History: []Entry{{Commit: "3f2c", Tag: "1.0.1", Color: Green, Result: Promoted, Reason: NewRelease, Started: at, Took: Took(3200 * time.Millisecond)}},
	}
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeMemory(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("memory changed on its way through the file (-want +got):\n%s", d)
	}
}

func TestDecodeMemory_DamagedFileIsAnErrorAndNoMemory(t *testing.T) {
	for _, data := range []string{"", "{", `{"generation": "three"}`, `{"history": [{"took": "soon"}]}`, "{}{}"} {
		if got, err := DecodeMemory([]byte(data)); err == nil || !cmp.Equal(got, Memory{}) {
			t.Errorf("DecodeMemory(%q) = %+v, %v; want the zero Memory and an error", data, got, err)
		}
	}
}

func TestMemory_OnlyANewTreeIsANewDecision(t *testing.T) {
	var m Memory
	for _, c := range []struct {
		tree string
		want int
	}{{"one", 1}, {"one", 1}, {"two", 2}, {"one", 3}} {
		before := m.Generation
		if restarted := m.RecordTree(c.tree, "3f2c", time.Time{}); m.Generation != c.want || restarted != (m.Generation > before) {
			t.Errorf("after seeing %q: generation %d, new %t; want %d", c.tree, m.Generation, restarted, c.want)
		}
	}
}

func TestMemory_RejectionStandsUntilTheNextDecision(t *testing.T) {
	r := memoryRelease(1)
	for name, decide := range map[string]func(*Memory){
		"a new tree": func(m *Memory) { m.RecordTree("two", "", time.Time{}) },
		"a retry":    (*Memory).Retry,
	} {
		t.Run(name, func(t *testing.T) {
			var m Memory
			m.RecordTree("one", "", time.Time{})
			m.Reject(r, RejectError{Reason: Unhealthy, Detail: "GET /health: 500", Logs: "boom"})
			got, blocked := m.Blocked(r)
			if want := (Rejection{r, 1, Unhealthy, "GET /health: 500", "boom"}); !blocked || got != want {
				t.Errorf("Blocked = %+v, %t; want %+v, true", got, blocked, want)
			}
			if m.RecordTree("one", "", time.Time{}); !isBlocked(m, r) {
				t.Error("seeing the same tree again lifted the rejection")
			}
			if decide(&m); isBlocked(m, r) {
				t.Error("still blocked after the next decision")
			}
			if !m.EverRejected(r) {
				t.Error("the next decision made it a release that was never rejected")
			}
		})
	}
}

func isBlocked(m Memory, r Release) bool {
	_, blocked := m.Blocked(r)
	return blocked
}

func TestMemory_BlockedNamesTheLatestReason(t *testing.T) {
	r := memoryRelease(1)
	var m Memory
	m.Reject(r, RejectError{Reason: Unhealthy})
	m.Reject(r, RejectError{Reason: TooSlow})
	if got, _ := m.Blocked(r); got.Reason != TooSlow {
		t.Errorf("Blocked gives %s, want the newer TooSlow", got.Reason)
	}
	if isBlocked(m, memoryRelease(2)) || m.EverRejected(memoryRelease(2)) {
		t.Error("another release is blocked with it")
	}
}

func TestMemory_RejectTakesBackThatItPassed(t *testing.T) {
	r := memoryRelease(1)
	var m Memory
	m.Pass(r, r)
	if m.Reject(r, RejectError{}); m.HasPassed(r) {
		t.Error("a rejected release still counts as passed")
	}
}

func TestMemory_PassClearsEveryRejectionOfTheRelease(t *testing.T) {
	r, other := memoryRelease(1), memoryRelease(2)
	var m Memory
	m.Reject(r, RejectError{})
	m.Reject(other, RejectError{})
	m.Retry()
	m.Reject(r, RejectError{})
	m.Pass(r, r)
	if m.EverRejected(r) || !m.HasPassed(r) {
		t.Errorf("after Pass: ever rejected %t, passed %t; want false, true", m.EverRejected(r), m.HasPassed(r))
	}
	if !m.EverRejected(other) {
		t.Error("another release was acquitted with it")
	}
}

func TestMemory_PassForgetsReleasesWithoutAStack(t *testing.T) {
	a, b, c := memoryRelease(1), memoryRelease(2), memoryRelease(3)
	var m Memory
	m.Pass(a, a)
	m.Pass(b, a, b)
	m.Pass(c, b, c)
	m.Pass(c, b, c)
	if want := []Release{b, c}; !slices.Equal(m.Passed, want) {
		t.Errorf("passed %v, want %v: a has no stack, and nothing is listed twice", m.Passed, want)
	}
}

func TestMemory_ForgetsTheOldestRejectionsAndEntries(t *testing.T) {
	var m Memory
	for n := range 100 {
		m.Reject(memoryRelease(n), RejectError{})
		m.Log(Entry{Tag: memoryRelease(n).Tag})
	}
	if len(m.Rejected) != 20 || m.Rejected[0].Release != memoryRelease(80) || m.Rejected[19].Release != memoryRelease(99) {
		t.Errorf("%d rejections kept, want the newest 20, newest last: %v", len(m.Rejected), m.Rejected)
	}
	if len(m.History) != 50 || m.History[0].Tag != "1.0.99" || m.History[49].Tag != "1.0.50" {
		t.Errorf("%d entries kept, want the newest 50, newest first: %v", len(m.History), m.History)
	}
}

func TestMemory_DeployInHandEndsOnceAndIsLogged(t *testing.T) {
	at := time.Date(2026, 11, 21, 22, 10, 4, 0, time.UTC)
	entry := func(tag string, result Result, reason Reason, took time.Duration) Entry {
		return Entry{Tag: tag, Result: result, Reason: reason, Started: at, Took: Took(took)}
	}
	var m Memory
	m.Finish(Promoted, "", at)
	m.Begin(Entry{Tag: "1", Reason: NewRelease, Started: at})
	m.Begin(Entry{Tag: "ignored", Reason: NewRelease, Started: at})
	m.Finish(Promoted, "", at.Add(time.Second))
	m.Finish(Promoted, "", at.Add(time.Minute))
	m.Begin(Entry{Tag: "2", Reason: NewRelease, Started: at})
	m.Finish(RolledBack, WatchFailed, at.Add(2*time.Second))
	m.Begin(Entry{Tag: "3", Reason: NewRelease, Started: at})
	m.RecordTree("another tree", "3f2c", at.Add(3*time.Second))
	want := []Entry{
		entry("3", Superseded, NewRelease, 3*time.Second),
		entry("2", RolledBack, WatchFailed, 2*time.Second),
		entry("1", Promoted, NewRelease, time.Second),
	}
	if d := cmp.Diff(want, m.History); d != "" || m.Pending != nil {
		t.Errorf("pending %v, history (-want +got):\n%s", m.Pending, d)
	}
}

func TestMemory_CloneSharesNothing(t *testing.T) {
	m := Memory{
		Passed:   []Release{memoryRelease(1), memoryRelease(2)},
		Rejected: []Rejection{{Release: memoryRelease(3)}},
		History:  []Entry{{Tag: "1"}, {Tag: "2"}},
	}
	c, same := m.Clone(), m.Clone()
	c.Passed[0], c.Rejected[0], c.History[0] = Release{}, Rejection{}, Entry{}
	c.Reject(memoryRelease(2), RejectError{})
	if d := cmp.Diff(same, m); d != "" {
		t.Errorf("a change of the clone changed the original (-was +is):\n%s", d)
	}
}

func TestLiveRelease_IsNeverThatOfNoRelease(t *testing.T) {
	if (LiveRelease{}).Is(NoColor, Release{}) {
		t.Error("the zero LiveRelease is that of the zero Release")
	}
	liveRelease := LiveRelease{Color: Green, Release: memoryRelease(1)}
	if !liveRelease.Is(Green, memoryRelease(1)) || liveRelease.Is(Blue, memoryRelease(1)) || liveRelease.Is(Green, memoryRelease(2)) {
		t.Error("a live release is that of its color and its release, and of no other")
	}
}

func TestTook_PrintsThreeDigits(t *testing.T) {
	for _, c := range []struct {
		took time.Duration
		want string
	}{
		{0, "0s"},
		{7, "7ns"},
		{1234567, "1.23ms"},
		{4 * time.Millisecond, "4ms"},
		{999600 * time.Microsecond, "1s"},
		{3217 * time.Millisecond, "3.22s"},
		{21*time.Second + 449*time.Millisecond, "21.4s"},
		{time.Minute + 1499*time.Millisecond, "1m1.5s"},
		{61*time.Minute + 2*time.Second, "1h1m0s"},
	} {
		text, err := Took(c.took).MarshalText()
		if err != nil || string(text) != c.want {
			t.Errorf("%d ns prints as %q, %v; want %q", c.took, text, err, c.want)
		}
		var back Took
		if err := back.UnmarshalText(text); err != nil || back.String() != c.want {
			t.Errorf("%q is read back as %q, %v", text, back, err)
		}
	}
}

func TestTook_TextThatIsNoDurationIsAnError(t *testing.T) {
	var took Took
	if err := took.UnmarshalText([]byte("soon")); err == nil {
		t.Error(`"soon" was read as a duration`)
	}
}
