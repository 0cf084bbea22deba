package deploy

import "testing"

func TestPlan_SharedServicesThatChangedComeWhenAllElseIsAsItShouldBe(t *testing.T) {
	passed := remembered{live: confirmed(Blue, relA), passed: []Release{relA}}
	paused := passed.memory()
	paused.Paused = true
	held := remembered{live: confirmed(Blue, relA), passed: []Release{relA}, rejected: []Release{relB}}
	for _, c := range []struct {
		name    string
		desired Release
		o       Observed
		memory  Memory
		want    string
		reason  Reason
	}{
		{"the release is live", relA, Observed{Live: Blue, Blue: warmA, SharedDue: true}, passed.memory(), "shared  a", SharedChange},
		{"images are to be removed, too", relA, Observed{Live: Blue, Blue: warmA, SharedDue: true, Unpruned: true}, passed.memory(), "shared  a", SharedChange},
		{"no window is open", relA, Observed{Live: Blue, Blue: warmA, SharedDue: true, Closed: true}, passed.memory(), "", UpToDate},
		{"a person paused the app", relA, Observed{Live: Blue, Blue: warmA, SharedDue: true}, paused, "", Paused},
		{"the desired release was rejected", relB, Observed{Live: Blue, Blue: warmA, SharedDue: true}, held.memory(), "", Held},
	} {
		steps, reason := Plan(wants(c.desired, Auto), c.o, c.memory)
		if got := stepWords(steps); got != c.want || reason != c.reason {
			t.Errorf("%s: got %q for %s, want %q for %s", c.name, got, reason, c.want, c.reason)
		}
	}
}
