package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/config"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
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
		w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "green"}), "1.1.0", deploy.Green)
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
		s := w.until("Nginx's words", func(s deploy.Status) error {
			if s.Desired.Commit != commit || s.Reason != deploy.NginxBroken || !strings.Contains(s.Message, "no_such_directive") {
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
		w.live(commit, "1.1.0", deploy.Green)
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
	w.until("reported", func(s deploy.Status) error {
		if s.Phase != deploy.PhaseDegraded || s.Reason != deploy.NginxAway {
			return fmt.Errorf("%s (%s): %s", s.Phase, s.Reason, s.Message)
		}
		return nil
	})
	if err := w.Nginx.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.live(commit, "1.1.0", deploy.Green)
	tb.Until(t, patience, "an answer through Nginx", func() error { return w.get("/") })
}

// A commit renames the route. The site goes on with the name of before through two
// deploys, and is told which line to change.
func TestNginx_ARenamedRouteDoesNotStopTheSite(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{config.SwitchFlip, config.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			w := deployed(t, stage.Options{Switch: mode})
			w.build("1.1.0")
			w.build("1.2.0")
			put(t, filepath.Join(w.Work, w.App, "compose.yaml"), "${API_PORT}", "${FRONT_PORT}")
			yaml := filepath.Join(w.Work, w.App, "tandem.yaml")
			for _, tag := range []string{"1.1.0", "1.2.0"} {
				check(t, w.Write(stage.Desired{Tag: tag, More: quick}))
				put(t, yaml, "  api: {", "  front: {service: api, ")
				commit, err := w.Commit(t.Context(), "Deploy "+tag)
				check(t, err)
				w.until(tag+" live, and the line of the site", func(s deploy.Status) error {
					if s.Desired.Commit != commit || s.Phase != deploy.PhaseDegraded || s.Reason != deploy.SiteOutdated || s.Live.Tag != tag ||
						!strings.Contains(s.Message, w.Nginx.Dir+"/nginx.conf:") || !strings.Contains(s.Message, "_front in the place of ") {
						return fmt.Errorf("%s: %s", s.Reason, s.Message)
					}
					return nil
				})
				check(t, w.Nginx.Test(t.Context()))
				if got := w.tag(); got != tag {
					t.Errorf("people get %s, want %s", got, tag)
				}
			}
			conf := filepath.Join(w.Nginx.Dir, "nginx.conf")
			put(t, conf, "_api;", "_front;")
			w.until("the site to be as it should be", func(s deploy.Status) error {
				if s.Phase != deploy.PhaseLive {
					return fmt.Errorf("%s: %s", s.Reason, s.Message)
				}
				return nil
			})
			if got := w.tag(); got != "1.2.0" {
				t.Errorf("people get %s", got)
			}
		})
	}
}

// get asks Nginx once; any answer other than 200 is an error.
func (w *world) get(path string) error { return answers(w.URL() + path) }

// answers asks for a page, which must be there.
func answers(url string) error {
	res, err := http.Get(url)
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
