package reconciler

import (
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// What lies a minute back must lie a minute back by the clock that there is now, and
// nothing may lie ahead.
func TestKeepTime_WhatIsRememberedGoesWithTheClock(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	started := now.Add(-24 * time.Hour)
	boot := func(id string, by time.Duration) deploy.Clock {
		return deploy.Clock{Boot: id, Started: started.Add(by)}
	}
	for _, c := range []struct {
		name         string
		before       deploy.Clock // the clock now is boot("a", 0)
		at, want     time.Duration
		wantTheClock bool // that of now is remembered from here on
	}{
		{"nobody set it", boot("a", 0), -time.Minute, -time.Minute, true},
		{"it was corrected a little", boot("a", time.Second), -time.Minute, -time.Minute, false},
		{"it was set forward", boot("a", -2*time.Hour), -2*time.Hour - time.Minute, -time.Minute, true},
		{"it was set back behind what began", boot("a", 2*time.Hour), 2*time.Hour - time.Minute, 0, true},
		{"it was set back a little", boot("a", time.Minute), -time.Minute, -time.Minute, true},
		{"the machine was restarted", boot("b", -2*time.Hour), -time.Minute, -time.Minute, true},
		{"the machine was restarted with a clock that is behind", boot("b", 2*time.Hour), time.Hour, 0, true},
		{"the kernel did not tell", deploy.Clock{}, -time.Minute, -time.Minute, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := now.Add(c.at)
			m := deploy.Memory{Clock: c.before, Live: deploy.LiveRelease{Since: at, WatchRestartedAt: at}, Pending: &deploy.Entry{Started: at}}
			m.KeepTime(boot("a", 0), now)
			for what, got := range map[string]time.Time{"since": m.Live.Since, "anew": m.Live.WatchRestartedAt, "started": m.Pending.Started} {
				if want := now.Add(c.want); !got.Equal(want) {
					t.Errorf("%s %s, want %s", what, got, want)
				}
			}
			if got := m.Clock == boot("a", 0); got != c.wantTheClock {
				t.Errorf("remembers the clock %+v", m.Clock)
			}
		})
	}
}

func TestKeepTime_WhatHasNotBegunStaysSo(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	m := deploy.Memory{Clock: deploy.Clock{Boot: "a", Started: now.Add(-3 * time.Hour)}}
	m.KeepTime(deploy.Clock{Boot: "a", Started: now.Add(-time.Hour)}, now)
	if m.Pending != nil || !m.Live.Since.IsZero() || !m.Live.WatchRestartedAt.IsZero() {
		t.Errorf("memory %+v: want no time in it", m)
	}
}

// A release is confirmed under a clock that is two hours behind. Then the clock is put
// right, and the agent started again: what failed before the flip is still before it,
// and the standby is kept for as long as it is to be.
func TestRunner_WhatFailedBeforeTheFlipStaysBeforeItWhenTheClockIsPutRight(t *testing.T) {
	for _, c := range []struct {
		name  string
		right func(w *stage) // how the clock comes to be right, while nobody runs
	}{
		{"set right between two runs", func(w *stage) {
			const behind = -2 * time.Hour
			w.saved.Live.Since = w.saved.Live.Since.Add(behind)
			w.saved.Pending.Started = w.saved.Pending.Started.Add(behind)
			w.saved.Clock.Started = w.saved.Clock.Started.Add(behind)
		}},
		{"nobody set it", func(*stage) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				failed := time.Now()
				w.ledger.traffic = func(_ *actor, _ deploy.Color, since time.Time) (deploy.Traffic, error) {
					t := deploy.Traffic{Requests: 1000, P95: 5 * time.Millisecond}
					if !since.After(failed) {
						t.Errors = 500
					}
					return t, nil
				}
				wait(p.ctx, 10*time.Second)
				w.onCall = func(name string) {
					if name == "accesslog.traffic" && w.saved.Live.Release.Tag == "2" {
						w.onCall = nil
						w.disturb = func(int, string) trouble { return crashBefore }
					}
				}
				p.deploy("c2", yamlOf("2", deploy.Blue))
				w.change(func() { w.disturb = nil; c.right(w) })
				p, began := w.start(), time.Now()
				s := p.deploy("c2", yamlOf("2", deploy.Blue))
				p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
				if d := began.Sub(s.Live.Since); d < 0 || d > time.Minute {
					t.Errorf("live for %s at the start of the second agent, want less than a minute", d)
				}
				if took := time.Duration(s.History[0].Took); took > 10*time.Minute {
					t.Errorf("the deploy took %s", took)
				}
			})
		})
	}
}
