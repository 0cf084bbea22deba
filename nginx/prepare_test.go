package nginx_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// script makes a program that runs the shell lines and then Nginx with the
// arguments that it was given.
func (r *rig) script(t *testing.T, lines string) (command string) {
	t.Helper()
	path := filepath.Join(tb.Dir(t), "nginx.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines+"\nexec "+r.nginx.Command()+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// count replaces the Proxy by one that runs Nginx's program through a script,
// and returns a function that tells how it was called since.
func (r *rig) count(t *testing.T) (calls func() string) {
	t.Helper()
	log := filepath.Join(tb.Dir(t), "calls")
	r.options.Command = r.script(t, `echo "$@" >>`+log)
	r.restart(t)
	return func() string {
		data, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.RemoveAll(log); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(data)), " ")
	}
}

func TestPrepare_RunsNginxOnlyWhenSomethingChanged(t *testing.T) {
	r := newRig(t, rigOptions{})
	calls := r.count(t)
	r.prepare(t)
	if got := calls(); got != "-V -T -s reload" {
		t.Errorf("first: ran nginx with %q", got)
	}
	r.prepare(t)
	r.flip(t, deploy.Green)
	r.prepare(t)
	if got := calls(); got != "" {
		t.Errorf("unchanged: ran nginx with %q", got)
	}
	r.restart(t)
	r.prepare(t)
	if got := calls(); got != "-V -T" {
		t.Errorf("new process, unchanged: ran nginx with %q, want a look and no reload", got)
	}
	r.wantTraffic(t, deploy.Green)
}

// Angie is made from Nginx, and its own number says nothing of what it can do.
func TestPrepare_AProgramWithANameOfItsOwnIsAskedWhichNginxItIs(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.options.Command = r.script(t, `case $1 in
-v) echo "Angie version: Angie/1.11.3" >&2; exit;;
-V) printf "Angie version: Angie/1.11.3\nnginx version: nginx/1.29.3\nbuilt by gcc\n" >&2; exit;;
esac`)
	r.restart(t)
	r.prepare(t)
	r.flip(t, deploy.Green)
	r.wantTraffic(t, deploy.Green)
}

