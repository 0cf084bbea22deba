package deploy

import "testing"

// As long as no request can come to an app that was never live, it goes as far as that is
// possible in the color that it belongs to, and stays there.
func TestPlan_NothingIsConfirmedBeforeRequestsCanCome(t *testing.T) {
	taken := func(f StackFacts) StackFacts { f.Taken = true; return f }
	liveA := warmA
	liveA.Idle = true // of what Nginx names, nobody asks whether it is
	gatedA := liveA
	gatedA.Gated = true
	badA := remembered{rejected: []Release{relA}}
	for _, c := range []struct {
		name        string
		wants       App
		live        Color
		blue, green StackFacts
		memory      remembered
		want        string
	}{
		{"auto", wants(relA, Auto), Blue, absent, absent, remembered{}, "FirstDeploy: up green a; gate green a; flip green a"},
		{"blue, which Nginx names", wants(relA, Blue), Blue, absent, absent, remembered{}, "FirstDeploy: up blue a; gate blue a; flip blue a"},
		{"green, which Nginx names", wants(relA, Green), Green, absent, absent, remembered{}, "FirstDeploy: up green a; gate green a; flip green a"},
		{"what people are served by is on green's port", wants(relA, Auto), Blue, absent, taken(absent), remembered{}, "FirstDeploy: up blue a; gate blue a; flip blue a"},
		{"what people are served by is on blue's port", wants(relA, Auto), Blue, taken(absent), absent, remembered{}, "FirstDeploy: up green a; gate green a; flip green a"},
		{"it is started", wants(relA, Blue), Blue, liveA, taken(absent), remembered{}, "NewRelease: gate blue a"},
		{"it has passed", wants(relA, Blue), Blue, gatedA, taken(absent), remembered{}, "NotIncluded: "},
		{"auto stays where it has passed", wants(relA, Auto), Blue, gatedA, absent, remembered{}, "NotIncluded: "},
		{"it is damaged", wants(relA, Auto), Blue, brokenA, taken(absent), remembered{}, "FirstDeploy: up blue a; gate blue a; flip blue a"},
		{"it has stopped", wants(relA, Blue), Blue, stoppedA, absent, remembered{}, "FirstDeploy: up blue a; gate blue a; flip blue a"},
		{"a newer release", wants(relB, Auto), Blue, gatedA, absent, remembered{}, "FirstDeploy: up green b; gate green b; flip green b"},
		{"a newer release, and the other color is not free", wants(relB, Auto), Blue, gatedA, taken(absent), remembered{}, "FirstDeploy: up blue b; gate blue b; flip blue b"},
		{"a newer release of a named color", wants(relB, Blue), Blue, gatedA, absent, remembered{}, "NewRelease: up green b; gate green b; flip green b"},
		{"it was rejected where Nginx points", wants(relA, Blue), Blue, liveA, absent, badA, "Held: retire blue a"},
		{"paused", wants(relA, Blue), Blue, gatedA, absent, remembered{paused: true}, "Paused: "},
		{"it was live before", wants(relB, Auto), Blue, warmA, absent, remembered{live: confirmed(Blue, relA), passed: []Release{relA}},
			"NewRelease: up green b; gate green b; flip green b; confirm green b; watch green b"},
	} {
		steps, reason := Plan(c.wants, Observed{Live: c.live, Unused: true, Blue: c.blue, Green: c.green}, c.memory.memory())
		if got := string(reason) + ": " + stepWords(steps); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
