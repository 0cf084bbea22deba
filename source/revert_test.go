package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/gittest"
	"tandem/reconciler/deploy"
)

const why = "Revert \"Deploy 1.4.3\"\n\nThis reverts shop to the release before because: 5 % of the answers were 500."

// bumped is a world in which shop went from a good release to a bad one, with
// the status on the watched branch, inside of shop.
func bumped(t *testing.T, open func(*testing.T, func(*Options)) *world) (w *world, good, bad string) {
	t.Helper()
	w = open(t, func(o *Options) {
		o.StatusBranch = gittest.Main
		o.StatusPaths = func(f deploy.AppFile) []string { return []string{f.Dir + "/status/*.yaml"} }
	})
	good = w.push(t, "Deploy 1.4.2", map[string]string{
		"shop/tandem.yaml": "tag: \"1.4.2\"\n", "shop/compose.yaml": "services: {}\n", "shop/old/gone": "back\n",
		"blog/tandem.yaml": "tag: \"1\"\n",
	})
	w.poll(t)
	w.ada.Git(t, "rm", "-q", "shop/old/gone")
	bad = w.push(t, "Deploy 1.4.3", map[string]string{"shop/tandem.yaml": "tag: \"1.4.3\"\n", "shop/new/file": "away\n"})
	w.poll(t)
	return w, good, bad
}

// tree lists what a branch or a commit holds below a path.
func (w *world) tree(t *testing.T, at, below string) string {
	t.Helper()
	return w.bare.Git(t, "ls-tree", "-r", at, "--", below)
}

func TestRevert_MakesOneCommitThatTakesTheDirectoryBack(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w, good, bad := bumped(t, open)
		status := map[string][]byte{"shop/status/vps-1.yaml": []byte("Held"), "blog/status/vps-1.yaml": []byte("Live")}
		must(t, w.repo.Publish(within(t), "status", status))
		w.ada.Pull(t)
		before := w.push(t, "somebody else's", map[string]string{"blog/tandem.yaml": "tag: \"2\"\n", "notes.txt": "hello\n"})

		must(t, w.repo.Revert(within(t), "shop", bad, good, why))
		if got := w.bare.Git(t, "rev-list", "--count", before+"..main"); got != "1" {
			t.Fatalf("%s commits were made, want 1", got)
		}
		if got := w.bare.Git(t, "log", "-1", "--format=%P %an %cn%n%B", "main"); got != before+" tandem tandem\n"+why {
			t.Errorf("the commit is %q", got)
		}
		want := w.tree(t, good, "shop") + "\n" + w.tree(t, before, "shop/status")
		if diff := cmp.Diff(lines(want), lines(w.tree(t, "main", "shop"))); diff != "" {
			t.Errorf("shop (-good +now): %s", diff)
		}
		wantStat := []string{" shop/new/file", " shop/old/gone", " shop/tandem.yaml"}
		var stat []string
		for _, l := range strings.Split(w.bare.Git(t, "show", "--stat", "--format=", "main"), "\n") {
			if name, _, ok := strings.Cut(l, " |"); ok {
				stat = append(stat, " "+strings.TrimSpace(name))
			}
		}
		if diff := cmp.Diff(wantStat, stat); diff != "" {
			t.Errorf("changed files (-want +got): %s", diff)
		}
		w.bare.Git(t, "fsck", "--strict")
		if g, n := file(t, w.at(t, good), "shop").Tree, file(t, w.poll(t), "shop").Tree; g != n {
			t.Errorf("the app is %s, at the good commit it was %s", n, g)
		}
		for range 2 { // it is so already
			must(t, w.repo.Revert(within(t), "shop", bad, good, why))
		}
		if got := w.bare.Git(t, "rev-list", "--count", before+"..main"); got != "1" {
			t.Errorf("%s commits after asking again, want 1", got)
		}
	})
}

// at reads a commit as a poll would.
func (w *world) at(t *testing.T, commit string) deploy.Revision {
	t.Helper()
	var rev deploy.Revision
	must(t, w.repo.remote.withCommit(within(t), hashOf(w.bare.Head(t, gittest.Main)), func(o *objects) error {
		var err error
		rev, _, err = w.repo.reader.revision(within(t), o, hashOf(commit))
		return err
	}, hashOf(commit)))
	return rev
}

func lines(s string) []string {
	return slices.Sorted(slices.Values(strings.Split(strings.TrimSpace(s), "\n")))
}