// Reading the whole configuration takes a second where there are hundreds of apps.
func TestPrepare_AppsThatStartTogetherReadTheConfigurationTogether(t *testing.T) {
	r := newRig(t, rigOptions{server: "include %DIR%/tandem.serve[r];\nlocation / { proxy_pass http://$shop_api; }"})
	apps := []deploy.App{r.app}
	for i := range 7 {
		apps = append(apps, appWith(fmt.Sprintf("shop-%d", i), r.app.Routes...))
	}
	for _, app := range apps {
		if _, err := r.proxy.Prepare(t.Context(), app); err != nil {
			t.Fatal(err)
		}
	}
	dir := tb.Dir(t)
	r.options.Command = r.script(t, fmt.Sprintf(`if [ "$1" = -T ]; then echo >>%[1]s/looks; while [ ! -e %[1]s/go ]; do sleep 0.02; done; fi`, dir))
	r.restart(t)
	asking, answers := make(chan struct{}), make(chan error)
	for _, app := range apps {
		go func() {
			asking <- struct{}{}
			_, err := r.proxy.Prepare(t.Context(), app)
			answers <- err
		}()
	}
	for range apps {
		<-asking
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for range apps {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	looks, err := os.ReadFile(filepath.Join(dir, "looks"))
	if n := len(looks); err != nil || n == 0 || n > len(apps)/2 {
		t.Errorf("the configuration was read %d times for %d apps, %v", n, len(apps), err)
	}
}

func TestPrepare_NamesTheMissingLineAndLoadsOnceItIsThere(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	httpLine, serverLine, err := r.proxy.IncludeLines(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	calls := r.count(t)
	_, err = r.proxy.Prepare(t.Context(), r.app)
	wantReason(t, err, deploy.NotIncluded, httpLine, "http block")
	_, err = r.proxy.Prepare(t.Context(), r.app)
	wantReason(t, err, deploy.NotIncluded, httpLine)
	if got := calls(); strings.Contains(got, "reload") {
		t.Errorf("ran nginx with %q, want no reload while nothing includes the files", got)
	}

	r.configure(t, testbed.NginxConfig{HTTP: httpLine})
	for range 2 {
		_, err = r.proxy.Prepare(t.Context(), r.app)
		wantReason(t, err, deploy.NotIncluded, serverLine, "server block", "$shop_")
	}
	if got := calls(); strings.Count(got, "reload") != 1 {
		t.Errorf("ran nginx with %q, want one reload", got)
	}

	r.configure(t, testbed.NginxConfig{HTTP: httpLine, Server: serverLine + "location / { proxy_pass http://$shop_api; }"})
	r.prepare(t)
	r.wantTraffic(t, deploy.Blue)
	calls()
	r.prepare(t)
	if got := calls(); got != "" {
		t.Errorf("ran nginx with %q once all was well", got)
	}
}

func TestPrepare_BrokenUserConfigurationStopsNothingThatIsLoaded(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	workers := r.workers(t)
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\nworking nonsense;", Server: usualServer})
	for _, restarted := range []bool{false, true} {
		if restarted {
			r.restart(t)
		}
		r.prepare(t)
		r.flip(t, deploy.Green)
		r.wantTraffic(t, deploy.Green)
		r.flip(t, deploy.Blue)
		r.wantTraffic(t, deploy.Blue)
	}
	if got := r.workers(t); got != workers {
		t.Errorf("workers before: %s, after: %s; want no reload", workers, got)
	}
}

func TestPrepare_DeadNginxIsToldAndItsFilesWaitForIt(t *testing.T) {
	r := newRig(t, rigOptions{})
	if err := r.nginx.Kill(within(t)); err != nil {
		t.Fatal(err)
	}
	r.app.Routes[0].Ports.Blue, r.app.Routes[0].Ports.Green = r.app.Routes[0].Ports.Green, r.app.Routes[0].Ports.Blue
	_, err := r.proxy.Prepare(t.Context(), r.app)
	wantReason(t, err, deploy.NginxAway)
	_, err = r.proxy.Live(t.Context(), r.app)
	wantReason(t, err, deploy.NginxAway, "not running")
	wantReason(t, r.proxy.Confirm(t.Context(), r.app, deploy.Blue), deploy.NginxAway)
	if err := r.nginx.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	calls := r.count(t)
	r.prepare(t)
	if got := calls(); strings.Contains(got, "reload") {
		t.Errorf("ran nginx with %q though it was started with these very files", got)
	}
	r.wantTraffic(t, deploy.Green) // which has blue's port now
}

func TestPrepare_NewPortsAreInForceWhenItReturns(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	moved := newStack(t, deploy.Blue)
	r.app.Routes[0].Ports.Blue = moved.port
	r.prepare(t)
	r.wantTraffic(t, deploy.Blue)
	if moved.connections.Load() == 0 {
		t.Error("nobody asked at the new port")
	}
}

func TestPrepare_TakenConfirmAddressIsTold(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.options.Confirm = fmt.Sprintf("127.0.0.1:%d", r.stacks[deploy.Blue].port)
	r.restart(t)
	_, err := r.proxy.Live(t.Context(), r.app)
	wantReason(t, err, deploy.NotIncluded, "nginx.confirm")
}

// reopen makes Nginx open its logs anew, as a rotation does.
func (r *rig) reopen(t *testing.T) {
	t.Helper()
	argv := append(strings.Fields(r.nginx.Command()), "-s", "reopen")
	if out, err := exec.CommandContext(within(t), argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("reopen: %v\n%s", err, out)
	}
}

func TestPrepare_CancelledChangesNothing(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.proxy.Prepare(ctx, r.app); !errors.Is(err, ctx.Err()) {
		t.Errorf("Prepare: %v", err)
	}
	if err := r.proxy.Flip(ctx, r.app, deploy.Green); !errors.Is(err, ctx.Err()) {
		t.Errorf("Flip: %v", err)
	}
	if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
}

// snapshot is every generated file and flag.
func (r *rig) snapshot(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || strings.Contains(path, "/log/") {
			return err
		}
		name, err := filepath.Rel(r.dir, path)
		files[name] = r.file(t, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
