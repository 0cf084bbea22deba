package notify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

const anyone = "x://one"

func TestNotifier_TellsEachEndOfADeployOnce(t *testing.T) {
	play(t, anyone, func(d *desk) {
		d.ends("1.4.2", deploy.Promoted, deploy.NewRelease)
		d.status(deploy.PhaseLive, deploy.UpToDate, "", "1.4.2")
		d.ends("1.4.1", deploy.Reverted, deploy.Returning)
		d.status(deploy.PhaseLive, deploy.UpToDate, "", "1.4.1")
		d.rejects("1.4.3", deploy.Unhealthy, "api answered 503")
		d.ends("1.4.3", deploy.RejectedBeforeTraffic, deploy.Unhealthy)
		d.status(deploy.PhaseHeld, deploy.Held, "release 1.4.3: Unhealthy: api answered 503", "1.4.1")
		d.ends("1.4.4", deploy.RolledBack, deploy.WatchFailed) // the other order
		d.rejects("1.4.4", deploy.WatchFailed, "5 % of 400 requests failed, the limit is 1 %")
		d.status(deploy.PhaseDeploying, deploy.RollingBack, "", "1.4.4")
		d.want(anyone, "shop: 1.4.2 is live", "shop: 1.4.1 is live again (reverted)", "shop: 1.4.3 rejected (Unhealthy)")
		d.status(deploy.PhaseHeld, deploy.Held, "release 1.4.4: WatchFailed", "1.4.1")
		d.ends("1.4.5", deploy.Superseded, "")
		d.status(deploy.PhaseHeld, deploy.Held, "another text", "1.4.1")
		pass(24 * time.Hour)
		d.want(anyone, "shop: 1.4.2 is live", "shop: 1.4.1 is live again (reverted)", "shop: 1.4.3 rejected (Unhealthy)", "shop: 1.4.4 rolled back (WatchFailed)")
	})
}

func TestNotifier_ARejectionWithoutAWayBackIsTroubleAndNotToldTwice(t *testing.T) {
	play(t, anyone, func(d *desk) {
		d.rejects("1.4.3", deploy.WatchFailed, "p95 900ms, limit 500ms")
		d.ends("1.4.3", deploy.RejectedBeforeTraffic, deploy.WatchFailed)
		d.status(deploy.PhaseDegraded, deploy.NoRollbackTarget, "release 1.4.3: WatchFailed: p95 900ms, limit 500ms", "1.4.3")
		d.want(anyone, "shop: degraded (NoRollbackTarget)")
		d.status(deploy.PhaseLive, deploy.UpToDate, "", "1.4.4")
		pass(time.Minute)
		d.want(anyone, "shop: degraded (NoRollbackTarget)", "shop: well again after 0s (NoRollbackTarget)")
	})
}

func TestNotifier_RefusedFilesAreToldOnceACommit(t *testing.T) {
	play(t, anyone, func(d *desk) {
		for range 3 {
			d.status(deploy.PhaseRefused, deploy.Refused, "shop/tandem.yaml:3: tga: unknown key", "1.4.2")
			d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		}
		d.want(anyone, "shop: the files of this commit are refused", "shop: degraded (DockerAway)")
	})
}

func TestNotifier_TroubleIsToldOnceThenHourlyThenWhenItIsOver(t *testing.T) {
	play(t, anyone, func(d *desk) {
		for i := range 150 { // one text a minute, with another time and id each
			text := fmt.Sprintf("docker is away: no answer for %s, try %d of container %07x\n  | log line %c", time.Duration(i)*time.Minute, i, 0xabcdef0+i, 'a'+i%26)
			d.status(deploy.PhaseDegraded, deploy.DockerAway, text, "1.4.2")
			pass(time.Minute)
		}
		d.want(anyone, "shop: degraded (DockerAway)", "shop: still degraded after 1h0m (DockerAway)", "shop: still degraded after 2h0m (DockerAway)")
		d.status(deploy.PhaseLive, deploy.UpToDate, "", "1.4.2")
		pass(24 * time.Hour)
		d.want(anyone, "shop: degraded (DockerAway)", "shop: still degraded after 1h0m (DockerAway)", "shop: still degraded after 2h0m (DockerAway)",
			"shop: well again after 2h30m (DockerAway)")
	})
}

