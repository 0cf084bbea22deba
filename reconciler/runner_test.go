package reconciler

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/reconciler/deploy"
)

// deploy hands over a commit and lets the runner come to rest.
func (p *process) deploy(commit, text string) *deploy.Status {
	p.Offer(p.push(commit, text))
	return p.Once(p.ctx)
}

// summary is a status in one line: what a test usually wants to compare.
func summary(s *deploy.Status) string {
	if s == nil {
		return "nothing"
	}
	line := fmt.Sprintf("%s/%s", s.Phase, s.Reason)
	if s.Live != nil {
		line += fmt.Sprintf(", live %s in %s", s.Live.Tag, s.Live.Color)
	}
	if s.Standby != nil {
		line += fmt.Sprintf(", standby %s %s", s.Standby.Tag, s.Standby.State)
	}
	for i, e := range s.History {
		if i == 0 {
			line += "; history"
		}
		line += fmt.Sprintf(" %s:%s", e.Tag, e.Result)
	}
	return line
}

func (p *process) is(t *testing.T, s *deploy.Status, want string) {
	t.Helper()
	p.honest()
	if got := summary(s); got != want {
		t.Errorf("status\n got %s\nwant %s\nmessage: %s", got, want, s.Message)
	}
}

// did are the steps that were done so far, and forgets them. Where all have one
// reason it is told first.
func (w *stage) did() string {
	var steps []deploy.Step
	var reasons []string
	for _, e := range w.told(deploy.StepDone) {
		if e.Step.Action == deploy.Render || e.Step.Action == deploy.Prune {
			continue // the world of the fakes is rendered and pruned as it goes: see TestRunner_Render
		}
		steps = append(steps, e.Step)
		if !slices.Contains(reasons, string(e.Reason)) {
			reasons = append(reasons, string(e.Reason))
		}
	}
	w.change(func() { w.events = nil })
	return strings.Join(reasons, "+") + ": " + stepWords(steps)
}

func stepWords(steps []deploy.Step) string {
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Action, s.Color, s.Release.Tag))
	}
	return strings.Join(words, "; ")
}

func (w *stage) wantDid(t *testing.T, want string) {
	t.Helper()
	if got := w.did(); got != want {
		t.Errorf("steps\n got %s\nwant %s", got, want)
	}
}

// bubble runs f in a bubble of synctest, with a stage.
func bubble(t *testing.T, f func(t *testing.T, w *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newStage(t)) })
}

func TestRunner_BringsAnAppThroughItsLife(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.is(t, p.deploy("c1", yamlOf("1", deploy.Green)), "Live/UpToDate, live 1 in green; history 1:Promoted")
		w.wantDid(t, "FirstDeploy+Watching: up green 1; gate green 1; flip green 1; confirm green 1; watch green 1")

		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		w.wantDid(t, "NewRelease+Watching+BackupChange: up blue 2; gate blue 2; flip blue 2; confirm blue 2; watch blue 2; backup-on green 1")

		began, ups := time.Now(), w.count("stacks.up")
		p.is(t, p.deploy("c3", yamlOf("1", deploy.Green)),
			"Live/UpToDate, live 1 in green, standby 2 warm; history 1:Reverted 2:Promoted 1:Promoted")
		w.wantDid(t, "Returning+BackupChange: backup-off green 1; gate green 1; flip green 1; confirm green 1; backup-on blue 2")
		if w.count("stacks.up") != ups || time.Since(began) > time.Second {
			t.Errorf("a return to a warm standby took %s and %d times up", time.Since(began), w.count("stacks.up")-ups)
		}

		p.is(t, p.deploy("c4", yamlOf("4", deploy.Green)),
			"Live/UpToDate, live 4 in green, standby 4 warm; history 4:Promoted 1:Reverted 2:Promoted 1:Promoted")
		w.wantDid(t, "NewRelease+Watching+ColorChange+BackupChange: backup-off blue 2; up blue 4; gate blue 4; flip blue 4; confirm blue 4; watch blue 4; "+
			"up green 4; gate green 4; flip green 4; confirm green 4; backup-on blue 4")
		if r := p.Status().Receipt; r == nil || r.Gate <= 0 {
			t.Errorf("receipt %+v, want the time of the gate", r)
		}
	})
}

func TestRunner_FirstDeployIntoTheColorThatNginxNamesParksTheTrafficFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.is(t, p.deploy("c1", yamlOf("1", deploy.Blue)), "Live/UpToDate, live 1 in blue; history 1:Promoted")
		w.wantDid(t, "FirstDeploy+Watching: park green; up blue 1; gate blue 1; flip blue 1; confirm blue 1; watch blue 1")
	})
}

