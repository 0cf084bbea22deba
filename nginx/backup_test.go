package nginx_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

func (r *rig) setBackup(t *testing.T, on bool) {
	t.Helper()
	if err := r.proxy.SetBackup(t.Context(), r.app, on); err != nil {
		t.Fatalf("SetBackup %v: %v\n%s", on, err, r.nginx.ErrorLog())
	}
	r.wantBackup(t, on)
}

func (r *rig) wantBackup(t *testing.T, want bool) {
	t.Helper()
	if got, err := r.proxy.BackupActive(t.Context(), r.app); err != nil || got != want {
		t.Fatalf("BackupActive: got %v and %v, want %v", got, err, want)
	}
}

// wantStatus asks over new connections, so that several workers answer.
func wantStatus(t *testing.T, method, url string, want int) {
	t.Helper()
	for range 20 {
		req, err := http.NewRequestWithContext(within(t), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := fresh.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != want {
			t.Fatalf("%s %s: got status %d and %v, want %d", method, url, res.StatusCode, err, want)
		}
	}
}

func TestSetBackup_IsInForceForTheVeryNextRequest(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	workers := r.workers(t)
	if !r.proxy.SupportsBackup() {
		t.Error("there can be no backup")
	}
	r.wantBackup(t, false)
	r.stacks[deploy.Blue].kill(t)
	for range 3 {
		wantStatus(t, http.MethodGet, r.nginx.URL(), http.StatusBadGateway)
		r.setBackup(t, true)
		r.wantTraffic(t, deploy.Green)
		r.wantLive(t, deploy.Blue)
		r.setBackup(t, true) // again is no error
		r.setBackup(t, false)
	}
	if got := r.workers(t); got != workers {
		t.Errorf("workers before: %s, after: %s; want no reload", workers, got)
	}
}

func TestSetBackup_SurvivesTheAgentAndNginx(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.setBackup(t, true)
	if err := errors.Join(r.nginx.Kill(within(t)), r.nginx.Start(within(t))); err != nil {
		t.Fatal(err)
	}
	r.restart(t)
	r.prepare(t)
	r.wantBackup(t, true)
	r.setBackup(t, false)
}

func TestBackup_AnswersOnlyWhatTheLiveStackCannot(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.setBackup(t, true)
	r.wantTraffic(t, deploy.Blue)
	if n := r.stacks[deploy.Green].connections.Load(); n != 0 {
		t.Errorf("the backup got %d connections while the live stack answered", n)
	}
	r.flip(t, deploy.Green)
	r.wantTraffic(t, deploy.Green)
	r.stacks[deploy.Green].kill(t)
	r.wantTraffic(t, deploy.Blue)
	r.stacks[deploy.Green].start(t)
	tb.Until(t, patience, "the live stack to answer again", func() error {
		if got := get(t, r.nginx.URL()); got != "green" {
			return errors.New(got)
		}
		return nil
	})
}

// killUnderLoad kills and revives the live stack a few times while clients ask.
func (r *rig) killUnderLoad(t *testing.T, l *load) {
	t.Helper()
	blue := r.stacks[deploy.Blue]
	answers := func() {
		t.Helper()
		before := l.answered.Load() + l.failed.Load()
		tb.Until(t, patience, "more answers", func() error {
			if n := l.answered.Load() + l.failed.Load() - before; n < 500 {
				return fmt.Errorf("%d answers", n)
			}
			return nil
		})
	}
	for range 5 {
		answers()
		blue.kill(t)
		answers()
		blue.start(t)
		tb.Until(t, patience, "the revived stack to answer", func() error {
			if got := get(t, r.nginx.URL()); got != "blue" {
				return errors.New(got)
			}
			return nil
		})
	}
	l.stop()
	t.Logf("%d requests, %d failed", l.answered.Load()+l.failed.Load(), l.failed.Load())
}

func TestBackup_IdempotentLosesNoGETWhenTheLiveStackIsKilled(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.setBackup(t, true)
	load := startLoadOf(t, r.nginx.URL(), 32, onlyGETs)
	r.killUnderLoad(t, load)
	if n := load.failed.Load(); n != 0 {
		t.Errorf("%d of %d GETs failed, the first with: %v", n, load.answered.Load()+n, load.first.Load())
	}
}

func TestBackup_AllLosesNoPOSTEither(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.app.Standby.Backup = deploy.BackupAll
	r.prepare(t)
	r.setBackup(t, true)
	load := startLoadOf(t, r.nginx.URL(), 32, onlyPOSTs)
	r.killUnderLoad(t, load)
	if n := load.failed.Load(); n != 0 {
		t.Errorf("%d of %d POSTs failed, the first with: %v", n, load.answered.Load()+n, load.first.Load())
	}
}

func TestBackup_WithoutOneRequestsFail(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	load := startLoad(t, r.nginx.URL(), 32)
	r.killUnderLoad(t, load)
	if load.failed.Load() == 0 {
		t.Error("nothing failed, so the tests with a backup show nothing")
	}
}

func TestBackup_APOSTThatTheLiveStackMayHaveBegunIsRepeatedOnlyWithAll(t *testing.T) {
	for backup, want := range map[deploy.BackupPolicy]struct {
		status int
		asked  bool
	}{
		deploy.BackupIdempotent: {http.StatusBadGateway, false},
		deploy.BackupAll:        {http.StatusOK, true},
	} {
		r := newRig(t, rigOptions{server: `include %DIR%/shop.server; location / { proxy_pass http://$shop_api; }`})
		r.app.Standby.Backup = backup
		r.prepare(t)
		r.setBackup(t, true)
		dying := r.stacks[deploy.Blue]
		dying.server.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		res, err := fresh.Post(r.nginx.URL(), "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != want.status {
			t.Errorf("%s: got status %d and %v, want %d", backup, res.StatusCode, err, want.status)
		}
		if asked := r.stacks[deploy.Green].last.Load() != nil; asked != want.asked {
			t.Errorf("%s: the backup was asked: %v, want %v", backup, asked, want.asked)
		}
	}
}

func TestBackup_UpgradeGoesToTheBackupToo(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.setBackup(t, true)
	r.stacks[deploy.Blue].kill(t)
	dialUpgraded(t, r.nginx.Addr()).want(t, "hello", "green hello")
}

func TestBackup_WhereThereCanBeNoneArmingIsRefused(t *testing.T) {
	for name, o := range map[string]struct {
		mode   string
		backup deploy.BackupPolicy
	}{
		"reload": {nginx.SwitchReload, deploy.BackupIdempotent},
		"off":    {nginx.SwitchFlip, deploy.BackupOff},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{mode: o.mode})
			r.app.Standby.Backup = o.backup
			r.prepare(t)
			if got, want := r.proxy.SupportsBackup(), o.mode == nginx.SwitchFlip; got != want {
				t.Errorf("SupportsBackup: got %v, want %v", got, want)
			}
			if err := r.proxy.SetBackup(t.Context(), r.app, true); err == nil {
				t.Error("there is a backup")
			}
			r.setBackup(t, false)
		})
	}
}