func TestNotifier_ALoopOfDyingAndHealingIsNotToldEachTime(t *testing.T) {
	play(t, anyone, func(d *desk) {
		for range 20 { // 20 times in 40 minutes
			d.status(deploy.PhaseDegraded, deploy.Healing, "", "1.4.2")
			pass(time.Minute)
			d.status(deploy.PhaseLive, deploy.UpToDate, "", "1.4.2")
			pass(time.Minute)
		}
		d.want(anyone, "shop: degraded (Healing)", "shop: well again after 1m (Healing)")
		d.status(deploy.PhaseDegraded, deploy.Healing, "", "1.4.2") // and now it stays
		pass(6 * time.Minute)
		d.want(anyone, "shop: degraded (Healing)", "shop: well again after 1m (Healing)", "shop: degraded (Healing)")
	})
}

func TestNotifier_AMomentOfHealthIsNoEnd(t *testing.T) {
	play(t, anyone, func(d *desk) {
		d.status(deploy.PhaseDegraded, deploy.Healing, "", "1.4.2")
		d.status(deploy.PhaseLive, deploy.UpToDate, "", "1.4.2")
		pass(settling - time.Second)
		d.status(deploy.PhaseDegraded, deploy.Healing, "", "1.4.2")
		pass(time.Minute)
		d.want(anyone, "shop: degraded (Healing)")
	})
}

func TestNotifier_OtherTroubleIsToldAtOnce(t *testing.T) {
	play(t, anyone, func(d *desk) {
		for range 3 {
			d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
			d.status(deploy.PhaseDegraded, deploy.NginxAway, "nginx is away", "1.4.2")
		}
		d.want(anyone, "shop: degraded (DockerAway)", "shop: degraded (NginxAway)")
	})
}

func TestNotifier_ARestartTellsNothingTwiceAndForgetsNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "urls"), []byte(anyone+"\nx://down\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		p.fail("x://down", errors.New("it answered 500"))
		playIn(t, dir, p, func(d *desk) {
			d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
			d.rejects("1.4.3", deploy.Unhealthy, "api answered 503") // its status comes after the restart
			pass(10 * time.Second)
		})
		p.fail("x://down", nil)
		pass(30 * time.Minute) // nobody runs
		playIn(t, dir, p, func(d *desk) {
			pass(time.Minute)
			d.want("x://down", "shop: degraded (DockerAway)")
			d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
			for _, url := range []string{anyone, "x://down"} {
				d.want(url, "shop: degraded (DockerAway)", "shop: 1.4.3 rejected (Unhealthy)")
			}
			d.status(deploy.PhaseHeld, deploy.Held, "", "1.4.2")
			pass(time.Hour)
			d.want(anyone, "shop: degraded (DockerAway)", "shop: 1.4.3 rejected (Unhealthy)", "shop: well again after 31m (DockerAway)")
		})
	})
}

// lives runs a notifier of the same directory again and again, with a pause after
// each life in which nobody runs.
func lives(t *testing.T, pause time.Duration, each ...func(d *desk)) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "urls"), []byte(anyone), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		for _, life := range each {
			playIn(t, dir, p, life)
			pass(pause)
		}
	})
}

func TestNotifier_AfterARestartNothingIsSaidOfAnAppBeforeItWasLookedAt(t *testing.T) {
	lives(t, 2*time.Hour, func(d *desk) {
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
	}, func(d *desk) {
		pass(10 * time.Minute)
		d.want(anyone, "shop: degraded (DockerAway)")
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		d.want(anyone, "shop: degraded (DockerAway)", "shop: still degraded after 2h10m (DockerAway)")
	})
}

func TestNotifier_WhatWasOverBeforeARestartIsNotTakenForWhatBeginsAfterIt(t *testing.T) {
	lives(t, 2*time.Hour, func(d *desk) {
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		pass(time.Minute)
		d.status(deploy.PhaseLive, deploy.UpToDate, "", "1.4.2")
	}, func(d *desk) {
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		d.want(anyone, "shop: degraded (DockerAway)", "shop: well again after 1m (DockerAway)", "shop: degraded (DockerAway)")
	})
}

func TestNotifier_WritesNothingWhenNothingIsNew(t *testing.T) {
	play(t, anyone, func(d *desk) {
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		pass(time.Second)
		before, err := os.Stat(d.path())
		if err != nil {
			t.Fatal(err)
		}
		d.Handle(deploy.Event{Time: time.Now(), App: "shop", Kind: deploy.DeployEnded, Entry: &deploy.Entry{Result: deploy.Superseded}})
		pass(time.Second)
		if after, err := os.Stat(d.path()); err != nil || !os.SameFile(before, after) {
			t.Errorf("the journal was written again (%v)", err)
		}
	})
}

