package nginx_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

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
