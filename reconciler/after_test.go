package reconciler

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

func TestRunner_SingletonsMoveToTheLiveColorBeforeItsWatch(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green, "singletons: [scheduler]"))
		w.wantDid(t, "FirstDeploy+Watching: up green 1; gate green 1; flip green 1; confirm green 1; handover green 1; watch green 1")
		p.deploy("c2", yamlOf("2", deploy.Blue, "singletons: [scheduler]"))
		if w.stacks[deploy.Green].singletonsRun || !w.stacks[deploy.Blue].singletonsRun {
			t.Errorf("singletons run: blue %t, green %t; want blue alone", w.stacks[deploy.Blue].singletonsRun, w.stacks[deploy.Green].singletonsRun)
		}
	})
}

// A singleton that cannot be started is a fault of the release, as long as it is
// on trial; the old one takes over again.
func TestRunner_SingletonsOfAReleaseThatIsTakenBackAreRelieved(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		w.fates["2"] = bearing{sickLive: true}
		p.deploy("c1", yamlOf("1", deploy.Green, "singletons: [scheduler]"))
		s := p.deploy("c2", yamlOf("2", deploy.Blue, "singletons: [scheduler]"))
		p.is(t, s, "Held/Held, live 1 in green, standby 2 stopped; history 2:RolledBack 1:Promoted")
		if !w.stacks[deploy.Green].singletonsRun || w.stacks[deploy.Blue].singletonsRun {
			t.Errorf("singletons run: blue %t, green %t; want green alone", w.stacks[deploy.Blue].singletonsRun, w.stacks[deploy.Green].singletonsRun)
		}
	})
}

func TestRunner_SingletonThatWasStoppedIsStartedAgainAndTold(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green, "singletons: [scheduler]"))
		w.change(func() { w.stacks[deploy.Green].singletonsRun = false })
		s := p.Once(p.ctx)
		p.is(t, s, "Live/UpToDate, live 1 in green; history 1:Promoted")
		if want := "the singletons of green were stopped, those of blue none; put right"; !strings.Contains(s.Message, want) {
			t.Errorf("message %q, want %q", s.Message, want)
		}
	})
}

func TestRunner_ExpandRunsOncePerReleaseAndBeforeItIsBroughtUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.did()
		p.deploy("c2", yamlOf("2", deploy.Blue, "migrations: {expand: grow}"))
		w.wantDid(t, "NewRelease+Watching+BackupChange: expand blue 2; up blue 2; gate blue 2; flip blue 2; confirm blue 2; watch blue 2; backup-on green 1")
		p.deploy("c3", yamlOf("1", deploy.Green))
		p.deploy("c4", yamlOf("2", deploy.Blue, "migrations: {expand: grow}"))
		if want := []string{"expand 2"}; !slices.Equal(w.ran, want) {
			t.Errorf("ran %v, want %v", w.ran, want)
		}
	})
}

func TestRunner_ExpandThatFailsRejectsTheReleaseAndARetryRunsItAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		w.fates["2"] = bearing{expand: 3}
		p.deploy("c1", yamlOf("1", deploy.Green))
		s := p.deploy("c2", yamlOf("2", deploy.Blue, "migrations: {expand: grow}"))
		p.is(t, s, "Held/Held, live 1 in green; history 2:Rejected 1:Promoted")
		if want := "release 2: MigrationFailed: expand ended with exit code 3"; !strings.Contains(s.Message, want) {
			t.Errorf("message %q, want %q", s.Message, want)
		}
		w.fates["2"] = bearing{}
		p.Retry()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 2:Rejected 1:Promoted")
		if want := []string{"expand 2", "expand 2"}; !slices.Equal(w.ran, want) {
			t.Errorf("ran %v, want %v", w.ran, want)
		}
	})
}

func TestRunner_ContractRunsWhenTheOldStackIsRetiredAndIsTheRollbackBarrierFromThenOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.did()
		s := p.deploy("c2", yamlOf("2", deploy.Blue, "migrations: {contract: shrink}"))
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
		w.wantDid(t, "NewRelease+Watching+Contracting: up blue 2; gate blue 2; flip blue 2; confirm blue 2; watch blue 2; retire green 1; contract blue 2")
		if want := (&deploy.StatusBarrier{Tag: "2", Commit: "c2"}); !cmp.Equal(s.Barrier, want) {
			t.Errorf("barrier %+v, want %+v", s.Barrier, want)
		}

		s = p.deploy("c3", yamlOf("1", deploy.Green))
		p.is(t, s, "Held/Held, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
		for _, want := range []string{"release 1: PastBarrier: ", "the contract migration of 2 (commit c2)", "push a tag that works with the database as it is now"} {
			if !strings.Contains(s.Message, want) {
				t.Errorf("message %q, want %q in it", s.Message, want)
			}
		}
		p.Retry()
		p.is(t, p.Once(p.ctx), "Held/Held, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
		p.is(t, p.deploy("c4", yamlOf("3", deploy.Green)), "Live/UpToDate, live 3 in green, standby 2 warm; history 3:Promoted 2:Promoted 1:Promoted")
	})
}

