package deploy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The stories below read like section 3 of the design: what is, what git wants,
// and what is done about it. a is the release that was there before, b the new one.
var (
	relA = pick(1).release()
	relB = pick(2).release()
)

// The stacks of the stories.
var (
	absent   = StackFacts{}
	warmA    = StackFacts{Release: relA, Condition: Running, Started: true}
	warmB    = StackFacts{Release: relB, Condition: Running, Started: true}
	cutB     = StackFacts{Release: relB, Condition: Running}
	gatedA   = StackFacts{Release: relA, Condition: Running, Started: true, Gated: true}
	gatedB   = StackFacts{Release: relB, Condition: Running, Started: true, Gated: true}
	brokenA  = StackFacts{Release: relA, Condition: Broken}
	brokenB  = StackFacts{Release: relB, Condition: Broken}
	stoppedA = StackFacts{Release: relA, Condition: Stopped}
	expiredA = StackFacts{Release: relA, Condition: Running, Started: true, Expired: true}
)

// remembered builds the memory of a story.
type remembered struct {
	live     LiveRelease
	passed   []Release
	rejected []Release // in this generation
	earlier  []Release // rejected in an earlier one
	healing  bool
	paused   bool
	pending  Reason // of the deploy in hand; empty: none
}

func (r remembered) memory() Memory {
	m := Memory{Generation: 2, Live: r.live, Passed: r.passed, Healing: r.healing, Paused: r.paused}
	for _, x := range r.earlier {
		m.Rejected = append(m.Rejected, Rejection{Release: x, Generation: 1})
	}
	for _, x := range r.rejected {
		m.Rejected = append(m.Rejected, Rejection{Release: x, Generation: 2})
	}
	if r.pending != "" {
		m.Pending = &Entry{Reason: r.pending}
	}
	return m
}

func confirmed(c Color, r Release) LiveRelease { return LiveRelease{Color: c, Release: r} }

func wants(r Release, c Color) App { return App{Name: "shop", Tag: r.Tag, Release: r, Color: c} }

