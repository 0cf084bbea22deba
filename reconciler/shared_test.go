package reconciler

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

func TestRunner_OnlyADeployWaitsForTheSharedStack(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		p.deploy("c2", yamlOf("2", deploy.Blue))
		if want := []string{"1", "2"}; !slices.Equal(w.waited, want) {
			t.Errorf("waited for it with %q, want %q", w.waited, want)
		}
		w.change(func() { w.shared = errors.New("db is sick"); w.lie(deploy.Blue, "exited") })
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if len(w.waited) != 2 {
			t.Errorf("a live stack that was mended waited for it: %q", w.waited)
		}
		w.change(func() { delete(w.stacks, deploy.Blue) })
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 2 in blue, standby 1 warm; history 2:Promoted 1:Promoted")
		if len(w.waited) != 2 {
			t.Errorf("a live stack that was gone waited for it: %q", w.waited)
		}
	})
}

func TestRunner_ASickSharedStackBlamesNoReleaseAndIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		w.shared = &deploy.TemporaryError{Reason: deploy.Failed, Err: errors.New("the shared service db: it is sick")}
		p.run()
		p.Offer(p.push("c1", yamlOf("1", deploy.Green)))
		elapse(t, 10*time.Minute)
		s := p.Status()
		if s.Phase != deploy.PhaseDegraded || s.Reason != deploy.Failed || !strings.Contains(s.Message, "db: it is sick") {
			t.Errorf("status %s/%s: %q", s.Phase, s.Reason, s.Message)
		}
		var told []string
		for _, e := range w.told(deploy.StatusChanged) {
			told = append(told, e.Message)
		}
		if len(told) < 2 || !strings.Contains(told[len(told)-2], "waits for the shared stack: db") || len(told) > 3 {
			t.Errorf("told %q, want what is waited for and then the failure, and no more", told)
		}
		if n := len(w.waited); n < 10 {
			t.Errorf("tried %d times, want it tried again and again", n)
		}
		w.change(func() { w.shared = nil })
		elapse(t, 2*time.Minute)
		p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
	})
}

// A commit that changes nothing but the shared services is the same release: it is followed
// without a deploy, and looked at once.
func TestRunner_ACommitThatChangesOnlySharedServicesIsFollowed(t *testing.T) {
	bubble(t, func(t *testing.T, w *stage) {
		p := w.start()
		p.deploy("c1", yamlOf("1", deploy.Green))
		w.change(func() { w.sharedWant = "postgres 17" })
		p.deploy("c2", yamlOf("1", deploy.Green)+"# another file of the directory\n")
		p.is(t, p.Status(), "Live/UpToDate, live 1 in green; history 1:Promoted")
		if w.sharedHas != w.sharedWant {
			t.Errorf("the shared service is of %q, want %q", w.sharedHas, w.sharedWant)
		}
		looks := func() (n int) {
			for _, c := range w.calls {
				if c == "shared.due" {
					n++
				}
			}
			return n
		}
		before := looks()
		p.is(t, p.Once(p.ctx), "Live/UpToDate, live 1 in green; history 1:Promoted")
		if after := looks(); after != before {
			t.Errorf("the files of the same commit were looked at again")
		}
	})
}