func TestRunner_ContractThatFailsIsToldAndNotTriedAgainBeforeARetry(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		w.fates["2"] = bearing{contract: 1}
		p.deploy("c1", yamlOf("1", deploy.Green))
		s := p.deploy("c2", yamlOf("2", deploy.Blue, "migrations: {contract: shrink}"))
		p.is(t, s, "Degraded/MigrationFailed, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
		if want := "release 2 is live, but its contract migration failed: contract ended with exit code 1"; !strings.Contains(s.Message, want) {
			t.Errorf("message %q, want %q", s.Message, want)
		}
		p.Once(p.ctx)
		if want := []string{"contract 2"}; !slices.Equal(w.ran, want) {
			t.Errorf("ran %v, want %v", w.ran, want)
		}
		w.fates["2"] = bearing{}
		p.Retry()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
	})
}

func TestRunner_ReleaseOutsideADeployWindowWaitsAndAReturnDoesNot(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		// The bubble's clock begins at midnight UTC, 2000-01-01: a Saturday.
		const workdays = `windows: ["CRON_TZ=UTC 0 9 * * MON-THU for 8h"]`
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Blue))
		s := p.deploy("c3", yamlOf("3", deploy.Green, workdays))
		p.is(t, s, "Paused/OutsideWindow, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if want := "no deploy window is open: 3 waits until Mon 2000-01-03 09:00 UTC"; s.Message != want {
			t.Errorf("message %q, want %q", s.Message, want)
		}
		p.is(t, p.deploy("c4", yamlOf("1", deploy.Green, workdays)), "Live/UpToDate, live 1 in green, standby 2 warm; history 1:Reverted 2:Promoted 1:Promoted")

		p.Offer(p.push("c5", yamlOf("3", deploy.Blue, workdays)))
		go p.Run(p.ctx)
		wait(t.Context(), 2*24*time.Hour+9*time.Hour)
		synctest.Wait()
		wait(t.Context(), time.Minute)
		synctest.Wait()
		if live := w.saved.Live.Release.Tag; live != "3" {
			t.Errorf("live is %s after the window has opened, want 3", live)
		}
	})
}

func TestRunner_DeployThatBeganInAWindowIsNotStoppedByItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		s := p.deploy("c2", yamlOf("2", deploy.Blue, `windows: ["CRON_TZ=UTC 0 0 * * * for 1m"]`, "standby: {keep: stopped}"))
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
	})
}

func TestRunner_RejectedBumpIsRevertedInGitOnce(t *testing.T) {
	for _, c := range []struct {
		name      string
		protected bool
		says      string
		reverts   []string
	}{
		{"a branch that accepts it", false, "(on_failure: revert: the bump was reverted in git)", []string{"c1"}},
		{"a protected branch", true, "(on_failure: revert: the branch does not accept the revert: main is protected; revert it yourself)", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				w.fates["2"], w.protected = bearing{sick: true}, c.protected
				p.deploy("c1", yamlOf("1", deploy.Green))
				s := p.deploy("c2", yamlOf("2", deploy.Blue, "on_failure: revert"))
				p.is(t, s, "Held/Held, live 1 in green, standby 2 stopped; history 2:Rejected 1:Promoted")
				if !strings.Contains(s.Message, c.says) {
					t.Errorf("message %q, want %q", s.Message, c.says)
				}
				p.Once(p.ctx)
				if n := w.count("reverter.revert"); n != 1 || !slices.Equal(w.reverts, c.reverts) {
					t.Errorf("asked %d times for a revert, git was put back to %v; want once, %v", n, w.reverts, c.reverts)
				}
			})
		})
	}
}

func TestRunner_StandbyThatFailsItsProofIsNoBackupAndKeepsItsGoodName(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.onCall = func(name string) {
			if name == "router.flip" {
				w.change(func() { w.fates["1"] = bearing{sick: true} })
			}
		}
		s := p.deploy("c2", yamlOf("2", deploy.Blue))
		p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if w.backupOn || s.Standby.Backup {
			t.Error("a standby that is sick is a backup")
		}
		w.change(func() { w.fates["1"] = bearing{} })
		wait(t.Context(), unhealthyTime)
		if s := p.Once(p.ctx); !w.backupOn || !s.Standby.Backup {
			t.Errorf("the standby is well again and no backup: %s", summary(s))
		}
	})
}

func TestRunner_ImagesOfReleasesThatNobodyNeedsAreRemoved(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		const deploys = deploy.HistoryLimit + 10
		for i := range deploys {
			p.deploy("c"+strconv.Itoa(i), yamlOf("1."+strconv.Itoa(i), deploy.Auto))
		}
		if n := len(w.images); n != deploy.HistoryLimit {
			t.Errorf("%d images are left after %d deploys, want those of the last %d", n, deploys, deploy.HistoryLimit)
		}
		if len(w.told(deploy.Cleaned)) == 0 {
			t.Error("nobody was told")
		}
	})
}