func TestNotifier_AReceiverThatFailsIsTriedAgainThenGivenUp(t *testing.T) {
	play(t, anyone+"\nx://down", func(d *desk) {
		d.phone.fail("x://down", errors.New("it answered 500"))
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		pass(50 * time.Minute)
		d.want(anyone, "shop: degraded (DockerAway)")
		if n := d.phone.tried(); n != 1+1+len(pauses()) {
			t.Errorf("%d attempts, want 1 at the good one and %d at the other", n, 1+len(pauses()))
		}
		if n := strings.Count(d.log.String(), "was not told"); n != 1 {
			t.Errorf("%d lines about the message that was given up, want 1:\n%s", n, d.log)
		}
	})
}

func TestNotifier_AReceiverThatComesBackIsToldOnceInOrder(t *testing.T) {
	play(t, anyone, func(d *desk) {
		d.phone.fail(anyone, errors.New("it answered 500"))
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		d.status(deploy.PhaseDegraded, deploy.NginxAway, "nginx is away", "1.4.2")
		pass(20 * time.Second)
		d.phone.fail(anyone, nil)
		pass(20 * time.Minute)
		d.want(anyone, "shop: degraded (DockerAway)", "shop: degraded (NginxAway)")
	})
}

func TestNotifier_AHangingReceiverDelaysNobodyAndASlowOneIsToldOnce(t *testing.T) {
	play(t, anyone+"\nx://slow", func(d *desk) {
		d.phone.hangs["x://slow"] = make(chan struct{})
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		began := time.Now()
		d.want(anyone, "shop: degraded (DockerAway)")
		if took := time.Since(began); took != 0 {
			t.Errorf("the good receiver waited %s for the hanging one", took)
		}
		pass(10 * time.Minute)
		close(d.phone.hangs["x://slow"])
		pass(20 * time.Minute)
		d.want("x://slow", "shop: degraded (DockerAway)")
		if n := d.phone.tried(); n != 2 {
			t.Errorf("%d attempts, want one at each: what is under way is not repeated", n)
		}
	})
}

func TestNotifier_ALateFailureIsTriedAgain(t *testing.T) {
	play(t, anyone, func(d *desk) {
		d.phone.hangs[anyone] = make(chan struct{})
		d.phone.fail(anyone, errors.New("connection refused"))
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		pass(time.Minute)
		close(d.phone.hangs[anyone])
		pass(time.Second)
		d.phone.fail(anyone, nil)
		pass(time.Minute)
		d.want(anyone, "shop: degraded (DockerAway)")
	})
}

func TestNotifier_AFullQueueKeepsWhatIsUnderWayAndTheNewest(t *testing.T) {
	play(t, anyone, func(d *desk) {
		hang := make(chan struct{})
		d.phone.hangs[anyone] = hang
		d.phone.fail(anyone, errors.New("it answered 500")) // the first attempt, when it comes back
		want := []string{"shop: 0 is live"}
		for i := range 60 {
			d.ends(fmt.Sprint(i), deploy.Promoted, deploy.NewRelease)
			d.status(deploy.PhaseLive, deploy.UpToDate, "", "1")
			if i > 60-queueLimit {
				want = append(want, fmt.Sprintf("shop: %d is live", i))
			}
		}
		d.phone.fail(anyone, nil)
		close(hang)
		pass(time.Minute)
		d.want(anyone, want...)
	})
}

func TestNotifier_AReceiverThatHangsForEverIsBounded(t *testing.T) {
	play(t, anyone, func(d *desk) {
		hang := make(chan struct{})
		d.phone.hangs[anyone] = hang
		for i := range 100 {
			d.ends(fmt.Sprintf("1.4.%d", i), deploy.Promoted, deploy.NewRelease)
			d.status(deploy.PhaseLive, deploy.UpToDate, "", "1.4.2")
			pass(time.Minute)
		}
		if n := d.phone.tried(); n != hungLimit {
			t.Errorf("%d attempts hang, want %d", n, hungLimit)
		}
		if n := strings.Count(d.log.String(), "the oldest is dropped"); n != 100-hungLimit-queueLimit {
			t.Errorf("said %d times that a message was dropped, want %d", n, 100-hungLimit-queueLimit)
		}
		close(hang)
		pass(time.Minute)
		if n := len(d.phone.titles(anyone)); n != hungLimit+queueLimit {
			t.Errorf("%d messages arrived in the end, want %d", n, hungLimit+queueLimit)
		}
	})
}

