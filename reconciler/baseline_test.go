package reconciler

import (
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

func TestRunner_OldStackIsLookedAtBeforeTheFlip(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		if b := w.saved.Baseline; b != (deploy.Baseline{}) {
			t.Errorf("baseline of a first deploy %+v", b)
		}
		wait(t.Context(), time.Hour)
		began := time.Now()
		var asked time.Time
		w.ledger.traffic = func(a *actor, c deploy.Color, since time.Time) (deploy.Traffic, error) {
			if c == deploy.Green {
				asked = since
				if w.live != deploy.Green {
					t.Error("the old stack's traffic was asked for after the flip")
				}
			}
			return deploy.Traffic{Requests: 77, Errors: 1, P95: 9 * time.Millisecond}, nil
		}
		p.deploy("c2", yamlOf("2", deploy.Blue))
		b := w.saved.Baseline
		if b.For != releaseOf("2") || b.Traffic.Requests != 77 || b.Usage.Memory != 50<<20 || b.CPU < 0.09 || b.CPU > 0.11 {
			t.Errorf("baseline %+v", b)
		}
		if ago := began.Sub(asked); ago > baselineSpan || ago < baselineSpan-time.Minute {
			t.Errorf("asked for the last %s, want %s", ago, baselineSpan)
		}
	})
}

func TestRunner_TrafficBeforeTheOldReleaseWasLiveIsNotItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green)) // seconds ago
		since := w.saved.Live.Since
		var asked time.Time
		w.ledger.traffic = func(_ *actor, c deploy.Color, since time.Time) (deploy.Traffic, error) {
			if c == deploy.Green {
				asked = since
			}
			return deploy.Traffic{Requests: 77}, nil
		}
		p.deploy("c2", yamlOf("2", deploy.Blue))
		if !asked.Equal(since) {
			t.Errorf("asked since %s, want since it was live, %s", asked, since)
		}
	})
}

// What the old stack showed is worth less than a quick flip.
func TestRunner_FlipDoesNotWaitForFiguresOfTheOldStack(t *testing.T) {
	for _, what := range []trouble{failBefore, hangs} {
		t.Run(string(what), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				began, flipped := time.Now(), time.Time{}
				w.disturb = func(_ int, name string) trouble {
					if flipped.IsZero() && (name == "accesslog.traffic" || name == "statsreader.usage") {
						return what
					}
					return none
				}
				w.onCall = func(name string) {
					if name == "router.flip" {
						flipped = time.Now()
					}
				}
				s := p.deploy("c2", yamlOf("2", deploy.Blue))
				p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
				if took := flipped.Sub(began); took > 5*time.Second {
					t.Errorf("the flip came after %s", took)
				}
				if b := w.saved.Baseline; b != (deploy.Baseline{For: releaseOf("2"), TrafficUnknown: true}) {
					t.Errorf("baseline %+v, want none", b)
				}
				if v := s.Receipt.Verdict; strings.Contains(v, "before:") || !strings.Contains(v, "what the old stack answered is not known; what the old stack used is not known") {
					t.Errorf("verdict %q compares with nothing, or does not say so", v)
				}
			})
		})
	}
}

// slowGate makes the gate take long enough for two looks at the old stack.
func slowGate(text string) string {
	return strings.Replace(text, "gate: {timeout: 20s}", "gate: {timeout: 20s, successes: 30}", 1)
}

// A flip does not wait for a second look that would tell nothing new.
func TestRunner_QuickGateLooksAtTheOldStackOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		looks := 0
		w.ledger.usage = func(a *actor, c deploy.Color) (deploy.Usage, error) {
			if c == deploy.Green {
				looks++
			}
			return deploy.Usage{Memory: 70 << 20, Started: a.containers[0].StartedAt, CPU: time.Second}, nil
		}
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		if looks != 1 || !strings.Contains(s.Receipt.Verdict, "before: 70MiB") {
			t.Errorf("%d looks, verdict %q", looks, s.Receipt.Verdict)
		}
	})
}

// The engine is busy when the flip is due: then what it said during the gate counts.
func TestRunner_FirstLookAtTheOldStackCountsWhereTheLastFails(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		looks := 0
		w.ledger.usage = func(a *actor, c deploy.Color) (deploy.Usage, error) {
			if c == deploy.Green {
				if looks++; looks > 1 {
					return deploy.Usage{}, errInjected
				}
			}
			return deploy.Usage{Memory: 70 << 20, Started: a.containers[0].StartedAt, CPU: time.Second}, nil
		}
		s := p.deploy("c2", slowGate(yamlOf("2", deploy.Blue)))
		if looks < 2 || !strings.Contains(s.Receipt.Verdict, "before: 70MiB") {
			t.Errorf("%d looks, verdict %q", looks, s.Receipt.Verdict)
		}
	})
}

// A stack that was idle all night and is busy now is compared by what it uses now.
func TestRunner_BusyOldStackIsComparedByWhatItUsesNow(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		wait(t.Context(), time.Hour)
		busy := time.Now()
		w.ledger.usage = func(a *actor, c deploy.Color) (deploy.Usage, error) {
			return deploy.Usage{Memory: 1, Started: a.containers[0].StartedAt, CPU: 2 * time.Since(busy)}, nil
		}
		p.deploy("c2", slowGate(yamlOf("2", deploy.Blue)))
		if b := w.saved.Baseline; b.CPU < 1.9 || b.CPU > 2.1 {
			t.Errorf("baseline %+v, want the 2 cores of the last seconds", b)
		}
	})
}

func TestRunner_BaselineOfAnotherReleaseIsNotUsed(t *testing.T) {
	r := &Runner{memory: deploy.Memory{Baseline: deploy.Baseline{For: releaseOf("2"), CPU: 1}}}
	if b := r.baselineOf(releaseOf("3")); b != (deploy.Baseline{}) {
		t.Errorf("got %+v, want none", b)
	}
	if b := r.baselineOf(releaseOf("2")); b.CPU != 1 {
		t.Errorf("got %+v, want the one that was taken for it", b)
	}
}

// After the restart the new release has the traffic, and its own figures are none
// to compare it with.
func TestRunner_KillBetweenFlipAndConfirmationLeavesWhatTheOldStackShowed(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.disturb = func(_ int, name string) trouble { return map[string]trouble{"router.flip": crashAfter}[name] }
		p.deploy("c2", yamlOf("2", deploy.Blue))
		w.change(func() { w.disturb = nil })
		p = w.start()
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if !strings.Contains(s.Receipt.Verdict, "before: 50MiB") {
			t.Errorf("verdict %q, want it to compare with the old stack", s.Receipt.Verdict)
		}
	})
}
