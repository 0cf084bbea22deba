package e2e

import (
	"strings"
	"testing"

	"tandem/internal/agent"
	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

// A person looks before the first run: Nginx runs, and has nothing of tandem's.
func TestPlan_BeforeTheFirstRunShowsTheFirstDeploy(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	w.build("1.0.0")
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "green"})
	a, err := agent.New(w.Config(), w.logger())
	if err != nil {
		t.Fatal(err)
	}
	plans, err := a.Plan(t.Context())
	if err != nil || len(plans) != 1 {
		t.Fatalf("%d plans, %v; want one", len(plans), err)
	}
	var actions []string
	for _, s := range plans[0].Steps {
		actions = append(actions, strings.TrimSpace(string(s.Action)+" "+string(s.Color)+" "+s.Release.Tag))
	}
	want := "render; up green 1.0.0; gate green 1.0.0; flip green 1.0.0; confirm green 1.0.0; watch green 1.0.0"
	if got := strings.Join(actions, "; "); got != want || plans[0].Reason != deploy.FirstDeploy || plans[0].Err != nil {
		t.Errorf("got %s: %s (%v), want FirstDeploy: %s", plans[0].Reason, got, plans[0].Err, want)
	}
	if words := "/" + w.App + ".server;"; !strings.Contains(plans[0].Message, words) {
		t.Errorf("message %q does not say %q", plans[0].Message, words)
	}
	w.start()
	w.addSite()
	w.live(commit, "1.0.0", deploy.Green)
}
