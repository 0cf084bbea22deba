package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

func printPhases(w io.Writer, statuses []deploy.Status) error {
	for _, s := range statuses {
		if _, err := fmt.Fprintln(w, s.App, s.Phase); err != nil {
			return err
		}
	}
	return nil
}

func TestFollow_PrintsEachChangeOnceAndOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := []deploy.Status{{App: "shop", Phase: deploy.PhaseLive}}
		deploying := []deploy.Status{{App: "shop", Phase: deploy.PhaseDeploying}}
		away := errors.New("no agent answers")
		answers := []struct {
			statuses []deploy.Status
			err      error
		}{{live, nil}, {live, nil}, {deploying, nil}, {nil, away}, {nil, away}, {deploying, nil}, {nil, away}, {live, nil}}
		asked := 0
		ask := func(context.Context) ([]deploy.Status, error) {
			a := answers[min(asked, len(answers)-1)]
			asked++
			return a.statuses, a.err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var stdout, stderr strings.Builder
		if err := follow(ctx, &stdout, &stderr, ask, printPhases); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("shop Live\nshop Deploying\nshop Live\n", stdout.String()); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
		// Twice away, told once each time.
		if diff := cmp.Diff("error: no agent answers\nerror: no agent answers\n", stderr.String()); diff != "" {
			t.Errorf("errors (-want +got):\n%s", diff)
		}
		if asked < 10 {
			t.Errorf("asked %d times in ten seconds, want it to go on", asked)
		}
	})
}

func TestFollow_NobodyThereToBeginWithIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("no agent answers")
		ask := func(context.Context) ([]deploy.Status, error) { return nil, away }
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := follow(ctx, io.Discard, io.Discard, ask, printPhases); !errors.Is(err, away) {
			t.Errorf("follow: %v, want %v", err, away)
		}
	})
}
