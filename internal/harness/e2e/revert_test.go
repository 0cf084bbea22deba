package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

const reverting = quick + "on_failure: revert\n"

// The rejected bump is taken back in git: one commit, which is then what git wants.
func TestRevert_OneCommitAndAllIsAsGitSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	w.build("1.0.0")
	w.build("1.1.0", "BREAK=unhealthy")
	first := w.push(stage.Desired{Tag: "1.0.0", Color: "blue", More: reverting})
	w.addSite()
	w.live(first, "1.0.0", deploy.Blue)

	bad := w.push(stage.Desired{Tag: "1.1.0", More: gated(reverting, "3s")})
	s := w.until("the revert live", func(s deploy.Status) error {
		if s.Desired.Commit == bad || s.Desired.Commit == first || s.Phase != deploy.PhaseLive {
			return fmt.Errorf("%s at %s: %s", s.Phase, s.Desired.Commit, s.Message)
		}
		return nil
	})
	w.git("pull", "--quiet", "--rebase", "origin", "main")
	// It rests there: two more looks at the repository make no other commit.
	w.restsAt(s.Desired.Commit)
	log := w.git("log", "--format=%an: %s", bad+"..origin/main")
	if want := "tandem: Revert " + w.App + " to 1.0.0"; log != want {
		t.Errorf("commits since the bump:\n%s\nwant one: %s", log, want)
	}
	if body := w.git("log", "-1", "--format=%b", "origin/main"); !strings.Contains(body, "Unhealthy") || !strings.Contains(body, bad[:8]) {
		t.Errorf("the commit does not say why:\n%s", body)
	}
	if diff := w.git("diff", "--stat", first, "origin/main"); diff != "" {
		t.Errorf("git wants something else than before the bump:\n%s", diff)
	}
	if e, _ := entry(s, bad); e.Result != deploy.RejectedBeforeTraffic {
		t.Errorf("the history says %+v", e)
	}
	if s.Live.Tag != "1.0.0" || s.Live.Color != deploy.Blue {
		t.Errorf("live is %+v", s.Live)
	}
}

// A branch that does not accept commits of machines is left alone, and the status
// asks a person.
func TestRevert_AProtectedBranchIsLeftAloneAndThatIsSaid(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	w.overHTTP() // a hook is git's business
	w.start()
	hook := "#!/bin/sh\n[ \"$1\" = refs/heads/main ] || exit 0\n[ \"$(git log -1 --format=%cn \"$3\")\" = Ada ] || { echo 'main is protected: open a merge request' >&2; exit 1; }\n"
	check(t, os.WriteFile(filepath.Join(w.Bare, "hooks", "update"), []byte(hook), 0o755))
	w.build("1.0.0")
	w.build("1.1.0", "BREAK=unhealthy")
	first := w.push(stage.Desired{Tag: "1.0.0", Color: "blue", More: reverting})
	w.addSite()
	w.live(first, "1.0.0", deploy.Blue)

	bad := w.push(stage.Desired{Tag: "1.1.0", More: gated(reverting, "3s")})
	s := w.until("held, and said", func(s deploy.Status) error {
		if s.Desired.Commit != bad || s.Phase != deploy.PhaseHeld || !strings.Contains(s.Message, "revert it yourself") {
			return fmt.Errorf("%s: %s", s.Phase, s.Message)
		}
		return nil
	})
	t.Log(s.Message)
	if !strings.Contains(s.Message, "Unhealthy") || s.Live.Tag != "1.0.0" {
		t.Errorf("live %+v, message %q", s.Live, s.Message)
	}
	w.restsAt(bad)
	w.git("fetch", "--quiet", "origin", "main")
	if head := w.git("rev-parse", "origin/main"); head != bad {
		t.Errorf("main is at %s, want the bump, %s", head, bad)
	}
	// The person does it.
	w.live(w.revert(), "1.0.0", deploy.Blue)
}

// restsAt lets the agent look at everything twice more, and wants no other commit.
func (w *world) restsAt(commit string) {
	w.t.Helper()
	for range 2 {
		w.stop()
		w.start()
		w.answers("the same commit", func(s deploy.Status) bool { return s.Desired.Commit == commit })
	}
}
