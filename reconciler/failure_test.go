package reconciler

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

const heldBeside = "Held/Held, live 1 in green; history 2:Rejected 1:Promoted"

// unknownWords is an engine's error that is in no list, with another id at every try.
func unknownWords(try int) error {
	return fmt.Errorf("start shop-%s: Error response from daemon: container %08xcafe: container rootfs is marked read-only", deploy.Colors()[try%2], try*7919+1)
}

// failing lets each start of release 2 fail with what words say of it, and counts them.
func (w *stage) failing(words func(try int) error) (tries *int) {
	tries = new(int)
	w.fates["2"] = bearing{up: words(0)}
	w.onCall = func(name string) {
		if name == "stacks.up" {
			w.change(func() { w.fates["2"] = bearing{up: words(*tries)} })
			*tries++
		}
	}
	return tries
}

func TestFailure_TheSameThreeTimesInARowIsAVerdictWithTheEnginesWords(t *testing.T) {
	for name, revert := range map[string]string{"held": "", "reverted": "on_failure: revert"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				tries := w.failing(unknownWords)
				p.run()
				p.Offer(p.push("c2", yamlOf("2", deploy.Blue, revert)))
				elapse(t, time.Hour)
				s := p.Status()
				p.is(t, s, heldBeside)
				if *tries != mostFailures {
					t.Errorf("tried %d times, want %d", *tries, mostFailures)
				}
				if e := s.History[0]; e.Reason != deploy.CannotStart || !strings.Contains(s.Message, "container rootfs is marked read-only (3 times in a row)") {
					t.Errorf("the history says %s, the message is %q", e.Reason, s.Message)
				}
				if want := revert != ""; want != slices.Equal(w.reverts, []string{"c1"}) {
					t.Errorf("reverted to %v", w.reverts)
				}
			})
		})
	}
}

func TestFailure_AnExpandMigrationThatCannotBeStartedIsAVerdictToo(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.disturb = func(_ int, name string) trouble { return map[string]trouble{"migrator.migrate": failBefore}[name] }
		p.run()
		p.Offer(p.push("c2", yamlOf("2", deploy.Blue, "migrations: {expand: grow}")))
		elapse(t, time.Hour)
		p.is(t, p.Status(), heldBeside)
		if n := w.count("migrator.migrate"); n != mostFailures || len(w.ran) > 0 {
			t.Errorf("tried %d times, ran %v", n, w.ran)
		}
	})
}

func TestFailure_WhatIsNotTheReleasesIsTriedForEver(t *testing.T) {
	for name, c := range map[string]struct {
		words func(try int) error
		lost  bool // the engine cannot be looked at after a failure
	}{
		"the host is full":        {words: func(int) error { return &deploy.TemporaryError{Reason: deploy.DiskFull, Err: errInjected} }},
		"the registry is away":    {words: func(int) error { return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: errInjected} }},
		"a port is taken":         {words: func(int) error { return &deploy.TemporaryError{Reason: deploy.Failed, Err: errInjected} }},
		"Docker is away":          {words: func(int) error { return &deploy.TemporaryError{Reason: deploy.DockerAway, Err: errInjected} }},
		"Nginx is away":           {words: func(int) error { return &deploy.RouterError{Reason: deploy.NginxAway} }},
		"it is another each time": {words: func(try int) error { return errors.New("trouble" + strings.Repeat("!", try)) }},
		"Docker fails in between": {words: func(try int) error {
			return [...]error{errInjected, errInjected, &deploy.TemporaryError{Reason: deploy.DockerAway, Err: errInjected}}[try%3]
		}},
		"Docker cannot be looked at": {words: unknownWords, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				tries := w.failing(c.words)
				if c.lost {
					after := false
					w.disturb = func(_ int, name string) trouble {
						lost := after && name == "stacks.observe"
						after = name == "stacks.up"
						return map[bool]trouble{true: failBefore}[lost]
					}
				}
				p.run()
				p.Offer(p.push("c2", yamlOf("2", deploy.Blue)))
				elapse(t, time.Hour)
				if s := p.Status(); s.Phase != deploy.PhaseDegraded || *tries < 30 || len(w.saved.Rejected) > 0 {
					t.Errorf("%s after %d tries", summary(s), *tries)
				}
				w.change(func() { w.onCall, w.disturb, w.fates["2"] = nil, nil, bearing{} })
				elapse(t, 2*lastPause)
				p.is(t, p.Status(), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
			})
		})
	}
}

// Each try is that of an agent which was killed after the one before.
func TestFailure_IsCountedAcrossARestartOfTheAgent(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		tries := w.failing(unknownWords)
		for range mostFailures {
			if _, held := w.saved.Blocked(releaseOf("2")); held {
				t.Fatalf("rejected after %d tries", *tries)
			}
			p.kill()
			p = w.start()
			p.deploy("c2", yamlOf("2", deploy.Blue))
		}
		p.is(t, p.Status(), heldBeside)
	})
}

