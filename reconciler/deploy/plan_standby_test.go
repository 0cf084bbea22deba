package deploy

import "testing"

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
	frozen.FilesRefused = true
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
			want: "RollingBack: gate blue a; flip blue a; confirm blue a"},
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
	unfit.BackupHealth = BackupUnhealthy
	for _, c := range []struct {
		name          string
		standby, live StackFacts
		want          string
	}{
		{"gone", warmA, absent, "up green b; gate green b"},
		{"dead", warmA, brokenB, "up green b; gate green b"},
		{"gone, and the standby's time is over", expiredA, absent, "up green b; gate green b"},
		{"gone, and the standby is sick", unfit, absent, "backup-off blue a; up green b; gate green b"},
		{"healthy", warmA, warmB, "backup-off blue a"},
	} {
		steps, _ := Plan(wants(relB, Auto), Observed{Live: Green, Backup: BackupActive, Blue: c.standby, Green: c.live}, bIsLive.memory())
		if got := stepWords(steps); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