func TestRevert_LeavesANewerDecisionAlone(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w, good, bad := bumped(t, open)
		for name, change := range map[string]func(){
			"a file changed":        func() { w.push(t, "fix", map[string]string{"shop/compose.yaml": "services: {api: {}}\n"}) },
			"the directory is gone": func() { w.ada.Git(t, "rm", "-r", "-q", "shop"); w.push(t, "remove", nil) },
		} {
			change()
			head := w.bare.Head(t, gittest.Main)
			must(t, w.repo.Revert(within(t), "shop", bad, good, why))
			if got := w.bare.Head(t, gittest.Main); got != head {
				t.Errorf("%s: a commit was made: %s", name, w.bare.Git(t, "show", "--stat", got))
			}
		}
	})
}

// racing lets somebody else push between the look at the head and the push.
type racing struct {
	remote
	before func(try int)
	tries  int
}

func (r *racing) push(ctx context.Context, branch string, old, tip plumbing.Hash, objs []newObject) error {
	r.tries++
	r.before(r.tries)
	return r.remote.push(ctx, branch, old, tip, objs)
}

func TestRevert_IsBuiltAgainOnWhatSomebodyPushedMeanwhile(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w, good, bad := bumped(t, open)
		race := &racing{remote: w.repo.remote, before: func(try int) {
			if try < 4 {
				w.push(t, fmt.Sprint("faster ", try), map[string]string{fmt.Sprintf("other/%d", try): "x"})
			}
		}}
		w.repo.remote = race
		must(t, w.repo.Revert(within(t), "shop", bad, good, why))
		want := []string{"Revert \"Deploy 1.4.3\"", "faster 3", "faster 2", "faster 1", "Deploy 1.4.3", "Deploy 1.4.2"}
		if diff := cmp.Diff(want, w.bare.Log(t, gittest.Main)); diff != "" || race.tries != 4 {
			t.Errorf("%d pushes; log (-want +got): %s", race.tries, diff)
		}
		if diff := cmp.Diff(w.tree(t, good, "shop"), w.tree(t, "main", "shop")); diff != "" {
			t.Errorf("shop (-good +now): %s", diff)
		}
		w.bare.Git(t, "fsck", "--strict")
	})
}

func TestRevert_GivesUpWhenTheRaceChangedTheDirectory(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w, good, bad := bumped(t, open)
		w.repo.remote = &racing{remote: w.repo.remote, before: func(int) {
			w.push(t, "a fix", map[string]string{"shop/tandem.yaml": "tag: \"1.4.4\"\n"})
		}}
		must(t, w.repo.Revert(within(t), "shop", bad, good, why))
		if got := w.bare.Log(t, gittest.Main)[0]; got != "a fix" {
			t.Errorf("the newest commit is %q, want the person's", got)
		}
	})
}

func TestRevert_OfAProtectedBranchRepeatsTheServersWords(t *testing.T) {
	for hook, script := range map[string]string{
		"pre-receive": "while read old new ref; do [ $ref != refs/heads/main ] || { echo 'GH006: main is protected' >&2; exit 1; }; done",
		"update":      "[ $1 != refs/heads/main ] || { echo 'GH006: main is protected' >&2; exit 1; }",
	} {
		t.Run(hook, func(t *testing.T) {
			ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
				w, good, bad := bumped(t, open)
				w.bare.Hook(t, hook, script)
				refused(t, w, w.repo.Revert(within(t), "shop", bad, good, why), bad, "GH006: main is protected")
			})
		})
	}
}

// refused wants a *deploy.RevertRefusedError with those words, and no commit.
func refused(t *testing.T, w *world, err error, head, words string) {
	t.Helper()
	var r *deploy.RevertRefusedError
	if !errors.As(err, &r) || !strings.Contains(r.Words, words) {
		t.Errorf("got %T %v, want a RevertRefusedError with %q", err, err, words)
	}
	if got := w.bare.Head(t, gittest.Main); got != head {
		t.Errorf("the branch moved to %s", got)
	}
}

