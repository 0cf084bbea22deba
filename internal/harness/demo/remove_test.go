package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/volume"

	"tandem/internal/harness/testbed"
)

// leftDemo is what a demo that was killed leaves: its list, a process and a volume.
func leftDemo(t *testing.T) (manifest, *testbed.Engine) {
	t.Helper()
	engine, err := testbed.NewEngine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	app := fmt.Sprintf("shop%d", 1_000_000+rand.IntN(1_000_000))
	dir := filepath.Join(t.TempDir(), "tandem-"+app)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{projectLabel: app + "-shared"}
	if _, err := engine.Client.VolumeCreate(t.Context(), volume.CreateOptions{Name: app + "-shared_orders", Labels: labels}); err != nil {
		t.Fatal(err)
	}
	boot, err := bootID()
	if err != nil {
		t.Fatal(err)
	}
	b := manifest{App: app, Registry: "127.0.0.1:1", Dirs: []string{dir}, Boot: boot, Processes: []process{sleeper(t)}}
	if err := b.save(); err != nil {
		t.Fatal(err)
	}
	return b, engine
}

// sleeper starts a process that does nothing.
func sleeper(t *testing.T) process {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed, which Wait calls an error
		close(done)
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-done
	})
	p, err := readProcess(fmt.Sprintf("/proc/%d", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRemove_TakesDownWhatIsOnTheList(t *testing.T) {
	b, engine := leftDemo(t)
	left, err := b.find(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"volume " + b.App + "-shared_orders", "process ", "directory " + b.Dirs[0]} {
		if err := left.leftover(); err == nil || !strings.Contains(err.Error(), "left behind: "+part) {
			t.Errorf("%q is left behind, and the demo says %v", part, err)
		}
	}
	var out bytes.Buffer
	if err := Remove(t.Context(), b.Dirs[0], &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "1 volume, 0 images, 1 process, 1 directory") {
		t.Errorf("it says %q", out.String())
	}
	if left, err := b.find(t.Context(), engine); err != nil || left.leftover() != nil {
		t.Errorf("left: %v, %v", left.leftover(), err)
	}
}

func TestRemove_LeavesAProcessAloneThatGotTheIdLater(t *testing.T) {
	b, _ := leftDemo(t)
	later := b.Processes[0]
	b.Processes[0].Start--
	if err := b.save(); err != nil {
		t.Fatal(err)
	}
	if err := Remove(t.Context(), b.Dirs[0], &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if p, err := readProcess(fmt.Sprintf("/proc/%d", later.PID)); err != nil || p.Start != later.Start {
		t.Errorf("the process that only has the same id was ended: %v", err)
	}
}

func TestRemove_RefusesAListThatNoDemoWrote(t *testing.T) {
	good := manifest{App: "shop", Registry: "127.0.0.1:1"}
	for name, spoil := range map[string]func(*manifest, string){
		"another directory":         func(b *manifest, dir string) { b.Dirs = []string{dir, "/etc"} },
		"a name of the user's":      func(b *manifest, _ string) { b.App = "billing" },
		"a list of somewhere else":  func(b *manifest, dir string) { b.Dirs = []string{dir + "2"} },
		"every image of this host":  func(b *manifest, _ string) { b.Registry = "" },
		"a directory with no mark":  func(b *manifest, dir string) { b.Dirs = []string{dir, filepath.Dir(dir) + "/home"} },
		"a path that climbs around": func(b *manifest, dir string) { b.Dirs = []string{dir, dir + "/../../tandem-x"} },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tandem-shop-1")
			b := good
			b.Dirs = []string{dir}
			spoil(&b, dir)
			data, err := json.Marshal(b)
			if err := errors.Join(err, os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, manifestFile), data, 0o600)); err != nil {
				t.Fatal(err)
			}
			if err := Remove(t.Context(), dir, &bytes.Buffer{}); err == nil {
				t.Error("it was believed")
			}
			if _, err := os.Stat(dir); err != nil {
				t.Errorf("something was removed: %v", err)
			}
		})
	}
}
