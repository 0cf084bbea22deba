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

// slowHook takes a moment and then fails: the port is taken by the service itself.
const slowHook = `
    post_start: [{command: [/shop, api], environment: [START_DELAY=4s]}]
`

// A hook that fails is no less a failure at the second try, nor where the agent is killed
// while the container runs and the hook has not failed yet.
func TestHook_AReleaseWhoseHookFailsGetsNoTraffic(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	p := deployedBy(w)
	traffic := w.traffic()
	file := filepath.Join(w.Work, w.App, "compose.yaml")
	text, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(file, append(text, slowHook...), 0o644))

	commit := w.push(stage.Desired{Tag: "1.1.0"})
	w.running("green")
	p.kill()
	p.start()
	held := func(tries int) {
		t.Helper()
		s := w.until("held", func(s deploy.Status) error {
			rejected := 0
			for _, e := range s.History {
				if e.Result == deploy.RejectedBeforeTraffic {
					rejected++
				}
			}
			if s.Desired.Commit != commit || s.Phase != deploy.PhaseHeld || rejected != tries || s.Standby == nil || s.Standby.State != "stopped" {
				return fmt.Errorf("%s: %s, %d rejected, standby %+v", s.Phase, s.Message, rejected, s.Standby)
			}
			return nil
		})
		for _, want := range []string{"CannotStart", "hook", "address already in use"} {
			if !strings.Contains(s.Message, want) {
				t.Errorf("message %q, want %q in it", s.Message, want)
			}
		}
		check(t, w.answeredWith("1.0.0"))
	}
	held(1)
	output(t, p.path, "retry", w.App, "--listen", w.Config().Listen)
	held(2)
	w.unharmed(traffic)
}
