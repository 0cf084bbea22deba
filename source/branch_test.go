package source

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/harness/gittest"
	"tandem/reconciler/deploy"
)

func TestPoll_FollowsAForcePush(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		first := w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n", "big": strings.Repeat("x", 100_000)})
		w.push(t, "second", map[string]string{"tandem.yaml": "tag: two\n"})
		w.poll(t)

		w.ada.Git(t, "reset", "-q", "--hard", first)
		w.ada.Commit(t, "instead", map[string]string{"tandem.yaml": "tag: instead\n"})
		w.ada.ForcePush(t)
		w.bare.Git(t, "gc", "-q", "--prune=now")
		if got := string(file(t, w.poll(t), ".").Data); got != "tag: instead\n" {
			t.Errorf("after the rewrite: %q", got)
		}
		// Back to a commit that is older than anything that was fetched.
		w.ada.Git(t, "reset", "-q", "--hard", first)
		w.ada.ForcePush(t)
		rev := w.poll(t)
		if rev.Commit.Hash != first {
			t.Errorf("after the reset: %s, want %s", rev.Commit.Hash, first)
		}
		if err := w.repo.Export(within(t), first, ".", filepath.Join(t.TempDir(), "dest")); err != nil {
			t.Error(err)
		}
		// And to a history that has nothing in common.
		w.ada.Git(t, "checkout", "-q", "--orphan", "new")
		w.ada.Git(t, "branch", "-q", "-D", "main")
		w.ada.Git(t, "branch", "-q", "-m", "main")
		w.ada.Commit(t, "another world", map[string]string{"tandem.yaml": "tag: new\n"})
		w.ada.ForcePush(t)
		if got := string(file(t, w.poll(t), ".").Data); got != "tag: new\n" {
			t.Errorf("after the new history: %q", got)
		}
	})
}

func TestPoll_SaysThatTheBranchIsMissingUntilItIsBack(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		first := w.push(t, "first", map[string]string{"tandem.yaml": "tag: one\n"})
		w.ada.Git(t, "push", "-q", "origin", "HEAD:another")
		w.poll(t)
		w.bare.DeleteBranch(t, gittest.Main)
		_, err := w.repo.Poll(within(t))
		var away *deploy.TemporaryError
		if !errors.Is(err, ErrBranchMissing) || !errors.As(err, &away) || away.Reason != deploy.GitAway ||
			!strings.Contains(err.Error(), `no branch "main"`) {
			t.Fatalf("without the branch: %v", err)
		}
		// What is live may still have to be exported again.
		if err := w.repo.Export(within(t), first, ".", filepath.Join(t.TempDir(), "dest")); err != nil {
			t.Error(err)
		}
		w.push(t, "back", map[string]string{"tandem.yaml": "tag: two\n"})
		if got := string(file(t, w.poll(t), ".").Data); got != "tag: two\n" {
			t.Errorf("after the branch is back: %q", got)
		}
	})
}

func TestEmptyRepository_IsReportedAndCanTakeAStatus(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		if _, err := w.repo.Poll(within(t)); !errors.Is(err, ErrBranchMissing) {
			t.Fatalf("empty: %v", err)
		}
		if err := w.repo.Publish(within(t), "status", map[string][]byte{"shop.yaml": []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.repo.Poll(within(t)); !errors.Is(err, ErrBranchMissing) {
			t.Errorf("with nothing but a status: %v", err)
		}
		w.push(t, "first", map[string]string{"tandem.yaml": ""})
		if data := file(t, w.poll(t), ".").Data; data == nil || len(data) != 0 {
			t.Errorf("an empty file is %v, want empty and not nil", data)
		}
	})
}

// A status on a branch that somebody deleted would bring the branch back with
// nothing but the status on it: no app would be desired any more.
func TestPublish_NeverMakesTheWatchedBranch(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, func(o *Options) { o.StatusBranch = gittest.Main })
		err := w.repo.Publish(within(t), "status", map[string][]byte{"shop.yaml": []byte("x")})
		if !errors.Is(err, ErrBranchMissing) {
			t.Errorf("got %v", err)
		}
		if head := w.bare.Head(t, gittest.Main); head != "" {
			t.Errorf("the branch is at %s", head)
		}
	})
}

func TestPoll_LeavesAHugeFileUnread(t *testing.T) {
	ways(t, func(t *testing.T, open func(*testing.T, func(*Options)) *world) {
		w := open(t, nil)
		w.push(t, "first", map[string]string{
			"huge/tandem.yaml": strings.Repeat("x", deploy.MaxFileSize+1),
			"fits/tandem.yaml": strings.Repeat("x", deploy.MaxFileSize),
		})
		rev := w.poll(t)
		if f := file(t, rev, "huge"); f.Data != nil {
			t.Errorf("%d bytes of the huge file", len(f.Data))
		}
		if f := file(t, rev, "fits"); len(f.Data) != deploy.MaxFileSize {
			t.Errorf("%d bytes of the largest file", len(f.Data))
		}
	})
}
