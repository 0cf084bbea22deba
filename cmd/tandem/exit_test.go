package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/agent"
	"tandem/reconciler/deploy"
)

func TestCodeOfPlans_TheWorstAppCounts(t *testing.T) {
	step := []deploy.Step{{Action: deploy.Up, Color: deploy.Blue}}
	plans := map[string]agent.AppPlan{
		"fine":    {Reason: deploy.UpToDate},
		"pending": {Reason: deploy.NewRelease, Steps: step},
		"held":    {Reason: deploy.Held},
		"stuck":   {Reason: deploy.NoRollbackTarget},
		"refused": {Reason: deploy.Refused, Err: deploy.Faults{{File: "tandem.yaml", Text: "bad"}}},
		"wrapped": {Reason: deploy.FilesRefused, Err: fmt.Errorf("resolve: %w", deploy.Faults{{Text: "bad"}})},
		"failed":  {Reason: deploy.DockerAway, Err: errors.New("docker is away"), Steps: step},
	}
	for apps, want := range map[string]int{
		"":                              codeDone,
		"fine":                          codeDone,
		"fine pending":                  codePending,
		"pending held fine":             codeHeld,
		"stuck":                         codeHeld,
		"refused pending":               codeHeld,
		"wrapped":                       codeHeld,
		"fine pending held failed fine": codeFailed,
	} {
		var p []agent.AppPlan
		for _, name := range strings.Fields(apps) {
			p = append(p, plans[name])
		}
		if got := codeOfPlans(p); got != want {
			t.Errorf("%s: code %d, want %d", apps, got, want)
		}
	}
}

func TestCodeOfStatuses_OnlyLiveIsDone(t *testing.T) {
	for phase, want := range map[deploy.Phase]int{
		deploy.PhaseLive:      codeDone,
		deploy.PhaseHeld:      codeHeld,
		deploy.PhaseRefused:   codeHeld,
		deploy.PhasePaused:    codeHeld,
		deploy.PhaseDegraded:  codeFailed,
		deploy.PhaseDeploying: codeFailed,
		"of a newer version":  codeFailed,
	} {
		statuses := []deploy.Status{{Phase: deploy.PhaseLive}, {Phase: phase}, {Phase: deploy.PhaseLive}}
		if got := codeOfStatuses(statuses); got != want {
			t.Errorf("%s: code %d, want %d", phase, got, want)
		}
	}
}

func TestReport_SaysWhatHappenedAndWhatToDo(t *testing.T) {
	faults := deploy.Faults{
		{File: "shop/tandem.yaml", Line: 2, Path: "tagg", Text: "unknown key; did you mean tag?"},
		{File: "shop/tandem.yaml", Line: 5, Text: "forged\nerror: \x1b[2J"},
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing":    {nil, ""},
		"an outcome": {outcome(codePending), ""},
		"one line":   {errors.New("fetch: timeout"), "error: fetch: timeout\n"},
		"lines":      {errors.Join(errors.New("a"), errors.New("b")), "error: a\nerror: b\n"},
		"hints":      {fmt.Errorf("run: %w", withHint(errors.New("a"), "do b", "or c")), "error: run: a\nhint: do b\nhint: or c\n"},
		"faults": {&configError{faults}, "error: shop/tandem.yaml:2: tagg: unknown key; did you mean tag?\n" +
			`error: shop/tandem.yaml:5: forged\nerror: \x1b[2J` + "\n"},
		"escapes":  {errors.New("remote: \x1b]0;owned\a"), `error: remote: \x1b]0;owned\a` + "\n"},
		"stopping": {fmt.Errorf("fetch: %w", context.Canceled), "error: stopped before it was done\n"},
	} {
		var b strings.Builder
		report(&b, c.err)
		if diff := cmp.Diff(c.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
