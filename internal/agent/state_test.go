package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

func TestMemory_IsReadBackAsItWasSaved(t *testing.T) {
	state := t.TempDir()
	want := deploy.Memory{Tree: "t", Generation: 3, Paused: true, Live: deploy.LiveRelease{Color: deploy.Green}}
	if err := saveMemory(state, "shop")(want); err != nil {
		t.Fatal(err)
	}
	got, err := loadMemory(state, "shop")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMemory_AMissingFileIsAnEmptyMemory(t *testing.T) {
	got, err := loadMemory(t.TempDir(), "shop")
	if err != nil || got.Generation != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestMemory_AnUnreadableFileIsPutAsideAndNotLost(t *testing.T) {
	state := t.TempDir()
	path := memoryFile(state, "shop")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"tree": `), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := loadMemory(state, "shop"); err == nil {
			t.Error("want to be told, also by who only looks")
		}
	}
	if _, err := takeMemory(state, "shop"); err == nil {
		t.Error("want to be told")
	}
	if _, err := takeMemory(state, "shop"); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if kept, err := os.ReadFile(path + ".bad"); err != nil || string(kept) != `{"tree": ` {
		t.Errorf("kept %q, %v", kept, err)
	}
}

func TestLock_IsHeldByOneAndFreeAfterwards(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	first, err := lockState(state)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := lockState(state); err == nil || !strings.Contains(err.Error(), "another tandem") {
		t.Errorf("the second got %v, %v", second, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lockState(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPruneTrees_RemovesOnlyWhatNobodyNeeds(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"kept", "used", "old"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"used.laid", "old.laid"} { // what lies over a copy is beside it
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	used := func(context.Context) (map[string]bool, error) {
		return map[string]bool{filepath.Join(dir, "used"): true}, nil
	}
	if err := pruneTrees(t.Context(), dir, map[string]bool{filepath.Join(dir, "kept"): true}, used); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, "kept"), filepath.Join(dir, "used"), filepath.Join(dir, "used.laid")}, left); diff != "" {
		t.Error(diff)
	}
	unknown := func(context.Context) (map[string]bool, error) { return nil, errors.New("docker is away") }
	if err := pruneTrees(t.Context(), dir, nil, unknown); err == nil {
		t.Error("nothing may be removed while it is not known what is used")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 3 {
		t.Errorf("left: %v", left)
	}
	all := map[string]bool{filepath.Join(dir, "kept"): true, filepath.Join(dir, "used"): true}
	if err := pruneTrees(t.Context(), dir, all, unknown); err != nil {
		t.Errorf("with nothing to remove Docker is asked: %v", err)
	}
}

// TestPruneTrees_FollowsNoLink removes what a container may have made of its files.
func TestPruneTrees_FollowsNoLink(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	for _, name := range []string{filepath.Join(dir, "old", "deep"), filepath.Join(outside, "data")} {
		if err := os.MkdirAll(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(outside, "data", "file")
	if err := os.WriteFile(file, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "old")
	if err := errors.Join(
		os.Symlink(outside, filepath.Join(dir, "link")), os.Symlink(outside, filepath.Join(old, "link")),
		os.Symlink("../../../../../../../../..", filepath.Join(old, "deep", "up")), os.Symlink(file, filepath.Join(old, "file")),
		os.Link(file, filepath.Join(old, "deep", "second")), syscall.Mkfifo(filepath.Join(old, "pipe"), 0o600), os.Chmod(filepath.Join(old, "deep"), 0),
	); err != nil {
		t.Fatal(err)
	}
	none := func(context.Context) (map[string]bool, error) { return nil, nil }
	if err := pruneTrees(t.Context(), dir, nil, none); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "theirs" {
		t.Errorf("outside: %q, %v", data, err)
	}
}

func TestEventLog_SaysTheSameFailureOnce(t *testing.T) {
	var out bytes.Buffer
	l := newEventLog(slog.New(slog.NewTextHandler(&out, nil)))
	failed := func(text string) {
		l.Handle(deploy.Event{App: "shop", Kind: deploy.StepFailed, Err: errors.New(text), Step: deploy.Step{Action: deploy.Up}})
	}
	live := deploy.Status{Phase: deploy.PhaseLive}
	failed("docker is away")
	failed("docker is away")
	failed("the disk is full")
	l.Handle(deploy.Event{App: "shop", Kind: deploy.StatusChanged, Status: &live})
	failed("the disk is full")
	if n := strings.Count(out.String(), "docker is away"); n != 1 {
		t.Errorf("%d lines about docker, want 1:\n%s", n, out.String())
	}
	if n := strings.Count(out.String(), "disk is full"); n != 2 {
		t.Errorf("%d lines about the disk, want one before and one after it was over:\n%s", n, out.String())
	}
}

func TestDrift_WakesOnlyWhenNginxAnswersDifferently(t *testing.T) {
	answer, failure := deploy.Blue, error(nil)
	woken := 0
	d := &drift{
		live:       func(context.Context, deploy.App) (deploy.Color, error) { return answer, failure },
		wake:       func(string) { woken++ },
		lastLogged: map[string]string{},
	}
	look := func(want int, why string) {
		t.Helper()
		d.check(t.Context(), []string{"shop"})
		if woken != want {
			t.Errorf("%s: woken %d times, want %d", why, woken, want)
		}
	}
	look(0, "the first answer")
	look(0, "the same answer")
	answer = deploy.Green
	look(1, "another color")
	failure = errors.New("connection refused")
	look(2, "no answer")
	look(2, "still no answer")
	failure = nil
	look(3, "an answer again")
}