func TestRevert_WithCredentialsThatMayOnlyReadIsRefused(t *testing.T) {
	t.Run("http", func(t *testing.T) {
		w := openWeb(t, gittest.HTTPOptions{}, nil)
		_, good, bad := bumped(t, func(*testing.T, func(*Options)) *world { return w.world })
		w.server.SetFault(gittest.ForbidPush)
		refused(t, w.world, w.repo.Revert(within(t), "shop", bad, good, why), bad, "may only read")
		// A server that lets nobody in at all is away, and may come back.
		w.server.SetFault(gittest.Forbidden)
		away(t, w.repo.Revert(within(t), "shop", bad, good, why))
	})
	t.Run("ssh", func(t *testing.T) {
		var s *gittest.SSHServer
		w, good, bad := bumped(t, func(t *testing.T, change func(*Options)) *world {
			w := &world{bare: gittest.NewBare(t), dir: filepath.Join(t.TempDir(), "cache")}
			w.ada, s = w.bare.Clone(t), gittest.ServeSSH(t, w.bare)
			w.repo = open(t, Options{URL: s.URL, CacheDir: w.dir, Auth: Auth{SSHKey: s.KeyFile, KnownHosts: s.KnownHosts}})
			return w
		})
		s.ForbidPush(t, "ERROR: The key you are authenticating with has been marked as read only.")
		refused(t, w, w.repo.Revert(within(t), "shop", bad, good, why), bad, "marked as read only")
		s.ForbidPush(t, "we are being restarted")
		away(t, w.repo.Revert(within(t), "shop", bad, good, why))
	})
}

// away wants an error after which it is worth trying again.
func away(t *testing.T, err error) {
	t.Helper()
	var temporary *deploy.TemporaryError
	if !errors.As(err, &temporary) || temporary.Reason != deploy.GitAway {
		t.Errorf("got %T %v, want a TemporaryError with GitAway", err, err)
	}
}

func TestRevert_UnderALockThatStaysIsNotRefusedForGood(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w, good, bad := bumped(t, open)
		lock := filepath.Join(w.bare.Path, "refs/heads/main.lock")
		must(t, os.WriteFile(lock, nil, 0o644))
		away(t, w.repo.Revert(within(t), "shop", bad, good, why))
		must(t, os.Remove(lock))
		must(t, w.repo.Revert(within(t), "shop", bad, good, why))
	})
}

func TestRevert_SaysWhatCannotBeDone(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w, good, bad := bumped(t, open)
		added := w.push(t, "a new app", map[string]string{"wiki/tandem.yaml": "tag: \"1\"\n"})
		for name, c := range map[string]struct{ dir, bad, good, want string }{
			"did not exist":  {"wiki", added, good, `no directory "wiki" at commit ` + good},
			"unknown commit": {"shop", bad, strings.Repeat("1", 40), strings.Repeat("1", 40)},
			"no commit":      {"shop", bad, "main", "is not a commit"},
			"above":          {"../shop", bad, good, "not allowed"},
		} {
			err := w.repo.Revert(within(t), c.dir, c.bad, c.good, why)
			var temporary *deploy.TemporaryError
			if err == nil || errors.As(err, &temporary) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %T %v, want %q", name, err, err, c.want)
			}
		}
		if got := w.bare.Head(t, gittest.Main); got != added {
			t.Errorf("the branch moved to %s", got)
		}
	})
}

func TestRevert_StopsWithItsContext(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w, good, bad := bumped(t, open)
		ctx, cancel := context.WithCancel(within(t))
		cancel()
		if err := w.repo.Revert(ctx, "shop", bad, good, why); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if got := w.bare.Head(t, gittest.Main); got != bad {
			t.Errorf("the branch moved to %s", got)
		}
	})
}

// The repository's root is an app too, with others below it.
func TestRevert_OfTheRootLeavesTheAppsBelowAlone(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		good := w.push(t, "good", map[string]string{"tandem.yaml": "1", "lib/x": "1", "a/tandem.yaml": "1", "a/y": "1"})
		bad := w.push(t, "bad", map[string]string{"tandem.yaml": "2", "lib/x": "2", "a/y": "2"})
		w.push(t, "another app", map[string]string{"a/y": "3", "lib/b/tandem.yaml": "1"})
		must(t, w.repo.Revert(within(t), ".", bad, good, why))
		for name, want := range map[string]string{"tandem.yaml": "1", "lib/x": "1", "a/y": "3", "lib/b/tandem.yaml": "1"} {
			if got, _ := w.bare.Show(t, gittest.Main, name); got != want {
				t.Errorf("%s holds %q, want %q", name, got, want)
			}
		}
		w.bare.Git(t, "fsck", "--strict")
	})
}

