package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/config"
	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

// Each event is told once, whatever the other receivers do, and no deploy waits for
// any of them.
func TestNotify_OnceToEachWhateverTheOthersDo(t *testing.T) {
	t.Parallel()
	good, hanging, failing := newMailbox(t, http.StatusOK), newMailbox(t, 0), newMailbox(t, http.StatusInternalServerError)
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	w.build("1.2.0", "BREAK=unhealthy")
	w.stop()
	w.tells(hanging, good, failing)
	w.start()
	w.live(w.push(stage.Desired{Tag: "1.1.0"}), "1.1.0", deploy.Green)
	told := entryTook(w.live(w.push(stage.Desired{Tag: "1.0.0"}), "1.0.0", deploy.Blue))
	bad := w.push(stage.Desired{Tag: "1.2.0", More: "gate: {timeout: 3s}\n"})
	w.phase(bad, deploy.PhaseHeld)
	// An agent that starts again tells nothing again.
	w.stop()
	w.start()
	w.live(w.push(stage.Desired{Tag: "1.0.0"}), "1.0.0", deploy.Blue)

	want := []string{"1.1.0 is live", "1.0.0 is live again (reverted)", "1.2.0 rejected (Unhealthy)"}
	w.arrives(good, "rejected")
	if diff := cmp.Diff(want, good.titles(w.App)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for name, box := range map[string]*mailbox{"the hanging one": hanging, "the failing one": failing} {
		if len(box.got()) == 0 {
			t.Errorf("%s was not asked", name)
		}
	}

	// Without any receiver, the same deploy beside it.
	w.stop()
	w.configure(func(c *config.Config) { c.Notify.URLsFile = "" })
	w.start()
	w.live(w.push(stage.Desired{Tag: "1.1.0"}), "1.1.0", deploy.Green)
	untold := entryTook(w.live(w.push(stage.Desired{Tag: "1.0.0"}), "1.0.0", deploy.Blue))
	t.Logf("the way back took %s with a receiver that hangs and one that fails, and %s without any", told, untold)
}

// entryTook is how long the newest deploy took.
func entryTook(s deploy.Status) time.Duration { return time.Duration(s.History[0].Took) }