func TestFailure_IsCountedAnewWhereSomethingChanged(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *process, w *stage)
		tries  int // until the verdict, all in all
	}{
		"tandem retry": {func(p *process, _ *stage) { p.Retry() }, 2 + 3},
		"another commit": {func(p *process, _ *stage) {
			p.Offer(p.push("c3", yamlOf("2", deploy.Blue, "standby: {keep: stopped}")))
		}, 2 + 3},
		"it was the host": {func(_ *process, w *stage) {
			w.change(func() { w.fates["2"] = bearing{up: &deploy.TemporaryError{Reason: deploy.DiskFull, Err: errInjected}} })
		}, 2 + 1 + 3},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				before := w.count("stacks.up")
				w.fates["2"] = bearing{up: unknownWords(1)}
				p.deploy("c2", yamlOf("2", deploy.Blue))
				p.Once(p.ctx)
				c.change(p, w)
				if name == "it was the host" {
					p.Once(p.ctx)
					w.change(func() { w.fates["2"] = bearing{up: unknownWords(1)} })
				}
				for tries := 0; p.Once(p.ctx).Phase != deploy.PhaseHeld; tries++ {
					if tries > 10 {
						t.Fatalf("no verdict: %s", summary(p.Status()))
					}
				}
				if n := w.count("stacks.up") - before; n != c.tries {
					t.Errorf("the verdict came after %d tries, want %d", n, c.tries)
				}
			})
		})
	}
}

func TestFailure_AGoodStartEndsTheCount(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.fates["2"] = bearing{up: errInjected}
		p.deploy("c2", yamlOf("2", deploy.Blue))
		p.Once(p.ctx)
		if w.saved.Failure == nil || w.saved.Failure.Times != 2 {
			t.Errorf("counted %+v, want two", w.saved.Failure)
		}
		w.change(func() { w.fates["2"] = bearing{} })
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if w.saved.Failure != nil {
			t.Errorf("still counted: %+v", w.saved.Failure)
		}
	})
}

// What is live is kept alive, and what was live can be returned to, however often that
// fails: it did run, and what is in its way now is no fault of the release.
func TestFailure_AReleaseThatRanIsNeverJudgedByIt(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Blue))
		w.change(func() { w.fates["2"] = bearing{up: errInjected}; w.lie(deploy.Blue, "exited") })
		for range 2 * mostFailures {
			p.is(t, p.Once(p.ctx), "Degraded/Failed, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		}
		w.change(func() { w.fates["2"] = bearing{} })
		p.Once(p.ctx)
		w.change(func() { w.fates["1"] = bearing{up: errInjected}; w.lie(deploy.Green, "exited") })
		for range 2 * mostFailures {
			s := p.deploy("c3", yamlOf("1", deploy.Green))
			p.is(t, s, "Degraded/Failed, live 2 in blue, standby 1 stopped; history 2:Promoted 1:Promoted")
		}
		w.change(func() { w.fates["1"] = bearing{} })
		s := p.Once(p.ctx)
		if s.Phase != deploy.PhaseLive || s.Live.Tag != "1" || len(w.saved.Rejected) > 0 {
			t.Errorf("%s, rejected %v", summary(s), w.saved.Rejected)
		}
	})
}

// Every status that is told is a commit on the status branch.
func TestFailure_TheSameIsToldOnceWhateverIDsItsWordsHave(t *testing.T) {
	for name, c := range map[string]struct {
		words func(try int) error
		want  int // how often it is told
	}{
		"ids, and blue and green in turn": {func(try int) error { return &deploy.TemporaryError{Reason: deploy.Failed, Err: unknownWords(try)} }, 1},
		"how much is free": {func(try int) error {
			return &deploy.TemporaryError{Reason: deploy.DiskFull, Err: fmt.Errorf("%d.%dGiB are free", try, try%10)}
		}, 1},
		"another trouble": {func(try int) error {
			return &deploy.TemporaryError{Reason: deploy.Failed, Err: errors.New([]string{"this", "that"}[try/5%2])}
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *stage) {
				p := w.start()
				p.deploy("c1", yamlOf("1", deploy.Green))
				before := len(w.told(deploy.StatusChanged))
				tries := w.failing(c.words)
				for *tries < 12 {
					p.deploy("c2", yamlOf("2", deploy.Blue))
				}
				if n := len(w.told(deploy.StatusChanged)) - before; n != c.want {
					t.Errorf("told %d times, want %d", n, c.want)
				}
				if s := p.Status(); s.Message != "up blue: "+c.words(*tries-1).Error() {
					t.Errorf("who asks reads %q, want the newest words", s.Message)
				}
			})
		})
	}
}

// A live stack that cannot be healed: the tries are not told in between, either.
func TestFailure_WhatIsTriedAgainIsNotToldToBeDamagedInBetween(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.fates["1"] = bearing{up: errInjected}; w.lie(deploy.Green, "exited") })
		told := func() (lines []string) {
			for _, e := range w.told(deploy.StatusChanged) {
				lines = append(lines, string(e.Status.Reason))
			}
			w.did()
			return lines
		}
		told()
		for range 5 {
			p.Once(p.ctx)
		}
		if got, want := told(), []string{"Healing", "Failed"}; !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
		w.change(func() { w.fates["1"] = bearing{} })
		p.Once(p.ctx)
		w.change(func() { w.lie(deploy.Green, "exited") })
		p.Once(p.ctx)
		if got, want := told(), []string{"UpToDate", "Healing", "Healing", "UpToDate"}; !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
	})
}

func TestSameFailure(t *testing.T) {
	const words = "start shop-blue: container 4f9a0c77b1e2 on port 3001: no space left at 12:01:07"
	for other, want := range map[string]bool{
		"start shop-green: container 90bb8c12aa4f on port 3002: no space left at 9:59:00":  true,
		"start shop-green: container 90bb8c12aa4f on port 3002: no memory left at 9:59:00": false,
		"stop shop-blue: container 4f9a0c77b1e2 on port 3001: no space left at 12:01:07":   false,
		"": false,
	} {
		if got := deploy.SameFailure(words, other); got != want {
			t.Errorf("%q: the same is %t, want %t", other, got, want)
		}
	}
}
