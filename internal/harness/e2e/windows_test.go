package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

// Outside the window a new release waits, and says until when; the way back does
// not. When the window opens, the release that waits goes on by itself.
func TestWindows_ANewReleaseWaitsAndARevertDoesNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	for _, tag := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		w.build(tag)
	}
	first := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(first, "1.0.0", deploy.Blue)
	bump := w.push(stage.Desired{Tag: "1.1.0", Color: "green"})
	w.live(bump, "1.1.0", deploy.Green)

	opens := time.Now().UTC().Add(26 * time.Hour).Truncate(time.Minute)
	closed := quick + fmt.Sprintf("windows: [\"CRON_TZ=UTC %d %d %d %d * for 1h\"]\n", opens.Minute(), opens.Hour(), opens.Day(), opens.Month())
	waiting := w.push(stage.Desired{Tag: "1.2.0", Color: "blue", More: closed})
	s := w.phase(waiting, deploy.PhasePaused)
	if want := "no deploy window is open: 1.2.0 waits until " + opens.Format("Mon 2006-01-02 15:04"); s.Reason != deploy.OutsideWindow || !strings.Contains(s.Message, want) {
		t.Errorf("%s: %s, want %q", s.Reason, s.Message, want)
	}
	t.Log(s.Message)

	// The window stays closed; 1.1.0 turns out to be bad.
	back := w.push(stage.Desired{Tag: "1.0.0", Color: "blue", More: closed})
	s = w.live(back, "1.0.0", deploy.Blue)
	if e, _ := entry(s, back); e.Result != deploy.Reverted {
		t.Errorf("the history says %+v, want a way back", e)
	}

	again := w.push(stage.Desired{Tag: "1.2.0", Color: "green", More: closed})
	w.phase(again, deploy.PhasePaused)
	soon := time.Now().UTC().Add(time.Minute).Truncate(time.Minute)
	open := quick + fmt.Sprintf("windows: [\"CRON_TZ=UTC %d %d * * * for 1h\"]\n", soon.Minute(), soon.Hour())
	opening := w.push(stage.Desired{Tag: "1.2.0", Color: "green", More: open})
	w.live(opening, "1.2.0", deploy.Green)
	if now := time.Now(); now.Before(soon) {
		t.Errorf("live at %s, before the window opened at %s", now, soon)
	}
}