func TestBackup_ThatWasSwitchedOffIsNotArmedWhenItIsSwitchedOn(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.setBackup(t, true)
	r.app.Standby.Backup = deploy.BackupOff
	r.prepare(t)
	r.wantBackup(t, false)
	r.app.Standby.Backup = deploy.BackupIdempotent
	r.prepare(t)
	r.wantBackup(t, false)
	if _, err := os.Stat(filepath.Join(r.dir, "live", "shop.backup")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the flag is there: %v", err)
	}
}

func TestSetBackup_TellsWhenNginxCannotSeeTheFlag(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	if err := os.Chmod(filepath.Join(r.dir, "live"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantReason(t, r.proxy.SetBackup(t.Context(), r.app, true), deploy.NginxBroken, "goes on answering blue", r.dir+"/live")
}

func TestBackup_RouteOfThatNameIsARouteLikeAnyOther(t *testing.T) {
	server := "include %DIR%/shop.server;"
	var routes []deploy.Route
	for _, name := range []string{"color", "backup", "probe", "ws"} {
		server += "location /" + name + " { proxy_pass http://" + nginx.Variable("shop", name) + "; }"
		routes = append(routes, deploy.Route{Name: name, Service: name})
	}
	r := newRig(t, rigOptions{bare: true})
	for i := range routes {
		routes[i].Ports, routes[i].Access = r.app.Routes[0].Ports, r.app.Routes[0].Access
	}
	r.app.Routes = routes
	r.write(t)
	r.configure(t, siteOf(server))
	r.prepare(t)
	for _, backupOn := range []bool{true, false} {
		r.setBackup(t, backupOn)
		for _, route := range routes {
			if got := get(t, r.nginx.URL()+"/"+route.Name); got != "blue" {
				t.Errorf("backup %v, route %s: got %q, want blue", backupOn, route.Name, got)
			}
		}
	}
}
