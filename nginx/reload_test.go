package nginx_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// newReloadRig is a user's site from before tandem: it names the upstream
// app_backend and includes nothing in its server block.
func newReloadRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, rigOptions{mode: nginx.SwitchReload, app: "app", server: "location / { proxy_pass http://app_backend; }"})
	r.prepare(t)
	return r
}

func TestReload_MovesAnUntouchedSiteBothWays(t *testing.T) {
	r := newReloadRig(t)
	for _, c := range []deploy.Color{deploy.Green, deploy.Blue, deploy.Green} {
		workers := r.workers(t)
		r.flip(t, c)
		r.wantTraffic(t, c)
		r.wantLive(t, c)
		if got := r.workers(t); got == workers {
			t.Error("the workers are the same, so nothing was reloaded")
		}
	}
	workers := r.workers(t)
	r.flip(t, deploy.Green)
	r.prepare(t)
	if got := r.workers(t); got != workers {
		t.Error("reloaded though green was live already")
	}
}

func TestReload_ConfirmMeansThatEveryNewConnectionSeesTheColor(t *testing.T) {
	r := newReloadRig(t)
	color := deploy.Blue
	for range 10 {
		color = color.Other()
		former := map[int]bool{}
		for _, w := range r.processes(t) {
			former[w.PID] = true
		}
		if err := r.proxy.Flip(t.Context(), r.app, color); err != nil {
			t.Fatal(err)
		}
		r.restart(t) // Confirm must also be right in a process that did not reload
		if err := r.proxy.Confirm(t.Context(), r.app, color); err != nil {
			t.Fatal(err)
		}
		for _, w := range r.processes(t) {
			if former[w.PID] && !strings.Contains(w.Title, "shutting down") {
				t.Errorf("%d, from before the reload, still takes connections", w.PID)
			}
		}
		r.wantTraffic(t, color)
	}
}

func TestReload_BrokenConfigurationLeavesTheOldColorServing(t *testing.T) {
	r := newReloadRig(t)
	before := r.snapshot(t)
	workers := r.workers(t)
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\nworking nonsense;", Server: "location / { proxy_pass http://app_backend; }"})
	wantReason(t, r.proxy.Flip(t.Context(), r.app, deploy.Green), deploy.NginxBroken, `unknown directive "working"`)
	if diff := cmp.Diff(before, r.snapshot(t)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
	if got := r.workers(t); got != workers {
		t.Error("reloaded")
	}
	r.wantLive(t, deploy.Blue)
	r.wantTraffic(t, deploy.Blue)
	r.prepare(t)
}

func TestReload_LiveIsWhatTheRunningNginxSaysAndNotTheFile(t *testing.T) {
	r := newReloadRig(t)
	r.flip(t, deploy.Green)
	edited := strings.ReplaceAll(r.file(t, "app.conf"), "default green", "default blue")
	r.overwrite(t, "app.conf", edited)
	r.restart(t)
	r.wantLive(t, deploy.Green)
	r.prepare(t)
	r.wantTraffic(t, deploy.Green)
	if r.file(t, "app.conf") == edited {
		t.Error("the edited file was not put right")
	}
}

func TestReload_StoppedNginxComesBackWithTheColorThatWasLive(t *testing.T) {
	r := newReloadRig(t)
	r.flip(t, deploy.Green)
	if err := r.nginx.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
	r.restart(t)
	moved := newStack(t, deploy.Green)
	r.app.Routes[0].Ports.Green = moved.port // so that the file must be written anew
	_, err := r.proxy.Prepare(t.Context(), r.app)
	wantReason(t, err, deploy.NginxAway)
	if err := r.nginx.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	r.wantLive(t, deploy.Green)
	r.wantTraffic(t, deploy.Green)
	if moved.connections.Load() == 0 {
		t.Error("nobody asked at the new port")
	}
}

func TestReload_ChangeOfTheSwitchKeepsTheColor(t *testing.T) {
	// Both sites work with either switch, because the variable exists in both.
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.flip(t, deploy.Green)
	color := deploy.Green
	for range 2 {
		r.options.Switch = nginx.SwitchReload
		r.restart(t)
		r.prepare(t)
		r.wantLive(t, color)
		r.wantTraffic(t, color)
		color = color.Other()
		r.flip(t, color) // now the flag says the opposite

		r.options.Switch = nginx.SwitchFlip
		r.restart(t)
		r.prepare(t)
		r.wantLive(t, color)
		r.wantTraffic(t, color)
	}
	if err := errors.Join(r.nginx.Stop(within(t)), r.nginx.Start(within(t))); err != nil {
		t.Fatal(err)
	}
	r.wantTraffic(t, deploy.Green)
}

// Workers from before the reload still answer for a moment after Flip. Prepare,
// which looks at each pass, must not take the old color from them and flip back.
func TestReload_PrepareRightAfterAFlipKeepsTheNewColor(t *testing.T) {
	r := newReloadRig(t)
	color := deploy.Blue
	for range 10 {
		color = color.Other()
		if err := r.proxy.Flip(t.Context(), r.app, color); err != nil {
			t.Fatal(err)
		}
		r.prepare(t)
		if err := r.proxy.Confirm(t.Context(), r.app, color); err != nil {
			t.Fatal(err)
		}
		r.wantTraffic(t, color)
	}
}