func TestRunner_AFullDiskIsMadeRoomOnBeforeTheDeployGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		for _, tag := range []string{"1", "2-built", "3", "4"} {
			p.deploy("c"+tag, yamlOf(tag, deploy.Auto))
		}
		full := &deploy.TemporaryError{Reason: deploy.DiskFull, Err: errors.New("no space left on device")}
		w.change(func() { w.fates["5"] = bearing{up: full} })
		w.onCall = func(call string) {
			if call == "pruner.remove" {
				w.change(func() { delete(w.fates, "5") })
			}
		}
		p.is(t, p.deploy("c5", yamlOf("5", deploy.Auto)), "Live/UpToDate, live 5 in green, standby 4 warm; history 5:Promoted 4:Promoted 3:Promoted 2-built:Promoted 1:Promoted")
		kept := slices.Sorted(maps.Values(w.images))
		if want := []string{"shop:2-built", "shop:3", "shop:4", "shop:5"}; !slices.Equal(kept, want) {
			t.Errorf("%v are left, want %v: what had a stack, and what cannot be pulled again", kept, want)
		}
		w.onCall = nil
		w.change(func() { w.fates["6"] = bearing{up: full} })
		if s := p.deploy("c6", yamlOf("6", deploy.Auto)); s.Reason != deploy.DiskFull || s.Live.Tag != "5" {
			t.Errorf("with nothing left to remove: %s, want DiskFull", summary(s))
		}
	})
}

func TestRunner_WithoutAddressesTheNetworksOfStoppedStacksAreGivenBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Auto))
		none := &deploy.TemporaryError{Reason: deploy.NoAddresses, Err: errors.New("all predefined address pools have been fully subnetted")}
		w.change(func() { w.fates["2"], w.networks = bearing{up: none}, 3 })
		w.onCall = func(call string) {
			if call == "pruner.networks" {
				w.change(func() { delete(w.fates, "2") })
			}
		}
		p.is(t, p.deploy("c2", yamlOf("2", deploy.Auto)), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if w.networks != 0 {
			t.Errorf("%d networks are left", w.networks)
		}
		w.onCall = nil
		w.change(func() { w.fates["3"] = bearing{up: none} })
		if s := p.deploy("c3", yamlOf("3", deploy.Auto)); s.Reason != deploy.NoAddresses || s.Live.Tag != "2" {
			t.Errorf("with nothing left to give back: %s, want NoAddresses", summary(s))
		}
	})
}

func TestRunner_DrainGivesWebSocketsTheirOwnTimeAndTheReceiptSaysWhatWasCut(t *testing.T) {
	for _, c := range []struct {
		name string
		open deploy.Connections
		took time.Duration
		cut  int
	}{
		{"nothing is open", deploy.Connections{}, 0, 0},
		{"requests that do not end", deploy.Connections{Requests: 2}, 2 * time.Second, 2},
		{"WebSockets that do not end", deploy.Connections{WebSockets: 3}, 2 * time.Minute, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				w.change(func() { w.open = c.open })
				began := time.Now()
				s := p.deploy("c2", yamlOf("2", deploy.Blue, "standby: {keep: stopped}"))
				p.is(t, s, "Live/UpToDate, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
				if took := time.Since(began); took < c.took || took > c.took+time.Minute {
					t.Errorf("took %s, want %s and the watch", took, c.took)
				}
				waits := slices.ContainsFunc(w.told(deploy.StatusChanged), func(e deploy.Event) bool {
					return strings.Contains(e.Message, "waits for 3 WebSockets to the old stack")
				})
				if waits != (c.took > drainQuiet) {
					t.Errorf("people were told that it waits: %v", waits)
				}
				if s.Receipt.Cut != c.cut {
					t.Errorf("receipt says that %d were cut, want %d", s.Receipt.Cut, c.cut)
				}
			})
		})
	}
}

// A clock that was ahead and is set back leaves times in the memory that are still to
// come. Nothing waits for them.
func TestRunner_WhatAClockThatWasAheadRememberedIsNotWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Blue))
		p.kill()
		w.saved.Live.Since = time.Now().Add(68 * time.Hour)
		w.change(func() { w.open = deploy.Connections{WebSockets: 3} }) // to green, which makes room
		p, began := w.start(), time.Now()
		s := p.deploy("c3", yamlOf("3", deploy.Green))
		p.is(t, s, "Live/UpToDate, live 3 in green, standby 2 warm; history 3:Promoted 2:Promoted 1:Promoted")
		if took := time.Since(began); took > 10*time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

// Listeners hear of each line of the history once, also after a restart.
func TestRunner_TellsTheEndOfEachDeployOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.fates["2"] = bearing{sick: true}
		p.deploy("c2", yamlOf("2", deploy.Blue))
		p.kill()
		p = w.start()
		p.deploy("c3", yamlOf("3", deploy.Blue))
		var got []string
		for _, e := range w.told(deploy.DeployEnded) {
			got = append(got, e.Entry.Tag+":"+string(e.Entry.Result))
		}
		if want := []string{"1:Promoted", "2:Rejected", "3:Promoted"}; !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
	})
}