func TestRunner_RejectedReleaseIsHeldAndNotTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		how  bearing
		says string
	}{
		{"its answers are bad", bearing{sick: true}, "Unhealthy: not healthy within 20s: api: /health answered 500, healthy is 200-299\n  | last words of shop-blue-api-1"},
		{"its answers are slow", bearing{slow: true}, "TooSlow: "},
		{"its container ends", bearing{exits: true}, "ContainerExited: shop-blue-api-1 ended with exit code 3"},
		{"it cannot come up", bearing{up: &deploy.RejectError{Reason: deploy.CannotStart, Detail: "api: no such command"}}, "CannotStart: api: no such command"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				w.fates["2"] = c.how
				s := p.deploy("c2", yamlOf("2", deploy.Blue))
				want := "Held/Held, live 1 in green, standby 2 stopped; history 2:Rejected 1:Promoted"
				if c.how.up != nil {
					want = "Held/Held, live 1 in green; history 2:Rejected 1:Promoted"
				}
				p.is(t, s, want)
				if !strings.HasPrefix(s.Message, "release 2: "+c.says) {
					t.Errorf("message %q, want %q", s.Message, c.says)
				}
				if e := w.told(deploy.Rejecting); len(e) != 1 || e[0].Commit != "c2" || !strings.Contains(c.says, string(e[0].Reason)) {
					t.Errorf("told %+v, want one rejection", e)
				}
				if x := w.saved.Rejected; len(x) != 1 || x[0].Release != releaseOf("2") {
					t.Errorf("remembered %+v, want the rejection", x)
				}
				ups := w.count("stacks.up")
				p.is(t, p.Once(p.ctx), want)
				again := w.start()
				again.is(t, again.deploy("c2", yamlOf("2", deploy.Blue)), want)
				if w.count("stacks.up") != ups {
					t.Error("a rejected release was brought up again")
				}
			})
		})
	}
}

func TestRunner_ReleaseThatFailsItsWatchIsTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.fates["2"] = bearing{sickLive: true}
		w.did()
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		w.wantDid(t, "NewRelease+RollingBack+Held: up blue 2; gate blue 2; flip blue 2; confirm blue 2; "+
			"gate green 1; flip green 1; confirm green 1; retire blue 2")
		p.is(t, s, "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted")
		if !strings.Contains(s.Message, "WatchFailed: unhealthy 2 times in a row") || !strings.Contains(s.Message, "last words of shop-blue-api-1") {
			t.Errorf("message %q", s.Message)
		}
	})
}

func TestRunner_PauseDoesNotStopATakingBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.fates["2"] = bearing{sickLive: true}
		time.AfterFunc(500*time.Millisecond, p.Pause) // in the watch
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted")
	})
}

func TestRunner_NewerCommitSupersedesTheGate(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.fates["2"] = bearing{sick: true}
		began := time.Now()
		time.AfterFunc(time.Second, func() { p.Offer(p.push("c3", yamlOf("3", deploy.Blue))) })
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Live/UpToDate, live 3 in blue, standby 1 warm; history 3:Promoted 2:Superseded 1:Promoted")
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("took %s: the gate was waited out", took)
		}
	})
}

func TestRunner_NewerCommitSupersedesTheWatch(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.did()
		time.AfterFunc(time.Second, func() { p.Offer(p.push("c3", yamlOf("1", deploy.Green))) })
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Live/UpToDate, live 1 in green, standby 2 warm; history 1:Reverted 2:Superseded 1:Promoted")
		w.wantDid(t, "NewRelease+Returning: up blue 2; gate blue 2; flip blue 2; confirm blue 2; gate green 1; flip green 1; confirm green 1")
	})
}

func TestRunner_CommitThatChangesNothingInTheAppDoesNotInterrupt(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		for _, after := range []time.Duration{30 * time.Millisecond, time.Second} { // in the gate, and in the watch
			time.AfterFunc(after, func() { p.Offer(p.push("c2", yamlOf("1", deploy.Green))) })
		}
		p.is(t, p.deploy("c1", yamlOf("1", deploy.Green)), "Live/UpToDate, live 1 in green; history 1:Promoted")
		rendered := func(e deploy.Event) bool { return e.Step.Action == deploy.Render }
		if e := slices.DeleteFunc(w.told(deploy.StepDone), rendered); len(e) != 5 || e[4].Step.Action != deploy.Watch || e[4].Took < 3*time.Second {
			t.Errorf("steps %v, want each once, and the watch for its whole time", e)
		}
		if s := p.Status(); s.Desired.Commit != "c1" || s.History[0].Commit != "c1" {
			t.Errorf("commit %s, want the one that changed the app", s.Desired.Commit)
		}
	})
}

func TestRunner_RetryTriesARejectedReleaseAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.fates["2"] = bearing{sick: true}
		p.deploy("c2", yamlOf("2", deploy.Blue))
		w.change(func() { w.fates["2"] = bearing{} })
		p.Retry()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 2:Rejected 1:Promoted")
	})
}

