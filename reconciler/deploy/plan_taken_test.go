package deploy

import "testing"

// A port that something else holds keeps a new release from being begun, and nothing
// that keeps alive what is live.
func TestPlan_APortThatIsTakenKeepsANewReleaseFromBeingBegun(t *testing.T) {
	taken := func(f StackFacts) StackFacts { f.Taken = true; return f }
	aIsLive := remembered{live: confirmed(Blue, relA), passed: []Release{relA}}
	begun := aIsLive
	begun.pending = NewRelease
	onB := remembered{live: confirmed(Green, relB), passed: []Release{relA, relB}}
	for _, c := range []struct {
		name        string
		wants       App
		live        Color
		blue, green StackFacts
		memory      remembered
		want        string
	}{
		{"first deploy", wants(relA, Auto), Blue, absent, taken(absent), remembered{}, "FirstDeploy: park green; up blue a; gate blue a; flip blue a; confirm blue a; watch blue a"},
		{"first deploy, parked", wants(relA, Auto), Green, absent, taken(absent), remembered{}, "FirstDeploy: up blue a; gate blue a; flip blue a; confirm blue a; watch blue a"},
		{"first deploy, no color is free", wants(relA, Auto), Blue, taken(absent), taken(absent), remembered{}, "PortTaken: "},
		{"first deploy, the color that is asked for is free", wants(relA, Green), Blue, taken(absent), absent, remembered{}, "FirstDeploy: up green a; gate green a; flip green a; confirm green a; watch green a"},
		{"first deploy, the color that is asked for is not", wants(relA, Green), Blue, absent, taken(absent), remembered{}, "PortTaken: "},
		{"a new release beside a live one", wants(relB, Auto), Blue, warmA, taken(absent), aIsLive, "PortTaken: "},
		{"a new release, a port of the live color", wants(relB, Auto), Blue, taken(warmA), absent, aIsLive, "PortTaken: "},
		{"the live stack is dead", wants(relB, Auto), Blue, brokenA, taken(absent), aIsLive, "Healing: up blue a; gate blue a"},
		{"a deploy that was begun, the color still empty", wants(relB, Auto), Blue, warmA, taken(absent), begun, "PortTaken: "},
		{"a deploy that was begun and runs", wants(relB, Auto), Blue, warmA, taken(warmB), begun, "NewRelease: gate green b; flip green b; confirm green b; watch green b"},
		{"the same release in the other color", wants(relB, Blue), Green, taken(stoppedA), warmB, onB, "PortTaken: "},
		{"up to date", wants(relB, Green), Green, taken(stoppedA), warmB, onB, "UpToDate: "},
		{"up to date and damaged", wants(relB, Green), Green, taken(stoppedA), taken(brokenB), onB, "Healing: up green b; gate green b"},
		{"all of it is gone, and it can return where it was", wants(relB, Green), Green, taken(absent), absent, onB, "Drifted: park blue; up green b; gate green b; flip green b; confirm green b"},
	} {
		steps, reason := Plan(c.wants, Observed{Live: c.live, Blue: c.blue, Green: c.green}, c.memory.memory())
		if got := string(reason) + ": " + stepWords(steps); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
