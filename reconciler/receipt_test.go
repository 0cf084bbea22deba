package reconciler

import (
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

func TestRunner_ReceiptHoldsTheFiguresOfTheWatchAndWhatItWasJudgedBy(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.ledger.traffic = func(a *actor, c deploy.Color, since time.Time) (deploy.Traffic, error) {
			if c != deploy.Blue {
				return deploy.Traffic{Requests: 3000, P95: 40 * time.Millisecond}, nil
			}
			return deploy.Traffic{Requests: 12_410, Errors: 2, P95: 41 * time.Millisecond}, nil
		}
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		r := *s.Receipt
		if r.Requests != 12_410 || r.Errors != 2 || r.P95 != deploy.Took(41*time.Millisecond) {
			t.Errorf("receipt %+v", r)
		}
		want := "12,410 requests: 0.016% errors (limit 1%), p95 41ms (limit 90ms); memory 50MiB (before: 50MiB, limit 114MiB); CPU 0.1 cores (before: 0.1 cores, limit 0.6 cores)"
		if r.Verdict != want {
			t.Errorf("verdict\n got %s\nwant %s", r.Verdict, want)
		}
		if saved := w.saved.Receipt; *saved != r {
			t.Errorf("saved %+v, told %+v", *saved, r)
		}
	})
}

func TestRunner_ReleaseThatIsBadUnderTrafficIsTakenBackAndTheFigureIsNamedEverywhere(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.ledger.traffic = func(a *actor, c deploy.Color, since time.Time) (deploy.Traffic, error) {
			if a != nil && a.release.Tag == "2" {
				return deploy.Traffic{Requests: 620, Errors: 31, P95: 5 * time.Millisecond}, nil
			}
			return deploy.Traffic{Requests: 620, P95: 5 * time.Millisecond}, nil
		}
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		p.is(t, s, "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted")
		const figure = "error rate 5% (31 of 620 requests since the flip) is over the old stack's 0% and 1 percentage point more"
		if !strings.Contains(s.Message, figure) || !strings.Contains(s.Message, "last words of shop-blue-api-1") {
			t.Errorf("message %q", s.Message)
		}
		if e := w.told(deploy.Rejecting); len(e) != 1 || !strings.Contains(e[0].Message, figure) {
			t.Errorf("told %+v", e)
		}
		r := *s.Receipt
		if r.Verdict != figure || r.Requests != 620 || r.Errors != 31 || r.Probes < 20 || r.Failed != 0 {
			t.Errorf("receipt %+v, want that of the deploy that failed, the way back included", r)
		}

		// The next deploy has a receipt of its own.
		w.ledger.traffic = nil
		r = *p.deploy("c3", yamlOf("3", deploy.Blue)).Receipt
		if r.Errors != 0 || strings.Contains(r.Verdict, "is over") {
			t.Errorf("receipt of the next deploy %+v", r)
		}
	})
}

func TestRunner_ReleaseAsBadAsTheOldOneStaysWhereThePolicyIsRelative(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.ledger.traffic = func(*actor, deploy.Color, time.Time) (deploy.Traffic, error) {
			return deploy.Traffic{Requests: 620, Errors: 31, P95: 5 * time.Millisecond}, nil
		}
		relative := strings.Replace(yamlOf("2", deploy.Blue), "watch: {for: 3s}", "watch: {for: 3s, compare: old}", 1)
		lenient := strings.Replace(yamlOf("1", deploy.Green), "watch: {for: 3s}", "watch: {for: 3s, max_error_rate: 50%}", 1)
		p := w.start()
		p.deploy("c1", lenient)
		s := p.deploy("c2", relative)
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if want := "620 requests: 5% errors (limit 10%)"; !strings.HasPrefix(s.Receipt.Verdict, want) {
			t.Errorf("verdict %q, want %q", s.Receipt.Verdict, want)
		}
	})
}

func TestRunner_DeployOverTheOtherColorHasOneReceipt(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		s := p.deploy("c2", yamlOf("2", deploy.Green)) // up in blue, watched there, then to green
		p.is(t, s, "Live/UpToDate, live 2 in green, standby 2 warm; history 2:Promoted 1:Promoted")
		if r := *s.Receipt; r.Probes < 20 || r.Requests != 1000 || !strings.HasPrefix(r.Verdict, "1,000 requests: ") {
			t.Errorf("receipt %+v, want the figures of the watch in it", r)
		}
		before := w.saved.Receipt.Probes
		wait(t.Context(), time.Second)
		if r := *p.deploy("c3", yamlOf("2", deploy.Blue)).Receipt; r.Probes >= before || r.Requests != 0 {
			t.Errorf("receipt %+v of a later move of the same release, want one of its own", r)
		}
	})
}

