package reconciler

import "testing"

func TestJudge(t *testing.T) {
	well, sick := Sample{}, Sample{Sick: "api: /health answered 500"}
	policy := WatchPolicy{MaxRestarts: 1}
	for _, c := range []struct {
		name    string
		samples []Sample
		want    Verdict
		why     string
	}{
		{"no look is no verdict", nil, Inconclusive, ""},
		{"one good look", []Sample{well}, Pass, ""},
		{"a container is down", []Sample{well, {Down: "api-1 is exited (exit code 1)"}}, Fail, "api-1 is exited (exit code 1)"},
		{"a container was down, even if it is up again", []Sample{{Down: "api-1 is dead (exit code 1)"}, well, well}, Fail, "api-1 is dead (exit code 1)"},
		{"as many restarts as are allowed", []Sample{{Restarts: 1}}, Pass, ""},
		{"one restart more", []Sample{well, {Restarts: 2}}, Fail, "2 restarts of its containers; the limit is 1"},
		{"one sick look at the end leaves it open", []Sample{well, well, sick}, Inconclusive, ""},
		{"one sick look is forgiven", []Sample{well, sick, well}, Pass, ""},
		{"two sick looks apart are forgiven", []Sample{sick, well, sick, well}, Pass, ""},
		{"two sick looks in a row", []Sample{well, sick, sick}, Fail, "unhealthy 2 times in a row: api: /health answered 500"},
		{"two sick looks in a row are not made good later", []Sample{sick, sick, well, well}, Fail, "unhealthy 2 times in a row: api: /health answered 500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			verdict, why := Judge(c.samples, policy)
			if verdict != c.want || why != c.why {
				t.Errorf("got %s %q, want %s %q", verdict, why, c.want, c.why)
			}
		})
	}
}
