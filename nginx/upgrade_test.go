package nginx_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed"
	"tandem/internal/lib/atomicfile"
	"tandem/reconciler/deploy"
)

// writeAsBefore leaves what an older version generated for the app, with this rig's
// directory and ports.
func (r *rig) writeAsBefore(t *testing.T, version, app string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", version))
	if err != nil {
		t.Fatal(err)
	}
	ports := r.app.Routes[0].Ports
	text := strings.NewReplacer("/etc/nginx/tandem", r.dir, "shop", app, "127.0.0.1:8485", r.options.Confirm,
		"127.0.0.1:3001", fmt.Sprintf("127.0.0.1:%d", ports.Blue), "127.0.0.1:3002", fmt.Sprintf("127.0.0.1:%d", ports.Green)).Replace(string(data))
	for _, part := range strings.Split(text, "==> ")[1:] {
		name, content, ok := strings.Cut(part, " <==\n")
		if !ok {
			t.Fatalf("no file: %q", part)
		}
		r.overwrite(t, name, strings.TrimSuffix(content, "\n"))
	}
}

// makeDirs makes the directories of an agent that has run.
func (r *rig) makeDirs(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"live", "log"} {
		if err := os.MkdirAll(filepath.Join(r.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPrepare_TakesOverFromTheVersionBeforeWithoutLosingTheColor(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.makeDirs(t)
	r.writeAsBefore(t, "before-backups.txt", "shop")
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: usualServer})
	r.overwrite(t, "live/shop.green", "")
	if err := r.nginx.ReloadAndWait(within(t)); err != nil {
		t.Fatal(err)
	}
	r.restart(t)
	r.wantLive(t, deploy.Green)
	r.wantBackup(t, false)
	if got := r.proxy.ProbeLive(t.Context(), r.app, r.route("/health")); got.Err == nil {
		t.Errorf("the files of before lead a probe: %+v", got)
	}
	socket := dialUpgraded(t, r.nginx.Addr())
	r.prepare(t)
	r.wantLive(t, deploy.Green)
	r.wantTraffic(t, deploy.Green)
	socket.want(t, "still", "green still")
	r.wantProbe(t, "/health", http.StatusOK)
	r.setBackup(t, true)
	r.flip(t, deploy.Blue)
	r.wantTraffic(t, deploy.Blue)
}

// TestPrepare_NginxCanBeStartedAtEveryMomentOfAnUpdate has two apps with the files of a
// version whose log formats are in the files at http level. They are replaced one by one,
// and put back one by one; the machine may lose power at any moment.
func TestPrepare_NginxCanBeStartedAtEveryMomentOfAnUpdate(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.makeDirs(t)
	shop, pear := r.app, r.app
	pear.Name = "pear"
	for _, app := range []deploy.App{shop, pear} {
		r.writeAsBefore(t, "before-formats.txt", app.Name)
	}
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: `include %DIR%/tandem.server;
location / { proxy_pass http://$shop_api; }
location /pear { proxy_pass http://$pear_api; }`})
	if err := r.nginx.ReloadAndWait(within(t)); err != nil {
		t.Fatal(err)
	}
	r.wantTraffic(t, deploy.Blue)
	moments := 0
	test := func(after bool, path string) error {
		if moments++; after && filepath.Base(path) != ".untested" {
			if err := r.nginx.Test(within(t)); err != nil {
				t.Errorf("after a change of %s: %v", filepath.Base(path), err)
			}
		}
		return nil
	}
	watched := func(app deploy.App) error {
		before := atomicfile.Interrupt(test)
		defer func() { atomicfile.Interrupt(before) }()
		_, err := r.proxy.Prepare(t.Context(), app)
		return err
	}

	before := r.snapshot(t)
	command := r.options.Command
	r.options.Command = r.script(t, `[ "$1" != -T ] || exit 1`)
	r.restart(t)
	wantReason(t, watched(shop), deploy.NginxBroken)
	if diff := cmp.Diff(before, r.snapshot(t)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}

	r.options.Command = command
	r.restart(t)
	for _, app := range []deploy.App{shop, pear} {
		if err := watched(app); err != nil {
			t.Fatal(err)
		}
	}
	if moments == 0 {
		t.Error("no file was changed")
	}
	if shop, pear := get(t, r.nginx.URL()+"/"), get(t, r.nginx.URL()+"/pear"); shop != "blue" || pear != "blue" {
		t.Errorf("shop is %s and pear is %s, want blue", shop, pear)
	}
}

// An app that waits for something that is in its way is beside apps of an older version.
func TestReserve_GetsTheFilesOfAnOlderVersionToWorkWithTheNew(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.makeDirs(t)
	r.writeAsBefore(t, "before-formats.txt", "shop")
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: usualServer})
	if err := r.nginx.ReloadAndWait(within(t)); err != nil {
		t.Fatal(err)
	}
	r.app.Name = "web"
	r.grant(deploy.AccessClosed, deploy.AccessClosed)
	if err := r.proxy.Reserve(t.Context(), r.app); err != nil {
		t.Fatal(err)
	}
	if err := r.nginx.ReloadAndWait(within(t)); err != nil {
		t.Fatal(err)
	}
	r.wantTraffic(t, deploy.Blue)
}