func TestPlan_FollowsTheRulesOfTheDesiredState(t *testing.T) {
	aIsLive := remembered{live: confirmed(Blue, relA), passed: []Release{relA}}
	bIsWatched := remembered{live: confirmed(Green, relB), passed: []Release{relA}}
	bHadAnOutage := bIsWatched
	bHadAnOutage.healing = true
	bIsLive := remembered{live: confirmed(Green, relB), passed: []Release{relA, relB}}

	for _, c := range []struct {
		name   string
		wants  App
		live   Color
		blue   StackFacts
		green  StackFacts
		memory remembered
		want   string // the steps, a line each
		reason Reason
	}{
		{
			name:  "the first deploy into the color that is not live",
			wants: wants(relA, Green), live: Blue,
			want: "up green a; gate green a; flip green a; confirm green a; watch green a", reason: FirstDeploy,
		},
		{
			name:  "the first deploy into the color that Nginx names already leaves it first",
			wants: wants(relA, Blue), live: Blue,
			want: "park green; up blue a; gate blue a; flip blue a; confirm blue a; watch blue a", reason: FirstDeploy,
		},
		{
			name:  "a tag bump",
			wants: wants(relB, Green), live: Blue, blue: gatedA, memory: aIsLive,
			want: "up green b; gate green b; flip green b; confirm green b; watch green b", reason: NewRelease,
		},
		{
			name:  "a tag bump over an old standby, which may finish first",
			wants: wants(relB, Green), live: Blue, blue: gatedA, green: StackFacts{Release: pick(3).release(), Condition: Running, Started: true}, memory: aIsLive,
			want: "drain green c; up green b; gate green b; flip green b; confirm green b; watch green b", reason: NewRelease,
		},
		{
			name:  "the same color with a new tag goes over the other color",
			wants: wants(relB, Blue), live: Blue, blue: gatedA, memory: aIsLive,
			want: "up green b; gate green b; flip green b; confirm green b; watch green b; " +
				"drain blue a; up blue b; gate blue b; flip blue b; confirm blue b", reason: NewRelease,
		},
		{
			name:  "the same color with a new tag, second hop",
			wants: wants(relB, Blue), live: Green, blue: warmA, green: gatedB, memory: bIsLive,
			want: "drain blue a; up blue b; gate blue b; flip blue b; confirm blue b", reason: ColorChange,
		},
		{
			name:  "the second hop waits for the watch",
			wants: wants(relB, Blue), live: Green, blue: warmA, green: gatedB, memory: bIsWatched,
			want: "watch green b; drain blue a; up blue b; gate blue b; flip blue b; confirm blue b", reason: Watching,
		},
		{
			name:  "auto takes the color that is not live",
			wants: wants(relB, Auto), live: Blue, blue: gatedA, memory: aIsLive,
			want: "up green b; gate green b; flip green b; confirm green b; watch green b", reason: NewRelease,
		},
		{
			name:  "auto stays where the release is live",
			wants: wants(relB, Auto), live: Green, blue: warmA, green: gatedB, memory: bIsLive,
			want: "", reason: UpToDate,
		},
		{
			name:  "a color change without a bump",
			wants: wants(relA, Green), live: Blue, blue: gatedA, memory: aIsLive,
			want: "up green a; gate green a; flip green a; confirm green a", reason: ColorChange,
		},
		{
			name:  "a revert while the old stack is warm",
			wants: wants(relA, Blue), live: Green, blue: warmA, green: gatedB, memory: bIsLive,
			want: "gate blue a; flip blue a; confirm blue a", reason: Returning,
		},
		{
			name:  "a revert in the middle of the watch",
			wants: wants(relA, Blue), live: Green, blue: warmA, green: gatedB, memory: bIsWatched,
			want: "gate blue a; flip blue a; confirm blue a", reason: Returning,
		},
		{
			name:  "a revert to a stopped standby starts it",
			wants: wants(relA, Auto), live: Green, blue: stoppedA, green: gatedB, memory: bIsLive,
			want: "up blue a; gate blue a; flip blue a; confirm blue a", reason: Returning,
		},
		{
			name:  "a newer commit in the middle of a gate",
			wants: wants(pick(3).release(), Green), live: Blue, blue: gatedA, green: warmB, memory: aIsLive,
			want: "drain green b; up green c; gate green c; flip green c; confirm green c; watch green c", reason: NewRelease,
		},
		{
			name:  "a newer commit in the middle of the watch",
			wants: wants(pick(3).release(), Blue), live: Green, blue: warmA, green: gatedB, memory: bIsWatched,
			want: "drain blue a; up blue c; gate blue c; flip blue c; confirm blue c; watch blue c", reason: NewRelease,
		},
		{
			name:  "the watch",
			wants: wants(relB, Green), live: Green, blue: warmA, green: gatedB, memory: bIsWatched,
			want: "watch green b", reason: Watching,
		},
		{
			name:  "its start did not end well, though it runs: it is started again before it is gated",
			wants: wants(relB, Green), live: Blue, blue: gatedA, green: cutB, memory: aIsLive,
			want: "up green b; gate green b; flip green b; confirm green b; watch green b", reason: NewRelease,
		},
		{
			name:  "the live stack was mended, and that start did not end well",
			wants: wants(relB, Green), live: Green, blue: warmA, green: cutB, memory: bIsLive,
			want: "up green b; gate green b", reason: Healing,
		},
		{
			name:  "rejected at its gate: stopped",
			wants: wants(relB, Green), live: Blue, blue: gatedA, green: warmB,
			memory: remembered{live: confirmed(Blue, relA), passed: []Release{relA}, rejected: []Release{relB}},
			want:   "drain green b; retire green b", reason: Held,
		},
		{
			name:  "rejected at its gate: held",
			wants: wants(relB, Green), live: Blue, blue: gatedA, green: StackFacts{Release: relB, Condition: Stopped},
			memory: remembered{live: confirmed(Blue, relA), passed: []Release{relA}, rejected: []Release{relB}},
			want:   "", reason: Held,
		},
		{
			name:  "the first release was rejected at its gate: nothing is live, which must not look as if all were well",
			wants: wants(relB, Green), live: Blue, green: warmB,
			memory: remembered{rejected: []Release{relB}},
			want:   "drain green b; retire green b", reason: Held,
		},
		{
			name:  "rejected earlier, and a new commit asks for it again",
			wants: wants(relB, Green), live: Blue, blue: gatedA, green: StackFacts{Release: relB, Condition: Stopped},
			memory: remembered{live: confirmed(Blue, relA), passed: []Release{relA}, earlier: []Release{relB}},
			want:   "up green b; gate green b; flip green b; confirm green b; watch green b", reason: NewRelease,
		},
		{
			name:  "a failed watch",
			wants: wants(relB, Green), live: Green, blue: warmA, green: gatedB,
			memory: remembered{live: confirmed(Green, relB), passed: []Release{relA}, rejected: []Release{relB}},
			want:   "gate blue a; flip blue a; confirm blue a", reason: RollingBack,
		},
		{
			name:  "a pause does not stop a taking-back",
			wants: wants(relB, Green), live: Green, blue: warmA, green: gatedB,
			memory: remembered{live: confirmed(Green, relB), passed: []Release{relA}, rejected: []Release{relB}, paused: true},
			want:   "gate blue a; flip blue a; confirm blue a", reason: RollingBack,
		},
		{
			name:  "a pause does not stop the taking-back of a release that git wants no more",
			wants: wants(pick(3).release(), Blue), live: Green, blue: warmA, green: gatedB,
			memory: remembered{live: confirmed(Green, relB), passed: []Release{relA}, rejected: []Release{relB}, paused: true},
			want:   "gate blue a; flip blue a; confirm blue a", reason: RollingBack,
		},
		{
			name:  "a failed watch, and the standby is stopped",
			wants: wants(relB, Green), live: Green, blue: stoppedA, green: gatedB,
			memory: remembered{live: confirmed(Green, relB), passed: []Release{relA}, rejected: []Release{relB}},
			want:   "up blue a; gate blue a; flip blue a; confirm blue a", reason: RollingBack,
		},
		{
			name:  "a failed watch, and no other stack",
			wants: wants(relB, Green), live: Green, green: gatedB,
			memory: remembered{live: confirmed(Green, relB), rejected: []Release{relB}},
			want:   "", reason: NoRollbackTarget,
		},
		{
			name:  "a failed watch, and the other stack was rejected before",
			wants: wants(relB, Green), live: Green, blue: warmA, green: gatedB,
			memory: remembered{live: confirmed(Green, relB), earlier: []Release{relA}, rejected: []Release{relB}},
			want:   "", reason: NoRollbackTarget,
		},
		{
			name:  "no way back, and the live stack dies: better a bad one than none",
			wants: wants(relB, Green), live: Green, green: brokenB,
			memory: remembered{live: confirmed(Green, relB), rejected: []Release{relB}},
			want:   "up green b; gate green b", reason: Healing,
		},
		{
			name:  "paused",
			wants: wants(relB, Green), live: Blue, blue: gatedA,
			memory: remembered{live: confirmed(Blue, relA), passed: []Release{relA}, paused: true},
			want:   "", reason: Paused,
		},
		{
			name:  "paused, and the live stack dies",
			wants: wants(relB, Green), live: Blue, blue: brokenA,
			memory: remembered{live: confirmed(Blue, relA), passed: []Release{relA}, paused: true},
			want:   "up blue a; gate blue a", reason: Healing,
		},
		{
			name:  "files that cannot be read",
			wants: App{Release: relB, Color: Green, FilesRefused: true}, live: Blue, blue: gatedA, memory: aIsLive,
			want: "", reason: FilesRefused,
		},
		{
			name:  "files that cannot be read, and the flag is moved by hand",
			wants: App{Release: relB, Color: Green, FilesRefused: true}, live: Green, blue: warmA, memory: aIsLive,
			want: "gate blue a; flip blue a; confirm blue a", reason: Drifted,
		},
		{
			name:  "the live stack dies after its watch",
			wants: wants(relA, Blue), live: Blue, blue: brokenA, green: warmB, memory: aIsLive,
			want: "up blue a; gate blue a", reason: Healing,
		},
		{
			name:  "the live stack was mended, and has not passed the gate since",
			wants: wants(relA, Blue), live: Blue, blue: warmA,
			memory: remembered{live: confirmed(Blue, relA), passed: []Release{relA}, healing: true},
			want:   "gate blue a", reason: Healing,
		},
		{
			name:  "the live stack dies in its watch: that is a verdict",
			wants: wants(relB, Green), live: Green, blue: warmA, green: brokenB, memory: bIsWatched,
			want: "watch green b", reason: Watching,
		},
		{
			name:  "the live stack is removed in its watch: that is a verdict too",
			wants: wants(relB, Green), live: Green, blue: warmA, green: absent, memory: bIsWatched,
			want: "watch green b", reason: Watching,
		},
		{
			name:  "Docker was away in the watch: the gate again, and then the watch",
			wants: wants(relB, Green), live: Green, blue: warmA, green: warmB, memory: bHadAnOutage,
			want: "gate green b; watch green b", reason: Healing,
		},
		{
			name:  "Docker was away in the watch, and started nothing again",
			wants: wants(relB, Green), live: Green, blue: stoppedA, green: StackFacts{Release: relB, Condition: Stopped}, memory: bHadAnOutage,
			want: "up green b; gate green b; watch green b", reason: Healing,
		},
		{
			name:  "Docker was away in the watch, and nothing is left: that is a verdict",
			wants: wants(relB, Green), live: Green, blue: warmA, green: absent, memory: bHadAnOutage,
			want: "watch green b", reason: Watching,
		},
		{
			name:  "the flag is moved by hand",
			wants: wants(relA, Blue), live: Green, blue: warmA, memory: aIsLive,
			want: "gate blue a; flip blue a; confirm blue a", reason: Drifted,
		},
		{
			name:  "the flag is moved by hand to an empty color while a newer commit waits",
			wants: wants(relB, Green), live: Green, blue: warmA, memory: aIsLive,
			want: "gate blue a; flip blue a; confirm blue a", reason: Drifted,
		},
		{
			name:  "killed between the flip and its confirmation",
			wants: wants(relB, Green), live: Green, blue: warmA, green: warmB, memory: aIsLive,
			want: "gate green b; confirm green b; watch green b", reason: NewRelease,
		},
		{
			name:  "flipped on the first deploy: the reason stays that with which it began",
			wants: wants(relA, Green), live: Green, green: gatedA, memory: remembered{pending: FirstDeploy},
			want: "confirm green a; watch green a", reason: FirstDeploy,
		},
		{
			name:  "flipped on a return: the reason stays that with which it began",
			wants: wants(relA, Blue), live: Blue, blue: gatedA, green: warmB,
			memory: remembered{live: confirmed(Green, relB), passed: []Release{relA, relB}, pending: Returning},
			want:   "confirm blue a", reason: Returning,
		},
		{
			name:  "flipped on a taking-back: the reason stays that with which it began",
			wants: wants(relB, Green), live: Blue, blue: gatedA, green: warmB,
			memory: remembered{live: confirmed(Green, relB), passed: []Release{relA}, rejected: []Release{relB}},
			want:   "confirm blue a", reason: RollingBack,
		},
		{
			name:  "flipped on a taking-back of what git wants no more, while paused",
			wants: wants(pick(3).release(), Green), live: Blue, blue: gatedA, green: warmB,
			memory: remembered{live: confirmed(Green, relB), passed: []Release{relA}, rejected: []Release{relB}, paused: true},
			want:   "confirm blue a", reason: RollingBack,
		},
		{
			name:  "the confirmed release beside is sick and was rejected for it: a newer one goes on",
			wants: wants(relB, Green), live: Green, blue: warmA, green: brokenB,
			memory: remembered{live: confirmed(Blue, relA), rejected: []Release{relA}},
			want:   "drain blue a; up blue b; gate blue b; flip blue b; confirm blue b; watch blue b; drain green b; up green b; gate green b; flip green b; confirm green b", reason: NewRelease,
		},
		{
			name:  "killed between the flip and its confirmation, and the new stack dies meanwhile",
			wants: wants(relB, Green), live: Green, blue: warmA, green: brokenB, memory: aIsLive,
			want: "gate blue a; flip blue a; confirm blue a", reason: Drifted,
		},
		{
			name:  "everything is down, and a bump names the live color: the confirmed release is not replaced yet",
			wants: wants(relB, Blue), live: Blue, blue: stoppedA, memory: aIsLive,
			want: "up green b; gate green b; flip green b; confirm green b; watch green b; " +
				"up blue b; gate blue b; flip blue b; confirm blue b", reason: NewRelease,
		},
		{
			name:  "a lost memory: what has the traffic proves itself and is watched",
			wants: wants(relA, Auto), live: Blue, blue: warmA, green: warmB,
			want: "gate blue a; confirm blue a; watch blue a", reason: NewRelease,
		},
		{
			name:  "a lost memory and a rejected release: what has the traffic is confirmed all the same",
			wants: wants(relB, Green), live: Blue, blue: warmA, memory: remembered{rejected: []Release{relB}},
			want: "gate blue a; confirm blue a; watch blue a", reason: NewRelease,
		},
		{
			name:  "the standby was kept for long enough",
			wants: wants(relB, Green), live: Green, blue: expiredA, green: gatedB, memory: bIsLive,
			want: "drain blue a; retire blue a", reason: Retiring,
		},
		{
			name:  "the standby was kept for long enough, but is still the way back",
			wants: wants(relB, Green), live: Green, blue: expiredA, green: gatedB, memory: bIsWatched,
			want: "watch green b", reason: Watching,
		},
		{
			name:  "the old stack is idle already",
			wants: wants(relB, Green), live: Green, blue: StackFacts{Release: relA, Condition: Running, Started: true, Idle: true, Expired: true}, green: gatedB, memory: bIsLive,
			want: "retire blue a", reason: Retiring,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps, reason := Plan(c.wants, Observed{Live: c.live, Blue: c.blue, Green: c.green}, c.memory.memory())
			if d := cmp.Diff(strings.Split(c.want, "; "), strings.Split(brief(steps), "; ")); d != "" {
				t.Errorf("steps (-want +got):\n%s", d)
			}
			if reason != c.reason {
				t.Errorf("reason %s, want %s", reason, c.reason)
			}
		})
	}
}

