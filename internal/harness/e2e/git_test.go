package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/config"
	"tandem/internal/harness/gittest"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

func TestGit_AForcePushIsFollowed(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	w.live(w.push(stage.Desired{Tag: "1.1.0", Color: "green"}), "1.1.0", deploy.Green)

	t.Log("the bump is taken out of the history instead of being reverted")
	w.git("reset", "--hard", "HEAD~1")
	w.git("push", "--force", "origin", "main")
	w.live(w.git("rev-parse", "HEAD"), "1.0.0", deploy.Blue)
}

func TestGit_ADeletedBranchChangesNothingAndItsReturnIsFollowed(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	before := w.containers()
	gittest.OpenBare(t, w.Bare).DeleteBranch(t, "main")
	if err := w.get("/"); err != nil {
		t.Errorf("after the branch was deleted: %v", err)
	}
	commit := w.push(stage.Desired{Tag: "1.1.0", Color: "green"})
	w.live(commit, "1.1.0", deploy.Green)
	w.neverRestarted(deploy.Blue, before)
}

func TestGit_ARemoteThatIsAwayForAWhile(t *testing.T) {
	t.Parallel()
	w := deployed(t, stage.Options{})
	w.build("1.1.0")
	traffic := w.traffic()
	w.stop()
	server := w.overHTTP()
	w.start()
	server.SetFault(gittest.Status500)
	commit := w.push(stage.Desired{Tag: "1.1.0", Color: "green"})
	tb.Until(t, patience, "an agent that says it", func() error { return expect(w.healthz(), "503") })
	if got := w.tag(); got != "1.0.0" {
		t.Errorf("nginx answers with %q, want 1.0.0", got)
	}
	server.SetFault(gittest.NoFault)
	w.live(commit, "1.1.0", deploy.Green)
	w.unharmed(traffic)
}

// With the status beside the desired state, the agent's commits are on the
// branch that it watches. They must not wake it for ever, and a person's revert
// still reverts the bump.
func TestGit_TheStatusOnTheWatchedBranchMakesNoLoop(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	server := w.overHTTP()
	w.statusBesideDesired()
	w.start()
	w.build("1.0.0")
	w.build("1.1.0")
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(commit, "1.0.0", deploy.Blue)
	w.git("pull", "--rebase", "origin", "main")
	bump := w.push(stage.Desired{Tag: "1.1.0", Color: "green"})
	w.live(bump, "1.1.0", deploy.Green)
	w.git("pull", "--rebase", "origin", "main")

	t.Log("nothing more is committed, although every status moved the branch")
	head := w.git("rev-parse", "origin/main")
	w.polls(server)
	w.git("fetch", "origin")
	if now := w.git("rev-parse", "origin/main"); now != head {
		t.Errorf("the branch went on: %s", w.git("log", "--oneline", head+".."+now))
	}

	t.Log("reverting the bump is reverting the person's commit")
	w.git("revert", "--no-edit", bump)
	w.git("push", "origin", "main")
	w.live(w.git("rev-parse", "HEAD"), "1.0.0", deploy.Blue)
}

// Many people's pushes against the agent's statuses: nobody's is lost,
// nobody's is refused for good, and nothing is forced.
func TestGit_ManyRacingPushesLoseNoStatus(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	w.statusBesideDesired()
	w.start()
	w.build("1.0.0")
	w.build("1.1.0")
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})
	w.addSite()
	w.live(commit, "1.0.0", deploy.Blue)

	pushes := times(100, 30)
	live, tag := deploy.Blue, "1.0.0"
	var last string
	for i := range pushes {
		if i%20 == 10 {
			live, tag = live.Other(), other(tag)
			if err := w.Write(stage.Desired{Tag: tag, Color: string(live), More: quick}); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(w.Work+"/notes.txt", fmt.Appendf(nil, "note %d\n", i), 0o644); err != nil {
			t.Fatal(err)
		}
		w.git("add", "--all")
		w.git("commit", "--quiet", "-m", fmt.Sprintf("Note %d", i))
		if i%20 == 10 {
			last = w.pushRacing()
		} else {
			w.pushRacing()
		}
	}
	s := w.until("the last bump live", func(s deploy.Status) error {
		if s.Phase != deploy.PhaseLive || s.Live == nil || s.Live.Tag != tag || s.Live.Color != live {
			return fmt.Errorf("%s (%s)", s.Phase, s.Reason)
		}
		return nil
	})
	w.git("pull", "--rebase", "origin", "main")
	log := w.git("log", "--format=%s", "origin/main")
	for i := range pushes {
		if !strings.Contains("\n"+log+"\n", fmt.Sprintf("\nNote %d\n", i)) {
			t.Errorf("the push of note %d is lost", i)
		}
	}
	// A bump that was taken back before its release had traffic is told, and is no more
	// than that.
	done := slices.DeleteFunc(slices.Clone(s.History), func(e deploy.Entry) bool { return e.Result == deploy.Superseded })
	if len(done) == 0 || done[0].Tag != tag {
		t.Errorf("the newest lines of the history are %+v, want one about %s (%s)", s.History, tag, last)
	}
	t.Logf("%d commits by the agent among them", strings.Count("\n"+log, "\n"+w.App+": "))
}

