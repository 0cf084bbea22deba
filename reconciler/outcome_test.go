package reconciler

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

func TestRunner_StatusIsToldOnlyWhenItChanges(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		told := w.told(deploy.StatusChanged)
		var words []string
		for _, e := range told {
			words = append(words, summary(e.Status))
		}
		if want := "Deploying/Watching, live 1 in green | Live/UpToDate, live 1 in green; history 1:Promoted"; strings.Join(words, " | ") != want {
			t.Errorf("told %s\nwant %s", strings.Join(words, " | "), want)
		}
		for range 3 {
			wait(t.Context(), time.Minute)
			p.Once(p.ctx)
		}
		if n := len(w.told(deploy.StatusChanged)); n != len(told) {
			t.Errorf("told %d more, though nothing changed", n-len(told))
		}
	})
}

func TestRunner_AFirstReleaseThatIsRejectedIsNeverSaidToBeLive(t *testing.T) {
	for _, color := range []deploy.Color{deploy.Blue, deploy.Green, deploy.Auto} {
		bubble(t, func(t *testing.T, w *stage) {
			w.fates["1"] = bearing{sick: true}
			p := w.start()
			s := p.deploy("c1", yamlOf("1", color))
			p.is(t, s, "Held/Held, standby 1 stopped; history 1:Rejected")
			told := w.told(deploy.StatusChanged)
			if len(told) < 2 {
				t.Fatalf("%d statuses were told: none before the stack was stopped", len(told))
			}
			for _, e := range told {
				if e.Status.Phase != deploy.PhaseHeld {
					t.Errorf("color %s: told %s, and nothing is live", color, summary(e.Status))
				}
			}
		})
	}
}

func TestRun_TroubleOfTheWorldIsToldByItsName(t *testing.T) {
	for _, c := range []struct {
		err     error
		want    string
		message string
	}{
		{&deploy.TemporaryError{Reason: deploy.PullFailed, Err: errors.New("pull shop:2: registry: connection refused")}, "Degraded/PullFailed, live 1 in green; history 1:Promoted", "up blue: pull shop:2: registry: connection refused"},
		{&deploy.TemporaryError{Reason: deploy.DockerAway, Err: errors.New("no such socket")}, "Degraded/DockerAway, live 1 in green; history 1:Promoted", "up blue: no such socket"},
		{&deploy.RouterError{Reason: deploy.NginxAway, Detail: "no answer on 127.0.0.1:8485"}, "Degraded/NginxAway, live 1 in green; history 1:Promoted", "up blue: NginxAway: no answer on 127.0.0.1:8485"},
	} {
		bubble(t, func(t *testing.T, w *stage) {
			p := w.start()
			p.deploy("c1", yamlOf("1", deploy.Green))
			w.fates["2"] = bearing{up: c.err}
			s := p.deploy("c2", yamlOf("2", deploy.Blue))
			p.is(t, s, c.want)
			if s.Message != c.message {
				t.Errorf("message %q, want %q", s.Message, c.message)
			}
		})
	}
}