func TestRunner_ReturnToAReleaseThatPassedIsNotWatchedAndTheReceiptSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Blue))
		s := p.deploy("c3", yamlOf("1", deploy.Green))
		if r := s.Receipt; r.Verdict != "not watched: it passed its watch before" || r.Requests != 0 {
			t.Errorf("receipt %+v", *r)
		}
	})
}

// Nobody comes, the log is away, or it is another Nginx's: the agent's own probes
// are what there is, and the receipt says so.
func TestRunner_WatchWithoutPeopleIsJudgedByTheAgentsProbes(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(w *stage)
		says    string
	}{
		{"no requests", func(w *stage) {
			w.ledger.traffic = func(*actor, deploy.Color, time.Time) (deploy.Traffic, error) { return deploy.Traffic{}, nil }
		}, "no requests; judged by "},
		{"three requests", func(w *stage) {
			w.ledger.traffic = func(*actor, deploy.Color, time.Time) (deploy.Traffic, error) {
				return deploy.Traffic{Requests: 3, P95: time.Millisecond}, nil
			}
		}, "3 requests; judged by "},
		{"a log that cannot be read", func(w *stage) {
			w.ledger.traffic = func(*actor, deploy.Color, time.Time) (deploy.Traffic, error) { return deploy.Traffic{}, errInjected }
		}, "the access log cannot be read: out of order; judged by "},
		{"a log that has nothing of it", func(w *stage) {
			w.ledger.mute = true
			w.ledger.traffic = func(*actor, deploy.Color, time.Time) (deploy.Traffic, error) { return deploy.Traffic{}, nil }
		}, "the access log cannot be read: it has none of the agent's last "},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				c.prepare(w)
				began := time.Now()
				s := p.deploy("c2", yamlOf("2", deploy.Blue))
				p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
				if !strings.HasPrefix(s.Receipt.Verdict, c.says) || !strings.Contains(s.Receipt.Verdict, "probes of the agent: 0% failed") {
					t.Errorf("verdict %q, want %q", s.Receipt.Verdict, c.says)
				}
				if took := time.Since(began); took < 6*time.Second {
					t.Errorf("took %s, want the longest time, 6s", took)
				}
			})
		})
	}
}

// TestRunner_AgentKilledInMidWatchGoesOnWithWhatItKnew kills the agent half way
// through a watch of a minute.
func TestRunner_AgentKilledInMidWatchGoesOnWithWhatItKnew(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		text := func(tag string, c deploy.Color) string {
			return strings.Replace(yamlOf(tag, c), "watch: {for: 3s}", "watch: {for: 60s}", 1)
		}
		p := w.start()
		p.deploy("c1", text("1", deploy.Green))
		began := time.Now()
		time.AfterFunc(40*time.Second, p.kill)
		p.deploy("c2", text("2", deploy.Blue))
		kept := *w.saved.Receipt
		if kept.Probes < 40 {
			t.Errorf("a kill after 40s left %d probes, want all but those of the last %s", kept.Probes, receiptEvery)
		}
		if b := w.saved.Baseline; b.For != releaseOf("2") || b.Traffic.Requests == 0 || b.Usage.Memory == 0 {
			t.Errorf("baseline %+v", b)
		}
		p = w.start()
		s := p.deploy("c2", text("2", deploy.Blue))
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if took := time.Since(began); took > 65*time.Second {
			t.Errorf("took %s, want a minute in all", took)
		}
		if r := *s.Receipt; r.Probes < kept.Probes+30 || !strings.Contains(r.Verdict, "before: 50MiB") {
			t.Errorf("receipt %+v, want the probes of both and what the old stack showed", r)
		}
	})
}

func TestRunner_WatchSavesSeldom(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", strings.Replace(yamlOf("1", deploy.Green), "watch: {for: 3s}", "watch: {for: 10m}", 1))
		if n := w.count("save"); n > 50 {
			t.Errorf("%d saves in a watch of ten minutes", n)
		}
	})
}