// statusBesideDesired makes the agent publish on the watched branch.
func (w *world) statusBesideDesired() {
	w.configure(func(c *config.Config) { c.Status = config.Status{Branch: "main", Path: "status/{app}.yaml"} })
	w.StatusRef = "main:status/" + w.App + ".yaml"
}

// overHTTP makes the agent reach the repository through a real Git server,
// asking it each second.
func (w *world) overHTTP() *gittest.HTTPServer {
	w.t.Helper()
	server := gittest.ServeHTTP(w.t, gittest.OpenBare(w.t, w.Bare), gittest.HTTPOptions{})
	w.configure(func(c *config.Config) {
		c.Repo.URL = config.URL(server.URL)
		c.Repo.Poll = config.Poll{Every: time.Second}
	})
	return server
}

// polls lets the agent look at the branch a few more times.
func (w *world) polls(server *gittest.HTTPServer) {
	w.t.Helper()
	enough := server.Requests("info/refs") + 4
	tb.Until(w.t, patience, "some polls", func() error {
		if now := server.Requests("info/refs"); now < enough {
			return fmt.Errorf("%d requests more are awaited", enough-now)
		}
		return nil
	})
}

// pushRacing pushes, and rebases onto whatever was faster as often as needed,
// as a person would. It returns the commit as it was pushed.
func (w *world) pushRacing() string {
	w.t.Helper()
	for range 50 {
		if _, err := w.Git(w.t.Context(), "push", "--quiet", "origin", "main"); err == nil {
			return w.git("rev-parse", "HEAD")
		}
		w.git("pull", "--quiet", "--rebase", "origin", "main")
	}
	w.t.Fatal("the push was refused 50 times")
	return ""
}

// git runs git in the person's clone.
func (w *world) git(args ...string) string {
	w.t.Helper()
	out, err := w.Git(w.t.Context(), args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// A webhook wakes the poll and does nothing else; without the right signature
// it does not even do that.
func TestGit_AWebhookWakesThePoll(t *testing.T) {
	t.Parallel()
	w := newStage(t, stage.Options{})
	server := w.overHTTP()
	secret := filepath.Join(w.Dir, "webhook")
	if err := os.WriteFile(secret, []byte("a shared secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.configure(func(c *config.Config) {
		c.Repo.Poll = config.Poll{Every: 24 * time.Hour}
		c.Repo.Webhook.SecretFile = secret
	})
	w.build("1.0.0")
	w.start()
	tb.Until(t, patience, "the first poll", func() error {
		if server.Requests("info/refs") == 0 {
			return errors.New("no request yet")
		}
		return expect(w.healthz(), "503") // there is no branch yet
	})
	commit := w.push(stage.Desired{Tag: "1.0.0", Color: "blue"})

	before := server.Requests("info/refs")
	if got := w.hook("a wrong secret"); got != http.StatusUnauthorized && got != http.StatusForbidden {
		t.Errorf("a wrong signature is answered with %d", got)
	}
	if now := server.Requests("info/refs"); now != before {
		t.Error("a wrong signature made the agent poll")
	}
	if got := w.hook("a shared secret"); got != http.StatusAccepted {
		t.Fatalf("the right signature is answered with %d", got)
	}
	w.addSite()
	w.live(commit, "1.0.0", deploy.Blue)
}

// hook posts what GitHub would, and returns the status of the answer.
func (w *world) hook(secret string) int {
	w.t.Helper()
	body := []byte(`{"ref": "refs/heads/main"}`)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write(body) // a hash takes everything
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://"+w.Config().Listen+"/hooks/git", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode
}
