package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// A warm standby answers what the killed live stack cannot. The figures without
// one stand beside, and show that this load notices.
func TestBackup_AnswersForAKilledLiveStack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		backup string
		ok     func(load.Report) bool
		want   string
	}{
		{"idempotent", func(r load.Report) bool { return r.Failed == r.FailedPosts }, "no failed GET"},
		{"all", func(r load.Report) bool { return r.Failed == 0 }, "no failed request"},
		{"off", func(r load.Report) bool { return r.Failed > 0 }, "failed requests, or this load sees nothing"},
	} {
		t.Run(c.backup, func(t *testing.T) {
			t.Parallel()
			w := deployed(t, stage.Options{})
			w.build("1.1.0")
			w.live(w.push(stage.Desired{Tag: "1.1.0", More: quick + "standby: {backup: " + c.backup + "}\n"}), "1.1.0", deploy.Green)
			w.backedUp(c.backup != "off")

			traffic, kills := w.traffic(), times(20, 2)
			for i := range kills {
				w.probedAfter(traffic, 200)
				w.killLive(i%2 == 0)
				w.mended()
				w.backedUp(c.backup != "off")
			}
			r := traffic.Stop()
			t.Logf("backup %s, %d kills: %d requests; failed: %d GET, %d POST; longest gap %s", c.backup, kills,
				r.Requests, r.Failed-r.FailedPosts, r.FailedPosts, r.LongestGap.Round(time.Millisecond))
			if !c.ok(r) {
				t.Errorf("%d GET and %d POST failed, want %s: %v", r.Failed-r.FailedPosts, r.FailedPosts, c.want, r.Examples)
			}
		})
	}
}

// While the backup answers, people are told, and the live stack is mended.
func TestBackup_WhileItAnswersTheStatusIsDegraded(t *testing.T) {
	t.Parallel()
	box := newMailbox(t, 200)
	w := newStage(t, stage.Options{})
	w.tells(box)
	w.start()
	w.build("1.0.0")
	w.build("1.1.0")
	first := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(first, "1.0.0", deploy.Blue)
	w.live(w.push(stage.Desired{Tag: "1.1.0", Env: map[string]string{"START_DELAY": "8s"}, More: quick}), "1.1.0", deploy.Green)
	w.backedUp(true)

	w.killLive(true)
	w.until("degraded, and the backup answers", func(s deploy.Status) error {
		if s.Phase != deploy.PhaseDegraded || !s.Standby.Backup {
			return fmt.Errorf("%s: %s, standby %+v", s.Phase, s.Message, s.Standby)
		}
		return nil
	})
	if got := w.tag(); got != "1.0.0" {
		t.Errorf("%s answers, want the backup, 1.0.0", got)
	}
	w.mended()
	if got := w.tag(); got != "1.1.0" {
		t.Errorf("%s answers, want the live release", got)
	}
	w.arrives(box, "degraded")
}

// All of the live stack is removed, its image too, and the registry is away: the standby
// serves as long as that takes, and nobody touches it.
func TestBackup_ServesWhileTheLiveStackIsGone(t *testing.T) {
	t.Parallel()
	registry := tb.Registry(t, testbed.RegistryOptions{})
	w := deployed(t, stage.Options{Registry: registry})
	w.build("1.1.0")
	w.live(w.push(stage.Desired{Tag: "1.1.0"}), "1.1.0", deploy.Green)
	w.backedUp(true)
	standby := w.service("blue", "api")
	traffic := w.traffic()
	w.probedAfter(traffic, 200)

	w.stop() // or it would be back before its image is gone
	check(t, w.Engine.RemoveProject(t.Context(), w.App+"-green"))
	check(t, w.Engine.Remove(t.Context(), w.Registry()+"/shop:1.1.0"))
	check(t, registry.Stop(t.Context()))
	w.start()
	w.until("served by the standby", func(s deploy.Status) error {
		if s.Phase != deploy.PhaseDegraded || s.Reason != deploy.PullFailed || !strings.Contains(s.Message, "served by the standby 1.0.0") || !s.Standby.Backup {
			return fmt.Errorf("%s: %s, standby %+v", s.Phase, s.Message, s.Standby)
		}
		return nil
	})
	w.probedAfter(traffic, 500)
	check(t, w.answeredWith("1.0.0"))

	check(t, registry.Start(t.Context()))
	w.mended()
	if s := w.service("blue", "api"); s.ID != standby.ID || s.State.StartedAt != standby.State.StartedAt {
		t.Errorf("the standby is %s since %s; it was %s since %s", s.ID, s.State.StartedAt, standby.ID, standby.State.StartedAt)
	}
	w.service("green", "api")
	if r := traffic.Stop(); r.Failed != r.FailedPosts {
		t.Errorf("%d GET failed: %v", r.Failed-r.FailedPosts, r.Examples)
	}
}