func TestForgives_ConfirmedReleaseIsGivenTimeUnlessANewerOneWaitsForIt(t *testing.T) {
	gate := Step{Gate, Blue, relA}
	for _, c := range []struct {
		name   string
		wants  App
		live   Color
		memory remembered
		step   Step
		want   bool
	}{
		{"it is live", wants(relB, Green), Blue, remembered{live: confirmed(Blue, relA), passed: []Release{relA}}, gate, true},
		{"it is live, and rejected already", wants(relA, Blue), Blue, remembered{live: confirmed(Blue, relA), rejected: []Release{relA}}, gate, true},
		{"it is live, and its watch has to begin again", wants(relA, Blue), Blue, remembered{live: confirmed(Blue, relA)}, gate, false},
		{"it is beside, and a newer one waits", wants(relB, Green), Green, remembered{live: confirmed(Blue, relA)}, gate, false},
		{"it is beside, and nothing newer waits", wants(relA, Blue), Green, remembered{live: confirmed(Blue, relA)}, gate, true},
		{"it is beside, and the newer one was rejected", wants(relB, Green), Green, remembered{live: confirmed(Blue, relA), rejected: []Release{relB}}, gate, true},
		{"it is beside, and the newer one has to wait: paused", wants(relB, Green), Green, remembered{live: confirmed(Blue, relA), paused: true}, gate, true},
		{"it is beside, and the newer one has to wait: frozen", App{Release: relB, FilesRefused: true}, Green, remembered{live: confirmed(Blue, relA)}, gate, true},
		{"it is the watch that failed", wants(relA, Blue), Blue, remembered{live: confirmed(Blue, relA)}, Step{Watch, Blue, relA}, false},
		{"it was never confirmed", wants(relA, Blue), Green, remembered{live: confirmed(Green, relB)}, gate, false},
		{"it was confirmed in the other color", wants(relA, Blue), Green, remembered{live: confirmed(Green, relA)}, gate, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Forgives(c.wants, Observed{Live: c.live}, c.memory.memory(), c.step); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}

// brief prints steps with the letters of the stories.
func brief(steps []Step) string {
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = string(s.Action) + " " + string(s.Color)
		if r := pickOf(s.Release); r != 0 {
			words[i] += " " + r.letter()
		}
	}
	return strings.Join(words, "; ")
}
