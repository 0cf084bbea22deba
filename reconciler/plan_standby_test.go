package reconciler

import (
	"strings"
	"testing"
	"time"
)

// A live stack that is dead, or of which nothing is left, comes up again where it was:
// the standby beside it is all that answers, and is neither replaced nor stopped.
func TestPlan_TheStandbyIsNotTouchedWhileTheLiveStackIsNotHealthy(t *testing.T) {
	bIsLive := remembered{live: confirmed(Green, relB), passed: []Release{relA, relB}}
	with := func(m remembered, change func(*remembered)) remembered {
		change(&m)
		return m
	}
	held := with(bIsLive, func(m *remembered) { m.rejected = []Release{pick(3).release()} })
	paused := with(bIsLive, func(m *remembered) { m.paused = true })
	mended := with(bIsLive, func(m *remembered) { m.healing = true })
	givenUp := with(bIsLive, func(m *remembered) { m.rejected = []Release{relB} })
	onTrial := with(bIsLive, func(m *remembered) { m.passed = []Release{relA} })
	frozen := wants(relB, Auto)
	frozen.Frozen = true
	relC := pick(3).release()
	const mend = "Healing: up green b; gate green b"
	for _, c := range []struct {
		name    string
		wants   App
		standby StackFacts
		live    StackFacts
		memory  remembered
		closed  bool
		want    string
	}{
		{name: "gone", wants: wants(relB, Auto), standby: warmA, live: absent, memory: bIsLive, want: mend},
		{name: "gone, and git names its color", wants: wants(relB, Green), standby: warmA, live: absent, memory: bIsLive, want: mend},
		{name: "gone, and git names the other color", wants: wants(relB, Blue), standby: warmA, live: absent, memory: bIsLive, want: mend},
		{name: "dead, and git names the other color", wants: wants(relB, Blue), standby: warmA, live: brokenB, memory: bIsLive, want: mend},
		{name: "gone, and a rejected release is held", wants: wants(relC, Auto), standby: warmA, live: absent, memory: held, want: mend},
		{name: "gone, and what was rejected still runs beside", wants: wants(relC, Auto), standby: StackFacts{Release: relC, Condition: Running, Started: true}, live: absent, memory: held, want: mend},
		{name: "gone, and paused", wants: wants(relC, Auto), standby: warmA, live: absent, memory: paused, want: mend},
		{name: "gone, and the files cannot be read", wants: frozen, standby: warmA, live: absent, memory: bIsLive, want: mend},
		{name: "gone, outside a deploy window", wants: wants(relC, Auto), standby: warmA, live: absent, memory: bIsLive, closed: true, want: mend},
		{name: "gone, and the standby's time is over", wants: wants(relB, Auto), standby: expiredA, live: absent, memory: bIsLive, want: mend},
		{name: "gone, and a standby that can be started again", wants: wants(relB, Auto), standby: stoppedA, live: absent, memory: bIsLive,
			want: "Drifted: park blue; up green b; gate green b; flip green b; confirm green b"},
		{name: "gone, and a newer release is wanted", wants: wants(relC, Auto), standby: warmA, live: absent, memory: bIsLive, want: mend},
		{name: "dead, and a newer release is wanted", wants: wants(relC, Green), standby: warmA, live: brokenB, memory: bIsLive, want: mend},
		{name: "mended and not gated yet, and a newer release is wanted", wants: wants(relC, Auto), standby: warmA, live: warmB, memory: mended, want: "Healing: gate green b"},
		{name: "it did not come up, and a newer release is wanted: the traffic goes to the standby", wants: wants(relC, Auto), standby: warmA, live: brokenB, memory: givenUp,
			want: "TakingBack: gate blue a; flip blue a; confirm blue a"},
		{name: "it died in its watch, and a newer release is wanted: the standby is what was proven", wants: wants(relC, Auto), standby: warmA, live: brokenB, memory: onTrial,
			want: "Healing: gate blue a; flip blue a; confirm blue a"},
		{name: "gone, and what the standby runs is wanted", wants: wants(relA, Auto), standby: warmA, live: absent, memory: bIsLive,
			want: "Returning: gate blue a; flip blue a; confirm blue a"},
		{name: "healthy, and a newer release is wanted", wants: wants(relC, Auto), standby: warmA, live: gatedB, memory: bIsLive,
			want: "NewRelease: drain blue a; up blue c; gate blue c; flip blue c; confirm blue c; watch blue c"},
	} {
		steps, reason := Plan(c.wants, Observed{Live: Green, Closed: c.closed, Blue: c.standby, Green: c.live}, c.memory.memory())
		if got := string(reason) + ": " + stepWords(steps); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// An agent that was started again has no proof of the backup yet. It keeps it all the
// same while nothing else answers.
func TestPlan_TheBackupAnswersUntilTheLiveStackIsHealthyAgain(t *testing.T) {
	bIsLive := remembered{live: confirmed(Green, relB), passed: []Release{relA, relB}}
	unfit := warmA
	unfit.Fitness = Unfit
	for _, c := range []struct {
		name          string
		standby, live StackFacts
		want          string
	}{
		{"gone", warmA, absent, "up green b; gate green b"},
		{"dead", warmA, brokenB, "up green b; gate green b"},
		{"gone, and the standby's time is over", expiredA, absent, "up green b; gate green b"},
		{"gone, and the standby is sick", unfit, absent, "disarm blue a; up green b; gate green b"},
		{"healthy", warmA, warmB, "disarm blue a"},
	} {
		steps, _ := Plan(wants(relB, Auto), Observed{Live: Green, Spare: Armed, Blue: c.standby, Green: c.live}, bIsLive.memory())
		if got := stepWords(steps); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// The registry is away and the image is gone: the standby serves as long as that takes,
// people are told, and the live stack comes back by itself.
func TestRunner_TheStandbyServesUntilTheLiveStackCanComeUpAgain(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		bubble(t, func(t *testing.T, w *stage) {
			p := w.start()
			p.deploy("c1", yamlOf("1", Green))
			p.deploy("c2", yamlOf("2", Auto))
			standby := w.stacks[Green].containers[0].ID
			w.change(func() {
				delete(w.stacks, Blue)
				w.fates["2"] = bearing{up: &TemporaryError{Reason: PullFailed, Err: errInjected}}
			})
			if restarted {
				p.kill()
				p = w.start()
				p.Offer(p.push("c2", yamlOf("2", Auto)))
			}
			w.did()
			for range 3 {
				s := p.Once(p.ctx)
				p.is(t, s, "Degraded/PullFailed, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
				if !strings.HasSuffix(s.Message, "; served by the standby 1") || !s.Standby.Spare {
					t.Errorf("message %q, standby %+v", s.Message, s.Standby)
				}
			}
			if n := len(w.told(Repaired)); n > 0 {
				t.Errorf("told %d times that it is mended, and it is not", n)
			}
			w.change(func() { w.fates["2"] = bearing{} })
			s := p.Once(p.ctx)
			p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
			if want := "the live stack was damaged (no containers); mended"; !strings.HasPrefix(s.Message, want) || len(w.told(Repaired)) != 1 {
				t.Errorf("message %q, want %q, told once", s.Message, want)
			}
			if got := w.stacks[Green].containers[0].ID; got != standby {
				t.Errorf("the standby has another container: %s, it was %s", got, standby)
			}
		})
	}
}

// A newer release does not wait for one that cannot come up, and does not take the place of the
// standby, which serves: that gets the traffic first.
func TestRunner_ANewerReleaseTakesThePlaceOfALiveOneThatCannotComeUp(t *testing.T) {
	for name, fate := range map[string]bearing{
		"no image":             {up: &RejectError{Reason: ImageNotFound, Detail: "gone"}},
		"the registry is away": {up: &TemporaryError{Reason: PullFailed, Err: errInjected}},
		"it fails its gate":    {sick: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", Green))
				p.deploy("c2", yamlOf("2", Auto))
				w.change(func() { delete(w.stacks, Blue); w.fates["2"] = fate })
				w.did()
				s := p.deploy("c3", yamlOf("3", Auto))
				p.is(t, s, "Live/UpToDate, live 3 in blue, standby 1 warm; history 3:Promoted 2:Promoted 1:Promoted")
				if did := w.did(); !strings.HasSuffix(did, "disarm green 1; gate green 1; flip green 1; confirm green 1; up blue 3; gate blue 3; flip blue 3; confirm blue 3; watch blue 3; arm green 1") {
					t.Errorf("did %s", did)
				}
			})
		})
	}
}

func TestRunner_ALiveReleaseThatComesUpAgainIsThereBeforeANewerOne(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", Green))
		p.deploy("c2", yamlOf("2", Auto))
		w.change(func() { delete(w.stacks, Blue); w.fates["3"] = bearing{sick: true} })
		began := time.Now()
		p.is(t, p.deploy("c3", yamlOf("3", Auto)), "Held/Held, live 2 in blue, standby 3 stopped; history 3:Rejected 2:Promoted 1:Promoted")
		if took := time.Since(began); took > time.Minute {
			t.Errorf("took %s", took)
		}
	})
}