// A directory that began, or ceased, to be an app of its own has no way back
// that would not touch somebody else's decision.
func TestRevert_WhereAnotherAppBeganOrEndedIsLeftToAPerson(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		good := w.push(t, "good", map[string]string{"tandem.yaml": "1", "a/y": "1"})
		bad := w.push(t, "bad", map[string]string{"tandem.yaml": "2", "a/tandem.yaml": "1"})
		err := w.repo.Revert(within(t), ".", bad, good, why)
		if err == nil || !strings.Contains(err.Error(), "by hand") {
			t.Errorf("got %v", err)
		}
		if got := w.bare.Head(t, gittest.Main); got != bad {
			t.Errorf("the branch moved to %s", got)
		}
	})
}

// The cache may have forgotten the good commit, and servers differ in what they
// hand out that no branch is at.
func TestRevert_FetchesAnOlderCommitThatTheCacheLacks(t *testing.T) {
	for name, c := range map[string]struct {
		allow   string
		between int
	}{
		"a server that hands out any commit of a branch": {"true", 3},
		"a server that hands out branches only":          {"false", 3},
		"in the far past":                                {"false", 150},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWeb(t, gittest.HTTPOptions{}, nil)
			w.bare.Git(t, "config", "uploadpack.allowReachableSHA1InWant", c.allow)
			good := w.push(t, "good", map[string]string{"shop/tandem.yaml": "1", "shop/lib/x": "only then"})
			w.ada.Git(t, "rm", "-r", "-q", "shop/lib")
			bad := w.push(t, "bad", map[string]string{"shop/tandem.yaml": "2"})
			for i := range c.between {
				w.ada.Commit(t, fmt.Sprint("other ", i), map[string]string{"other": fmt.Sprint(i)})
			}
			w.ada.Push(t)
			w.poll(t)
			must(t, w.repo.Revert(within(t), "shop", bad, good, why))
			if diff := cmp.Diff(w.tree(t, good, "shop"), w.tree(t, "main", "shop")); diff != "" {
				t.Errorf("shop (-good +now): %s", diff)
			}
			w.bare.Git(t, "fsck", "--strict")
			// What was fetched for it is no hindrance to what comes.
			w.ada.Pull(t)
			w.push(t, "later", map[string]string{"shop/tandem.yaml": "3"})
			if got := string(file(t, w.poll(t), "shop").Data); got != "3" {
				t.Errorf("the next poll reads %q", got)
			}
		})
	}
}

func TestRevert_ToACommitThatIsNowhereSaysSo(t *testing.T) {
	for _, allow := range []string{"true", "false"} {
		w := openWeb(t, gittest.HTTPOptions{}, nil)
		w.bare.Git(t, "config", "uploadpack.allowReachableSHA1InWant", allow)
		good := w.push(t, "good", map[string]string{"shop/tandem.yaml": "1"})
		w.ada.Git(t, "commit", "-q", "--amend", "-m", "instead")
		w.ada.ForcePush(t)
		bad := w.push(t, "bad", map[string]string{"shop/tandem.yaml": "2"})
		err := w.repo.Revert(within(t), "shop", bad, good, why)
		var temporary *deploy.TemporaryError
		if !errors.Is(err, ErrGone) || errors.As(err, &temporary) || !strings.Contains(err.Error(), good) {
			t.Errorf("allowed %s: got %T %v, want ErrGone with %s", allow, err, err, good)
		}
	}
}

func TestRevert_AfterALostAnswerMakesNoSecondCommit(t *testing.T) {
	w := openWeb(t, gittest.HTTPOptions{}, nil)
	_, good, bad := bumped(t, func(*testing.T, func(*Options)) *world { return w.world })
	w.server.SetFault(gittest.CutReport)
	away(t, w.repo.Revert(within(t), "shop", bad, good, why))
	w.server.SetFault(gittest.NoFault)
	must(t, w.repo.Revert(within(t), "shop", bad, good, why))
	if log := w.bare.Log(t, gittest.Main); len(log) != 3 {
		t.Errorf("the branch is %v", log)
	}
}

func TestRevert_RefusedHoldsNoCredential(t *testing.T) {
	const password = "hunter2-secret"
	w := openWeb(t, gittest.HTTPOptions{Username: "u", Token: password}, func(o *Options) {
		o.URL = strings.Replace(o.URL, "://", "://u:"+password+"@", 1)
	})
	_, good, bad := bumped(t, func(*testing.T, func(*Options)) *world { return w.world })
	w.bare.Hook(t, "pre-receive", "echo 'no "+password+"' >&2; exit 1")
	err := w.repo.Revert(within(t), "shop", bad, good, why)
	refused(t, w.world, err, bad, "no xxxxx")
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, password) {
		t.Errorf("the password is in %s", text)
	}
}