func TestNotifier_HearReturnsAtOnceWhateverHangs(t *testing.T) {
	// Nobody runs it: that is as if the goroutine of Run hung for ever.
	n := newNotifier(Options{File: "/dev/null", State: t.TempDir()}, nil, nil)
	for range 10 * inboxLimit {
		n.Handle(deploy.Event{App: "shop", Kind: deploy.DeployEnded, Entry: &deploy.Entry{}})
	}
	if len(n.inbox) != inboxLimit {
		t.Errorf("%d events wait, want at most %d", len(n.inbox), inboxLimit)
	}
}

func TestNotifier_TheFileIsReadAnewAndItsFaultsAreSaidOnceWithoutTheAddress(t *testing.T) {
	play(t, "# ours\n\nx://one\nbad://secret\n", func(d *desk) {
		path := filepath.Join(d.dir, "urls")
		say := func(tag string) {
			d.ends(tag, deploy.Promoted, deploy.NewRelease)
			d.status(deploy.PhaseLive, deploy.UpToDate, "", tag)
		}
		say("1")
		say("2")
		if err := os.WriteFile(path, []byte("x://two"), 0o600); err != nil {
			t.Fatal(err)
		}
		say("3")
		if err := os.Chmod(path, 0o604); err != nil {
			t.Fatal(err)
		}
		say("4")
		d.want("x://one", "shop: 1 is live", "shop: 2 is live")
		d.want("x://two", "shop: 3 is live")
		log := d.log.String()
		if strings.Count(log, "line 4: is no address") != 1 || strings.Contains(log, "secret") || strings.Contains(log, "x://") {
			t.Errorf("want the bad line named once, and no address:\n%s", log)
		}
		if !strings.Contains(log, "run: chmod 600") {
			t.Errorf("want the mode to be named:\n%s", log)
		}
	})
}

func TestNotifier_AnAppThatIsGoneIsForgotten(t *testing.T) {
	play(t, anyone, func(d *desk) {
		d.status(deploy.PhaseDegraded, deploy.DockerAway, "docker is away", "1.4.2")
		d.Forget("shop")
		pass(24 * time.Hour)
		d.want(anyone, "shop: degraded (DockerAway)")
	})
}

func TestNotifier_WithoutAFileNobodyIsTold(t *testing.T) {
	n := New(Options{})
	n.Handle(deploy.Event{App: "shop", Kind: deploy.DeployEnded, Entry: &deploy.Entry{}})
	n.Run(t.Context())
	if len(n.inbox) != 0 {
		t.Errorf("%d events were kept, want none", len(n.inbox))
	}
}

func TestNotifier_FlushTellsOnceAndReturns(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "urls"), []byte(anyone), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		d := &desk{t: t, phone: p, dir: dir}
		d.Notifier = newNotifier(Options{File: filepath.Join(dir, "urls"), State: dir}, p.send, func(string) error { return nil })
		d.ends("1.4.2", deploy.Promoted, deploy.NewRelease)
		d.status(deploy.PhaseLive, deploy.UpToDate, "", "1.4.2")
		d.Flush(t.Context())
		d.want(anyone, "shop: 1.4.2 is live")
	})
}

func TestMessage_NamesTheFigureWhatIsLiveTheCommitAndTheHost(t *testing.T) {
	since := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	m := fact{
		app: "shop", title: "1.4.3 rolled back (WatchFailed)", commit: "c0ffee00c0ffee00", at: since.Add(time.Hour),
		sentence: "5.2 % of 400 requests failed, the limit is 1 %\n  | \x1b[31mboom\u202e\x00\ttwice",
		status:   &deploy.Status{Live: &deploy.StatusLive{Tag: "1.4.2", Color: deploy.Blue, Since: since}},
	}.message("vps-1")
	want := Message{Title: "shop: 1.4.3 rolled back (WatchFailed)", Text: `5.2 % of 400 requests failed, the limit is 1 %
  | \x1b[31mboom\u202e\x00` + "\t" + `twice
Live now: 1.4.2 on blue, since 2026-11-22T10:00:00Z.
Commit: c0ffee00c0ff
Host: vps-1
At: 2026-11-22T11:00:00Z`}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestMessage_IsBoundedAndKeepsItsEnd(t *testing.T) {
	m := fact{app: "shop", title: strings.Repeat("ä\n", 500), sentence: strings.Repeat("ö", 10000), commit: "c0ffee"}.message("vps-1")
	if n := len([]rune(m.Title)); n > titleLimit || strings.Contains(m.Title, "\n") {
		t.Errorf("a title of %d runes: %q", n, m.Title)
	}
	if n := len([]rune(m.Text)); n > textLimit || !strings.Contains(m.Text, "Host: vps-1") {
		t.Errorf("a text of %d runes that ends with %q", n, m.Text[len(m.Text)-100:])
	}
}
