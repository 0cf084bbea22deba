package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tandem/internal/config"
	"tandem/internal/stage"
	"tandem/internal/testbed/tb"
	"tandem/reconciler"
)

// A person breaks Nginx's configuration elsewhere. Where a flip needs no
// reload, deploys go on; where it does, nothing is loaded and the status has
// Nginx's words. Either way traffic goes on.
func TestNginx_ABrokenConfigurationElsewhere(t *testing.T) {
	t.Parallel()
	t.Run(config.SwitchFlip, func(t *testing.T) {
		w := deployed(t, stage.Options{})
		w.build("1.1.0")
		traffic := w.traffic()
		if err := w.BreakSite(); err != nil {
			t.Fatal(err)
		}
		w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "green"}), "1.1.0", reconciler.Green)
		w.unharmed(traffic)
	})
	t.Run(config.SwitchReload, func(t *testing.T) {
		w := deployed(t, stage.Options{Switch: config.SwitchReload})
		w.build("1.1.0")
		traffic := w.traffic()
		if err := w.BreakSite(); err != nil {
			t.Fatal(err)
		}
		commit := w.push(stage.Desired{Tag: "1.1.0", Color: "green"})
		s := w.until("Nginx's words", func(s reconciler.Status) error {
			if s.Desired.Commit != commit || s.Reason != reconciler.NginxBroken || !strings.Contains(s.Message, "no_such_directive") {
				return fmt.Errorf("%s: %s", s.Reason, s.Message)
			}
			return nil
		})
		if s.Live == nil || s.Live.Tag != "1.0.0" {
			t.Errorf("live is %+v, want 1.0.0", s.Live)
		}
		for a := range w.unharmed(traffic).Answers {
			if a.Tag != "1.0.0" {
				t.Errorf("a request was answered by %+v", a)
			}
		}
		if err := w.MendSite(); err != nil {
			t.Fatal(err)
		}
		w.live(commit, "1.1.0", reconciler.Green)
	})
}

func TestNginx_IsReportedDeadAndSurvived(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	if err := w.Nginx.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit := w.push(stage.Desired{Tag: "1.1.0", Color: "green"})
	w.until("reported", func(s reconciler.Status) error {
		if s.Phase != reconciler.PhaseDegraded || s.Reason != reconciler.NginxAway {
			return fmt.Errorf("%s (%s): %s", s.Phase, s.Reason, s.Message)
		}
		return nil
	})
	if err := w.Nginx.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.live(commit, "1.1.0", reconciler.Green)
	tb.Until(t, patience, "an answer through Nginx", func() error { return w.get("/") })
}

// get asks Nginx once; any answer other than 200 is an error.
func (w *world) get(path string) error {
	res, err := http.Get(w.URL() + path)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", res.Status)
	}
	if closing := res.Body.Close(); err == nil {
		err = closing
	}
	return err
}

// tag asks through Nginx which release answers.
func (w *world) tag() string {
	w.t.Helper()
	res, err := http.Get(w.URL() + "/")
	if err != nil {
		w.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		w.t.Fatal(err)
	}
	return res.Header.Get("X-Tag")
}
