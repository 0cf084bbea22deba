package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/harness/gittest"
)

// Where the status branch and its lock are, in a bare repository.
const (
	statusRef  = "refs/heads/tandem-status"
	statusLock = statusRef + ".lock"
)

// published is a world with a first status.
func published(t *testing.T) *world {
	t.Helper()
	w := openLocal(t, nil)
	w.push(t, "first", map[string]string{"tandem.yaml": "x"})
	must(t, w.repo.Publish(within(t), "first", map[string][]byte{"status": []byte("0")}))
	return w
}

func (w *world) file(name string) string { return filepath.Join(w.bare.Path, name) }

// publish publishes a status of its own.
func (w *world) publish(ctx context.Context) error {
	return w.repo.Publish(ctx, "m", map[string][]byte{"x": fmt.Append(nil, rand.Uint64())})
}

func TestLocalPublish_NamesALockThatStays(t *testing.T) {
	w := published(t)
	lock := w.file(statusLock)
	must(t, os.WriteFile(lock, nil, 0o644))
	err := w.publish(within(t))
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), statusLock) || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("under a lock that stays: %v, want its name, and what to do", err)
	}
	if _, err := os.Stat(lock); err != nil {
		t.Errorf("somebody else's lock: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- w.publish(within(t)) }()
	must(t, os.Remove(lock))
	if err := <-done; err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

// As root and as anybody else: what a hook can do is what the repository's owner can.
func TestLocalPublish_RunsTheHooksAsTheOwner(t *testing.T) {
	for _, owner := range []int{0, stranger} {
		t.Run(fmt.Sprint(owner), func(t *testing.T) {
			w := published(t)
			t.Setenv("TANDEM_TOKEN", secret)
			told, only := filepath.Join(t.TempDir(), "told"), filepath.Join(t.TempDir(), "only")
			must(t, os.WriteFile(only, []byte("root's"), 0o600))
			must(t, os.Mkdir(told, 0o777))
			must(t, os.Chmod(told, 0o777))
			w.bare.Hook(t, "post-receive", "{ id -u; id -G; env; cat "+only+"; } >"+told+"/hook 2>&1")
			chown(t, w.bare.Path, owner)
			must(t, w.publish(within(t)))
			said, err := os.ReadFile(filepath.Join(told, "hook"))
			must(t, err)
			if id, _, _ := strings.Cut(string(said), "\n"); id != fmt.Sprint(owner) {
				t.Errorf("the hook ran as %s, want %d", id, owner)
			}
			if owner != 0 && strings.Contains(string(said), "root's") {
				t.Errorf("the hook may do more than its owner: %s", said)
			}
			if strings.Contains(string(said), secret) {
				t.Errorf("the hook has the agent's environment: %s", said)
			}
		})
	}
}

func TestLocalPublish_RunsNothingAsRootThatOthersMayWrite(t *testing.T) {
	for name, open := range map[string]func(w *world) error{
		"the directory":   func(w *world) error { return os.Chmod(w.bare.Path, 0o775) },
		"its config":      func(w *world) error { return os.Chmod(w.file("config"), 0o664) },
		"another's":       func(w *world) error { return os.Lchown(w.file("config"), stranger, 0) },
		"hooks":           func(w *world) error { return os.Chmod(w.file("hooks"), 0o777) },
		"a hook":          func(w *world) error { return os.Chmod(w.file("hooks/pre-receive"), 0o777) },
		"hooks, linked":   func(w *world) error { return w.link("hooks") },
		"refs/heads":      func(w *world) error { return os.Chmod(w.file("refs/heads"), 0o775) },
		"what is above":   func(w *world) error { return os.Chmod(filepath.Dir(w.bare.Path), 0o777) },
		"objects, linked": func(w *world) error { return w.link("objects/info") },
	} {
		t.Run(name, func(t *testing.T) {
			w := published(t)
			ran := filepath.Join(t.TempDir(), "ran")
			w.bare.Hook(t, "pre-receive", "touch "+ran)
			must(t, w.publish(within(t)))
			must(t, os.Remove(ran))
			must(t, open(w))
			if err := w.publish(within(t)); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "others may write") {
				t.Errorf("%v; want that it is refused", err)
			}
			if _, err := os.Stat(ran); err == nil {
				t.Error("the hook ran")
			}
		})
	}
}

// link has a name lead to where it led, by way of somebody else's link.
func (w *world) link(name string) error {
	if err := os.Rename(w.file(name), w.file(name+".real")); err != nil {
		return err
	}
	return errors.Join(os.Symlink(filepath.Base(name)+".real", w.file(name)), os.Lchown(w.file(name), stranger, stranger))
}

func TestLocalPublish_EndsWithItsContextAlsoUnderAHookThatDoesNot(t *testing.T) {
	w := published(t)
	chown(t, w.bare.Path, stranger)
	pid := filepath.Join(t.TempDir(), "pid")
	must(t, os.WriteFile(pid, nil, 0o666))
	must(t, os.Chmod(pid, 0o666))
	w.bare.Hook(t, "pre-receive", "setsid sleep 1000 & echo $$ $! >"+pid+"; exec sleep 1000")
	ctx, cancel := context.WithCancel(within(t))
	done := make(chan error, 1)
	go func() { done <- w.publish(ctx) }()
	var hook, left int // what it leaves has a session of its own, and the ends of the pipes
	gittest.Wait(t, "the hook", func() bool {
		data, _ := os.ReadFile(pid)
		_, err := fmt.Sscan(string(data), &hook, &left)
		return err == nil
	})
	t.Cleanup(func() { _ = syscall.Kill(left, syscall.SIGKILL) })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gittest.Wait(t, "the end of the hook", func() bool { return errors.Is(syscall.Kill(hook, 0), syscall.ESRCH) })
	must(t, os.Remove(w.file("hooks/pre-receive")))
	must(t, w.publish(within(t)))
}

// publisherEnv names the repository for a process of this test that publishes until
// it is killed.
const publisherEnv = "TANDEM_TEST_PUBLISH_TO"

func TestLocalPublish_IsKilledAtAnyMomentAndTheNextOneGoesOn(t *testing.T) {
	if path := os.Getenv(publisherEnv); path != "" {
		publishForEver(t, path)
		return
	}
	w := published(t)
	kills := 100
	if testing.Short() {
		kills = 40
	}
	left := 0
	for n := range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), publisherEnv+"="+w.bare.Path)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		_, err = out.Read(make([]byte, 1)) // it has published once
		must(t, err)
		time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // it was killed
		if _, err := os.Lstat(w.file(statusLock)); err == nil {
			left++
		}
		// Each time something new: what is there already is not published, and locks nothing.
		must(t, w.repo.Publish(within(t), "m", map[string][]byte{"status": fmt.Appendf(nil, "after kill %d", n)}))
	}
	// What git did for a killed one may have gone on for a moment.
	gittest.Wait(t, "no lock", func() bool {
		_, err := os.Lstat(w.file(statusLock))
		return errors.Is(err, os.ErrNotExist)
	})
	w.bare.Git(t, "fsck", "--strict")
	t.Logf("%d kills found %d locks held", kills, left)
}

func publishForEver(t *testing.T, path string) {
	t.Helper()
	r := open(t, Options{URL: path, Logger: slog.New(slog.DiscardHandler)})
	for n := 0; ; n++ {
		must(t, r.Publish(t.Context(), "m", map[string][]byte{"other": fmt.Appendf(nil, "%d", n)}))
		if n == 0 {
			fmt.Print("x")
		}
	}
}
