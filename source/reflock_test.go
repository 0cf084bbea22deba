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
	"testing/synctest"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/lib/atomicfile"
)

// Where the lock of the status branch and its mark are, in a bare repository.
const (
	statusRef  = "refs/heads/tandem-status"
	statusLock = statusRef + ".lock"
	statusMark = "tandem/refs%2Fheads%2Ftandem-status"
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

// unlocked wants that neither a lock nor a mark is left.
func (w *world) unlocked(t *testing.T) {
	t.Helper()
	for _, name := range []string{statusLock, statusMark} {
		if _, err := os.Lstat(w.file(name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

// soon is less than anything that is waited for in vain takes.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestLocalPublish_WaitsForALockOfGitsAndNamesOneThatStays(t *testing.T) {
	w := published(t)
	lock := w.file(statusLock)
	must(t, os.WriteFile(lock, nil, 0o644))
	if err := w.repo.Publish(soon(t), "m", map[string][]byte{"x": nil}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("under somebody's lock: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		err := w.repo.Publish(t.Context(), "m", map[string][]byte{"x": nil})
		if err == nil || !strings.Contains(err.Error(), lock) || !strings.Contains(err.Error(), "remove the file") {
			t.Errorf("under a lock that stays: %v, want its name, and what to do", err)
		}
	})
	if _, err := os.Stat(lock); err != nil {
		t.Errorf("somebody else's lock: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- w.repo.Publish(within(t), "m", map[string][]byte{"x": nil}) }()
	must(t, os.Remove(lock))
	if err := <-done; err != nil {
		t.Errorf("after the lock: %v", err)
	}
	w.unlocked(t)
}

func TestLocalPublish_WaitsForALockOfALivingTandem(t *testing.T) {
	w := published(t)
	dir, err := openGitDir(w.bare.Path)
	must(t, err)
	held, err := lockRef(t.Context(), dir, statusRef, plumbing.ZeroHash)
	must(t, err)
	if err := w.repo.Publish(soon(t), "m", map[string][]byte{"x": nil}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("under the lock: %v", err)
	}
	must(t, errors.Join(held.release(), dir.close()))
	w.unlocked(t)
	must(t, w.repo.Publish(within(t), "m", map[string][]byte{"x": nil}))
}

// Each state that a kill can leave, from the first file to the last.
func TestLocalPublish_WhatAKilledTandemLeftIsNoObstacle(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, w *world){
		"the mark":                 func(t *testing.T, w *world) { must(t, os.WriteFile(w.file(statusMark), nil, 0o644)) },
		"the mark and the lock":    func(t *testing.T, w *world) { w.leaveLock(t) },
		"the mark of what is done": func(t *testing.T, w *world) { must(t, os.Link(w.file(statusRef), w.file(statusMark))) },
		"the mark and the lock of git's": func(t *testing.T, w *world) {
			must(t, os.WriteFile(w.file(statusMark), nil, 0o644))
			must(t, os.WriteFile(w.file(statusLock), nil, 0o644))
			time.AfterFunc(100*time.Millisecond, func() { _ = os.Remove(w.file(statusLock)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := published(t)
			leave(t, w)
			must(t, w.repo.Publish(within(t), "m", map[string][]byte{"status": []byte("1")}))
			w.unlocked(t)
			w.bare.Git(t, "fsck", "--strict")
			if got, _ := w.bare.Show(t, "tandem-status", "status"); got != "1" {
				t.Errorf("published %q", got)
			}
		})
	}
}

func (w *world) leaveLock(t *testing.T) {
	t.Helper()
	must(t, os.WriteFile(w.file(statusMark), []byte("half a ha"), 0o644))
	must(t, os.Link(w.file(statusMark), w.file(statusLock)))
}

// Where a file has no second name, the lock is made without one.
func TestLocalPublish_WorksWhereAFileHasOneNameOnly(t *testing.T) {
	w := published(t)
	refused := false
	before := atomicfile.Interrupt(func(after bool, path string) error {
		if path != w.file(statusLock) || after || refused {
			return nil
		}
		refused = true
		return syscall.EXDEV
	})
	t.Cleanup(func() { atomicfile.Interrupt(before) })
	must(t, w.repo.Publish(within(t), "m", map[string][]byte{"status": []byte("1")}))
	if !refused {
		t.Fatal("no second name was asked for: nothing is tested")
	}
	w.unlocked(t)
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
	kills := 200
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
		time.AfterFunc(rand.N(20*time.Millisecond), func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // it was killed
		if _, err := os.Lstat(w.file(statusLock)); err == nil {
			left++
		}
		// Each time something new: what is there already is not published, and locks nothing.
		must(t, w.repo.Publish(within(t), "m", map[string][]byte{"status": fmt.Appendf(nil, "after kill %d", n)}))
		w.unlocked(t)
	}
	w.bare.Git(t, "fsck", "--strict")
	t.Logf("%d kills left %d locks", kills, left)
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
