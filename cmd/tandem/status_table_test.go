package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/agent"
	"tandem/reconciler/deploy"
)

func TestStatusTable_SaysWhatKeepsAnAppFromBeingLive(t *testing.T) {
	now := time.Date(2026, 11, 21, 22, 10, 4, 0, time.UTC)
	statuses := []deploy.Status{
		{
			App: "blog", Phase: deploy.PhaseLive, Reason: deploy.UpToDate, Message: "not shown",
			Desired: deploy.StatusDesired{Tag: "2.0.0", Color: deploy.Auto, Commit: "3f2c0ffee1234567"},
			Live:    &deploy.StatusLive{Tag: "2.0.0", Color: deploy.Green, Since: now.Add(-50 * time.Minute)},
			Standby: &deploy.StatusStack{Tag: "1.9.9", Color: deploy.Blue, State: "warm"},
		},
		{
			App: "shop", Phase: deploy.PhaseHeld, Reason: deploy.Held,
			Message: "1.4.3 was rejected: api exited with 1\n\x1b[31mError: no such table\tusers\x1b[0m",
			Desired: deploy.StatusDesired{Tag: "1.4.3", Color: deploy.Blue, Commit: "abc"},
			Live:    &deploy.StatusLive{Tag: "1.4.2\x1b[2J", Color: deploy.Green},
		},
		{App: "wiki", Phase: deploy.PhaseDeploying, Reason: deploy.FirstDeploy},
	}
	want := `APP   PHASE      REASON       DESIRED              LIVE                   STANDBY
blog  Live       UpToDate     2.0.0 auto 3f2c0ffe  2.0.0 green since 50m  1.9.9 blue warm
shop  Held       Held         1.4.3 blue abc       1.4.2\x1b[2J green     -
    1.4.3 was rejected: api exited with 1
    \x1b[31mError: no such table    users\x1b[0m
wiki  Deploying  FirstDeploy  -                    -                      -
`
	var b strings.Builder
	if err := writeStatuses(&b, statuses, now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestPlanTable_EachStepStandsOnItsOwnLine(t *testing.T) {
	next := deploy.Release{Tag: "1.4.3", Hash: "9f86d081884c7d65"}
	plans := []agent.AppPlan{
		{App: "blog", Reason: deploy.UpToDate},
		{
			App: "shop", Reason: deploy.NewRelease, Message: "1.4.3 replaces 1.4.2",
			Desired: deploy.StatusDesired{Tag: "1.4.3", Color: deploy.Green, Commit: "3f2c0ffee1234567"},
			Steps: []deploy.Step{
				{Action: deploy.Up, Color: deploy.Green, Release: next},
				{Action: deploy.Flip, Color: deploy.Green, Release: next},
				{Action: deploy.Retire, Color: deploy.Blue},
			},
		},
		{App: "wiki", Reason: deploy.Refused, Err: deploy.Faults{
			{File: "wiki/tandem.yaml", Line: 2, Text: "tag is missing"},
			{File: "wiki/tandem.yaml", Line: 4, Text: "unknown key \x1b[2J"},
		}},
	}
	want := `APP   DESIRED               REASON      STEPS
blog  -                     UpToDate    nothing to do
shop  1.4.3 green 3f2c0ffe  NewRelease  up green 1.4.3+9f86d081
                                        flip green 1.4.3+9f86d081
                                        retire blue
    1.4.3 replaces 1.4.2
wiki  -                     Refused     -
    wiki/tandem.yaml:2: tag is missing
    wiki/tandem.yaml:4: unknown key \x1b[2J
`
	var b strings.Builder
	if err := writePlans(&b, plans); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestAgo_ReadsLikeAPersonWouldSayIt(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59 * time.Second: "59s", 90 * time.Second: "1m",
		59 * time.Minute: "59m", 47 * time.Hour: "47h", 49 * time.Hour: "2d", 400 * 24 * time.Hour: "400d",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%s) = %s, want %s", d, got, want)
		}
	}
}
