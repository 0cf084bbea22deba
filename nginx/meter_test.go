package nginx_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// wantTally waits for what the meter has to say: Nginx logs after the answer.
func (r *rig) wantTally(t *testing.T, c deploy.Color, want deploy.Traffic) {
	t.Helper()
	tb.Until(t, patience, fmt.Sprintf("the traffic of %s of %s to be %+v", r.app.Name, c, want), func() error {
		got, err := r.proxy.Traffic(t.Context(), r.app, c, time.Now().Add(-time.Hour))
		if got.P95 = 0; err != nil || got != want {
			return fmt.Errorf("it is %+v: %w", got, err)
		}
		return nil
	})
}

func TestTraffic_CountsPeoplesRequestsByColorAndProbesApart(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.wantTally(t, deploy.Blue, deploy.Traffic{})
	get(t, r.nginx.URL()+"/a")
	get(t, r.nginx.URL()+"/broken")
	r.wantProbe(t, "/broken", http.StatusInternalServerError)
	r.flip(t, deploy.Green)
	get(t, r.nginx.URL()+"/b")
	r.wantProbe(t, "/health", http.StatusOK)
	r.wantProbe(t, "/health", http.StatusOK)
	for range 2 { // each line counts once
		r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 2, Errors: 1, Probes: 1})
		r.wantTally(t, deploy.Green, deploy.Traffic{Requests: 1, Probes: 2})
	}
	r.restart(t)
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 2, Errors: 1, Probes: 1})
}

func TestTraffic_ADeadStackIsAnErrorAndABackupIsNone(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.stacks[deploy.Blue].kill(t)
	get(t, r.nginx.URL())
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 1, Errors: 1})
	r.setBackup(t, true)
	get(t, r.nginx.URL())
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 2, Errors: 1})
}

func TestTraffic_KnowsWhichOfTheAppsInAServerBlockWasAsked(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	pear := appWith("pear", deploy.Route{Name: "web", Ports: r.app.Routes[0].Ports})
	for _, app := range []deploy.App{r.app, pear} {
		r.app = app
		r.write(t)
	}
	r.configure(t, siteOf(`include %DIR%/tandem.server; location / { return 503; }
location /shop { proxy_pass http://$shop_api; }
location /pear { proxy_pass http://$pear_web/broken; }`))
	r.prepare(t)
	for range 3 {
		get(t, r.nginx.URL()+"/pear")
	}
	get(t, r.nginx.URL()+"/shop")
	get(t, r.nginx.URL()+"/nobody")
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 3, Errors: 3})
	r.app.Name = "shop"
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 1})
}

func TestTraffic_FollowsARotationWhileOldWorkersStillWrite(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	log := filepath.Join(r.dir, "log", "shop.access.log")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	ask := func() {
		t.Helper()
		get(t, r.nginx.URL())
		total++
	}
	for n := range 3 {
		ask()
		r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: total})
		ask() // not read before it is renamed
		must(os.Rename(log, fmt.Sprintf("%s.%d", log, n)))
		ask()
		must(os.WriteFile(log, nil, 0o666)) // as logrotate's "create" does
		must(os.Chmod(log, 0o666))
		r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: total})
		ask() // still into the renamed one
		r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: total})
		r.reopen(t)
		tb.Until(t, patience, "the new log to be written", func() error {
			ask()
			if info, err := os.Stat(log); err != nil || info.Size() == 0 {
				return fmt.Errorf("it is not: %w", err)
			}
			return nil
		})
		r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: total})
	}
}

// The file for logrotate is for the defaults; here its script rotates the rig's logs.
func TestGuide_TheRotationOfTheLogLosesNoRequest(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "docs", "tandem.logrotate"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, rigOptions{})
	r.prepare(t)
	file := strings.NewReplacer("/etc/nginx/tandem", r.dir, "/run/nginx.pid", filepath.Join(r.nginx.Dir, "nginx.pid")).Replace(string(data))
	parts := regexp.MustCompile(`(?ms)^(/\S+) \{$.*?^\tpostrotate\n(.*)^\tendscript$`).FindStringSubmatch(file)
	if parts == nil {
		t.Fatalf("no path and no script in %s", file)
	}
	log := filepath.Join(r.dir, "log", "shop.access.log")
	if logs, err := filepath.Glob(parts[1]); err != nil || !slices.Equal(logs, []string{log}) {
		t.Errorf("%s are rotated, %v, want %s", logs, err, log)
	}
	for _, want := range []string{"rotate 7", "maxsize 256M", "delaycompress", "create"} {
		if !strings.Contains(file, "\n\t"+want+"\n") {
			t.Errorf("it has no line %q", want)
		}
	}
	get(t, r.nginx.URL())
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 1})
	get(t, r.nginx.URL()) // not read before the log is renamed
	if err := errors.Join(os.Rename(log, log+".1"), os.WriteFile(log, nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(within(t), "sh", "-c", parts[2]).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	total := 2
	tb.Until(t, patience, "the new log to be written", func() error {
		get(t, r.nginx.URL())
		total++
		if info, err := os.Stat(log); err != nil || info.Size() == 0 {
			return fmt.Errorf("it is not: %w", err)
		}
		return nil
	})
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: total})
}

func TestTraffic_FollowsALogThatIsEmptiedInPlace(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	log := filepath.Join(r.dir, "log", "shop.access.log")
	get(t, r.nginx.URL())
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 1})
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	// Before the next look it is longer than it was.
	for range 3 {
		get(t, r.nginx.URL())
	}
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 4})
}

func TestTraffic_AMissingLogIsAnError(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	get(t, r.nginx.URL())
	r.wantTally(t, deploy.Blue, deploy.Traffic{Requests: 1})
	if err := os.Remove(filepath.Join(r.dir, "log", "shop.access.log")); err != nil {
		t.Fatal(err)
	}
	if got, err := r.proxy.Traffic(t.Context(), r.app, deploy.Blue, time.Time{}); err == nil {
		t.Errorf("got %+v, want an error", got)
	}
}
