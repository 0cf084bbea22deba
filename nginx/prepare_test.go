package nginx_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
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

// usesBackup is of a site that uses what is not there where the app has no backup.
const usesBackup = "\nadd_header Backup $tandem_backup_shop;\n"

func TestPrepare_RefusedByNginxPutsEveryFileBackAndTellsItsWords(t *testing.T) {
	r := newRig(t, rigOptions{server: usualServer + usesBackup})
	r.prepare(t)
	before := r.snapshot(t)
	workers := r.workers(t)
	changed := r.app
	changed.Standby.Backup = deploy.BackupOff
	_, err := r.proxy.Prepare(t.Context(), changed)
	wantReason(t, err, deploy.NginxBroken, `unknown "tandem_backup_shop" variable`, r.nginx.Dir+"/nginx.conf:", strings.TrimSpace(usesBackup))
	if diff := cmp.Diff(before, r.snapshot(t)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
	if err := r.nginx.Test(t.Context()); err != nil {
		t.Errorf("nginx could not be started again: %v", err)
	}

	// A new app's files are removed, not emptied.
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\nworking nonsense;", Server: usualServer})
	_, err = r.proxy.Prepare(t.Context(), appWith("other", r.app.Routes...))
	wantReason(t, err, deploy.NginxBroken, `[emerg] unknown directive "working"`)
	if _, again := r.proxy.Prepare(t.Context(), appWith("other", r.app.Routes...)); again == nil || again.Error() != err.Error() {
		t.Errorf("the same fault reads %q and then %q", err, again)
	}
	if diff := cmp.Diff(before, r.snapshot(t)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
	if got := r.workers(t); got != workers {
		t.Errorf("workers before: %s, after: %s; want no reload", workers, got)
	}
	r.prepare(t)
	r.wantTraffic(t, deploy.Blue)
}

func TestPrepare_PutsBackWhatAKilledProcessLeftUntested(t *testing.T) {
	r := newRig(t, rigOptions{server: usualServer + usesBackup})
	r.prepare(t)
	before := r.snapshot(t)
	// The configuration lacks a variable once the app has no backup any more. The
	// process is killed at the moment at which it would be told so.
	killed := exec.CommandContext(within(t), os.Args[0])
	killed.Env = append(os.Environ(), "CRASH_DIR="+r.dir, "CRASH_CONFIRM="+r.options.Confirm,
		"CRASH_COMMAND="+r.script(t, `[ "$1" != -T ] || kill -9 $PPID`))
	if out, err := killed.CombinedOutput(); err == nil {
		t.Fatalf("it was not killed: %s", out)
	}
	if diff := cmp.Diff(before, r.snapshot(t)); diff == "" {
		t.Fatal("it was killed before it changed a file")
	}
	if err := r.nginx.Test(t.Context()); err == nil {
		t.Fatal("the files that it left are no worse than before")
	}
	r.restart(t)
	if _, err := r.proxy.Prepare(t.Context(), appWith("other", r.app.Routes...)); err != nil && !isReason(err, deploy.NotIncluded) {
		t.Errorf("prepare another app: %v", err)
	}
	if err := r.nginx.Test(t.Context()); err != nil {
		t.Errorf("nginx could not be started again: %v", err)
	}
	if got := r.snapshot(t)["shop.vars"]; got != before["shop.vars"] {
		t.Errorf("shop.vars is %q", got)
	}
}

// prepareAndBeKilled is the program that the test above runs.
func prepareAndBeKilled() {
	p, err := nginx.New(nginx.Options{Dir: os.Getenv("CRASH_DIR"), Confirm: os.Getenv("CRASH_CONFIRM"), Command: os.Getenv("CRASH_COMMAND")})
	if err == nil {
		_, err = p.Prepare(context.Background(), deploy.App{Name: "shop", Routes: []deploy.Route{{Name: "api", Ports: deploy.Ports{Blue: 1, Green: 2}}}})
	}
	fmt.Println("still alive:", err)
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

func TestPrepare_RefusesAFileThatSomebodyElseWrote(t *testing.T) {
	for _, name := range []string{"tandem.conf", "shop.conf", "shop.server"} {
		r := newRig(t, rigOptions{})
		r.overwrite(t, name, "# mine\n")
		before := r.snapshot(t)
		_, err := r.proxy.Prepare(t.Context(), r.app)
		wantReason(t, err, deploy.ForeignFile, filepath.Join(r.dir, name))
		if diff := cmp.Diff(before, r.snapshot(t)); diff != "" {
			t.Errorf("%s: files changed (-before +after):\n%s", name, diff)
		}
	}
}

func TestPrepare_RepairsAndNamesWhatSomebodyElseChanged(t *testing.T) {
	r := newRig(t, rigOptions{})
	if got := r.prepare(t); len(got) != 0 {
		t.Errorf("repaired %v of our own", got)
	}
	before := r.snapshot(t)
	r.overwrite(t, "shop.conf", strings.ReplaceAll(before["shop.conf"], "127.0.0.1", "127.0.0.2"))
	r.overwrite(t, "shop.server", "")
	if err := os.Remove(filepath.Join(r.dir, "shop.vars")); err != nil {
		t.Fatal(err)
	}
	got := r.prepare(t)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"shop.conf", "shop.server", "shop.vars"}, got); diff != "" {
		t.Errorf("repaired (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, r.snapshot(t)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
	if got := r.prepare(t); len(got) != 0 {
		t.Errorf("repaired %v again", got)
	}
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	if got := r.prepare(t); len(got) != 7 {
		t.Errorf("repaired %v, want all seven files", got)
	}
	r.wantTraffic(t, deploy.Blue)
}

// The files say what they were when they were written.
func TestPrepare_NamesWhatWasChangedWhileNoAgentRan(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	before := r.snapshot(t)
	r.restart(t)
	if got := r.prepare(t); len(got) != 0 {
		t.Errorf("repaired %v of what the process before left", got)
	}
	r.overwrite(t, "shop.conf", before["shop.conf"]+"# a quick fix\n")
	if err := os.Remove(filepath.Join(r.dir, "shop.server")); err != nil {
		t.Fatal(err)
	}
	r.restart(t)
	got := r.prepare(t)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"shop.conf", "shop.server"}, got); diff != "" {
		t.Errorf("repaired (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, r.snapshot(t)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
	// What the process before wrote for other ports was changed by nobody.
	r.restart(t)
	r.app.Routes[0].Ports.Blue++
	if got := r.prepare(t); len(got) != 0 {
		t.Errorf("repaired %v where the commit has other ports", got)
	}
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

func TestPrepare_SeveralAppsShareAServerBlock(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	pear, shop := r.app, r.app
	pear.Name = "my-pear"
	pear.Routes = []deploy.Route{{Name: "a-b", Ports: deploy.Ports{Blue: r.app.Routes[0].Ports.Blue, Green: r.app.Routes[0].Ports.Green}, Access: r.app.Routes[0].Access}}
	for _, app := range []deploy.App{shop, pear} {
		if _, err := r.proxy.Prepare(t.Context(), app); !isReason(err, deploy.NotIncluded) {
			t.Fatal(err)
		}
	}
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: `include %DIR%/tandem.server;
location /shop { proxy_pass http://$shop_api; }
location /pear { proxy_pass http://` + nginx.Variable("my-pear", "a-b") + `; }`})
	for _, app := range []deploy.App{shop, pear} {
		if _, err := r.proxy.Prepare(t.Context(), app); err != nil {
			t.Fatal(err)
		}
	}
	r.app = pear
	r.flip(t, deploy.Green)
	if shop, pear := get(t, r.nginx.URL()+"/shop"), get(t, r.nginx.URL()+"/pear"); shop != "blue" || pear != "green" {
		t.Errorf("shop is %s and pear %s, want blue and green", shop, pear)
	}
	r.app = shop
	r.wantLive(t, deploy.Blue)
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
