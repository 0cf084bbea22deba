package nginx_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/testbed"
	"tandem/reconciler"
)

// writeAsBefore leaves what the version before spares generated, for this rig's
// directory and ports.
func (r *rig) writeAsBefore(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "before-spares.txt"))
	if err != nil {
		t.Fatal(err)
	}
	ports := r.app.Routes[0].Ports
	text := strings.NewReplacer("/etc/nginx/tandem", r.dir, "127.0.0.1:8485", r.options.Confirm,
		"127.0.0.1:3001", fmt.Sprintf("127.0.0.1:%d", ports.Blue), "127.0.0.1:3002", fmt.Sprintf("127.0.0.1:%d", ports.Green)).Replace(string(data))
	for _, part := range strings.Split(text, "==> ")[1:] {
		name, content, ok := strings.Cut(part, " <==\n")
		if !ok {
			t.Fatalf("no file: %q", part)
		}
		r.overwrite(t, name, strings.TrimSuffix(content, "\n"))
	}
}

func TestPrepare_TakesOverFromTheVersionBeforeWithoutLosingTheColor(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.write(t) // makes the directories
	r.writeAsBefore(t)
	if strings.Contains(r.file(t, "shop.conf"), "_spare") {
		t.Fatal("these are not the files of before")
	}
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: usualServer})
	r.overwrite(t, "live/shop.green", "")
	if err := r.nginx.ReloadAndWait(within(t)); err != nil {
		t.Fatal(err)
	}
	r.restart(t)
	r.wantLive(t, reconciler.Green)
	r.wantArmed(t, false)
	if got := r.proxy.Visit(t.Context(), r.app, r.route("/health")); got.Err == nil {
		t.Errorf("the files of before lead a visit: %+v", got)
	}
	socket := dialUpgraded(t, r.nginx.Addr())
	r.prepare(t)
	r.wantLive(t, reconciler.Green)
	r.wantTraffic(t, reconciler.Green)
	socket.want(t, "still", "green still")
	r.wantVisit(t, "/health", http.StatusOK)
	r.arm(t, true)
	r.flip(t, reconciler.Blue)
	r.wantTraffic(t, reconciler.Blue)
}