// A backup must never let out what has not passed its gate, nor what a contract
// migration has made useless.
func TestBackup_NoAnswerComesFromAStackThatIsNotProven(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	w := storeStage(t, stage.Options{Migrations: true})
	w.start()
	more := quick + "standby: {backup: all}\n"
	w.build("1.0.0", "OLD=")
	first := w.push(stage.Desired{Tag: "1.0.0", Color: "blue", More: more})
	w.addSite()
	w.live(first, "1.0.0", deploy.Blue)

	traffic := w.load(load.Options{Rate: 200})
	live, allowed := "1.0.0", map[string]bool{"1.0.0": true}
	unproven := func() {
		t.Helper()
		for a := range traffic.Report().Answers {
			if !allowed[a.Tag] && a.Tag != "" {
				t.Fatalf("an answer came from %+v; allowed are %v", a, allowed)
			}
		}
	}
	did, kinds := map[string]int{}, []string{"kill", "kill", "kill", "bad", "bad", "deploy", "deploy", "contract"}
	for i := range times(50, 8) {
		tag := fmt.Sprintf("1.%d.0", i+1)
		kill := func() { w.killLive(chance.IntN(2) == 0) }
		// Each kind comes once in eight, or more often, in an order of chance.
		if i%len(kinds) == 0 {
			chance.Shuffle(len(kinds), func(a, b int) { kinds[a], kinds[b] = kinds[b], kinds[a] })
		}
		switch kind := kinds[i%len(kinds)]; kind {
		case "kill":
			did["kill"]++
			kill()
			w.mended()
		case "bad":
			did["bad release and kill"]++
			w.build(tag, "BREAK=unhealthy")
			commit := w.push(stage.Desired{Tag: tag, More: gated(more, "3s")})
			pass(chance, 3*time.Second)
			kill()
			w.phase(commit, deploy.PhaseHeld)
			w.push(stage.Desired{Tag: live, More: more})
			w.mended()
		default:
			w.build(tag)
			contract := kind == "contract"
			migrations := ""
			if contract {
				migrations = "migrations: {contract: migrate-contract}\n"
			}
			allowed[tag] = true
			commit := w.push(stage.Desired{Tag: tag, More: more + migrations})
			if chance.IntN(2) == 0 {
				did["deploy and kill"]++
				pass(chance, 3*time.Second)
				kill()
			} else {
				did["deploy"]++
			}
			if !w.promoted(commit, tag) { // killed in its watch
				did["taken back"]++
				w.push(stage.Desired{Tag: live, More: more})
				break
			}
			live = tag
			if contract {
				did["contract"]++
				unproven()
				traffic.Stop()
				allowed = map[string]bool{tag: true}
				traffic = w.load(load.Options{Rate: 200})
			}
		}
		unproven()
	}
	r := traffic.Stop()
	t.Logf("%v; the last load: %d requests, %d failed", did, r.Requests, r.Failed)
}

// promoted waits for the end of a deploy, and for what comes after it.
func (w *world) promoted(commit, tag string) (ok bool) {
	w.t.Helper()
	w.until("the end of "+tag, func(s deploy.Status) error {
		e, found := entry(s, commit)
		if !found || e.Result == "" {
			return fmt.Errorf("no result yet; %s: %s", s.Phase, s.Message)
		}
		if ok = e.Result == deploy.Promoted; ok && s.Phase != deploy.PhaseLive {
			return fmt.Errorf("%s: %s", s.Phase, s.Message)
		}
		return nil
	})
	return ok
}

// killLive kills the api of the live stack: as the kernel does, after which Docker
// starts it again, or as a person does, after which nobody but the agent does. One
// that is dead already is left so.
func (w *world) killLive(byHand bool) {
	w.t.Helper()
	s, _, err := w.Published(w.t.Context())
	check(w.t, err)
	for _, c := range w.inspect() {
		if !w.isLiveAPI(c, s) || !c.State.Running {
			continue
		}
		if byHand {
			err = w.Engine.Client.ContainerKill(context.WithoutCancel(w.t.Context()), c.ID, "KILL")
		} else if err = syscall.Kill(c.State.Pid, syscall.SIGKILL); errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
			err = nil
		}
		if err != nil && !strings.Contains(err.Error(), "is not running") {
			w.t.Error(err)
		}
	}
}

// isLiveAPI tells the api of the live stack from the other one's, and from a migration
// that has ended.
func (w *world) isLiveAPI(c container.InspectResponse, s deploy.Status) bool {
	l := c.Config.Labels
	return l["com.docker.compose.project"] == w.App+"-"+string(s.Live.Color) && l["com.docker.compose.service"] == "api"
}

// mended waits until the live stack is whole and answers again.
func (w *world) mended() {
	w.t.Helper()
	w.until("live again", func(s deploy.Status) error {
		if s.Phase != deploy.PhaseLive {
			return fmt.Errorf("%s: %s", s.Phase, s.Message)
		}
		for _, c := range w.inspect() {
			if w.isLiveAPI(c, s) && !c.State.Running {
				return fmt.Errorf("%s is %s", c.Name, c.State.Status)
			}
		}
		return w.answeredWith(s.Live.Tag)
	})
}

// answeredWith asks Nginx once, and is an error unless that release answers.
func (w *world) answeredWith(tag string) error {
	if err := w.get("/"); err != nil {
		return err
	}
	if got := w.tag(); got != tag {
		return fmt.Errorf("%s answers", got)
	}
	return nil
}

// backedUp waits until the standby is a backup, or is none.
func (w *world) backedUp(want bool) {
	w.t.Helper()
	w.until("the backup", func(s deploy.Status) error {
		if s.Standby == nil || s.Standby.Backup != want {
			return fmt.Errorf("standby %+v", s.Standby)
		}
		return nil
	})
}

// probedAfter waits for so many more requests.
func (w *world) probedAfter(r *load.Runner, n int64) {
	w.t.Helper()
	before := r.Report().Requests
	tb.Until(w.t, patience, "requests", func() error {
		if got := r.Report().Requests; got < before+n {
			return fmt.Errorf("%d of %d", got-before, n)
		}
		return nil
	})
}