func TestRunner_PausedAppKeepsWhatIsLiveAliveAndNothingMore(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.Pause()
		paused := "Paused/Paused, live 1 in green; history 1:Promoted"
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), paused)
		w.did()
		w.change(func() { w.lie(deploy.Green, "exited") })
		p.is(t, p.Once(p.ctx), paused)
		w.wantDid(t, "Healing: up green 1; gate green 1")

		p = w.start() // a pause outlives the process
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), paused)
		p.Resume()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
	})
}

func TestRunner_PauseBeforeTheFirstCommitIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.Pause()
		p.Once(p.ctx)
		if !w.saved.Paused {
			t.Error("the pause was not saved")
		}
	})
}

func TestRunner_RefusedFilesChangeNothingAndWhatIsLiveIsKeptAlive(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		bad := yamlOf("2", deploy.Blue, "colour: red")
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		want := "Refused/Refused, live 1 in green; history 2:Refused 1:Promoted"
		for range 2 {
			w.did()
			s := p.deploy("c2", bad)
			want = strings.Replace(want, "history 2:", "history "+s.History[0].Tag+":", 1)
			p.is(t, s, want)
			if !strings.Contains(s.Message, "shop/tandem.yaml:7: ") || !strings.Contains(s.Message, "colour") {
				t.Errorf("message %q, want file, line and key", s.Message)
			}
			w.wantDid(t, ": ")
			w.change(func() { w.lie(deploy.Green, "exited") })
			p.is(t, p.Once(p.ctx), want)
			w.wantDid(t, "Healing: up green 1; gate green 1")
			p = w.start()
		}
		p.is(t, p.deploy("c3", yamlOf("3", deploy.Blue)), strings.Replace(strings.Replace(want, "Refused/Refused, live 1 in green", "Live/UpToDate, live 3 in blue, standby 1 warm", 1), "history ", "history 3:Promoted ", 1))
	})
}

// A site that includes generated files must not keep Nginx from being started because
// the very first Compose file was refused.
func TestRunner_NginxHasFilesThatLeadNowhereWhereTheFirstComposeFileIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.fates["1"] = bearing{faults: deploy.Faults{{File: "shop/compose.yaml", Text: "no"}}}
		p := w.start()
		p.is(t, p.deploy("c1", yamlOf("1", deploy.Green)), "Refused/Refused; history 1:Refused")
		if w.count("router.reserve") == 0 || w.count("router.prepare") > 0 {
			t.Error("Nginx has no files, or was made to load them")
		}
		for _, r := range w.routing.Routes {
			if r.Access != (deploy.Accesses{}) {
				t.Errorf("Nginx was given the ports of %s: %v", r.Name, r.Access)
			}
		}
	})
}

func TestRunner_FilesOfNginxStayWhereSomethingRunsThatIsNotRemembered(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		w.start().deploy("c1", yamlOf("1", deploy.Green))
		w.fates["2"] = bearing{faults: deploy.Faults{{File: "shop/compose.yaml", Text: "no"}}}
		w.change(func() { w.saved = deploy.Memory{} })
		s := w.start().deploy("c2", yamlOf("2", deploy.Green))
		if s.Phase != deploy.PhaseRefused || w.count("router.reserve") > 0 {
			t.Errorf("%s, and the files of what runs were made anew", summary(s))
		}
	})
}

func TestRunner_AFaultyComposeFileLeavesTheStandbyABackup(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Auto))
		p.deploy("c2", yamlOf("2", deploy.Auto))
		if !w.backupOn {
			t.Fatal("the standby is no backup")
		}
		w.did()
		w.fates["3"] = bearing{faults: deploy.Faults{{File: "shop/compose.yaml", Text: "no"}}}
		p.is(t, p.deploy("c3", yamlOf("3", deploy.Auto)), "Refused/Refused, live 2 in blue, standby 1 warm; history 3:Refused 2:Promoted 1:Promoted")
		w.wantDid(t, ": ")
		if !w.backupOn {
			t.Error("the standby is no backup any more")
		}
	})
}

func TestRunner_FilesThatCannotBeHadKeepAliveWhatIsLive(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.disturb = func(_ int, name string) trouble { return map[string]trouble{"source.export": failBefore}[name] }
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Blue)), "Degraded/Failed, live 1 in green; history 1:Promoted")
		w.did()
		w.change(func() { w.lie(deploy.Green, "exited") })
		p.Once(p.ctx)
		w.wantDid(t, "Healing: up green 1; gate green 1")
		w.disturb = nil
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
	})
}

func TestRunner_RefusedFirstCommitIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		s := p.deploy("c1", "app: shop\n")
		if s.Phase != deploy.PhaseRefused || s.Live != nil || w.count("stacks.up") > 0 {
			t.Errorf("status %s", summary(s))
		}
	})
}
