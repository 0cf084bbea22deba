package nginx_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// reloads counts how often Nginx was told to load its configuration.
func (r *rig) reloads(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.nginx.Dir, "error.log"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(data), "(SIGHUP) received")
}

// prepareTogether prepares the apps: the others come while the first is being tested.
func (r *rig) prepareTogether(t *testing.T, apps ...deploy.App) []error {
	t.Helper()
	started, end := r.stall(t, "-T")
	errs := make([]error, len(apps))
	done := make(chan int)
	for i, app := range apps {
		go func() {
			_, errs[i] = r.proxy.Prepare(t.Context(), app)
			done <- i
		}()
		if i == 0 {
			started()
		}
		tb.Until(t, patience, "an app to wait", func() error {
			if got := r.proxy.Waiting(); got != i {
				return fmt.Errorf("there are %d", got)
			}
			return nil
		})
	}
	end()
	for range apps {
		<-done
	}
	return errs
}

// several are apps of a rig whose server block serves all there are.
func several(t *testing.T, n int) (*rig, []deploy.App) {
	t.Helper()
	r := newRig(t, rigOptions{server: "include %DIR%/tandem.server;\nlocation / { proxy_pass http://$shop_api; }"})
	r.prepare(t)
	var apps []deploy.App
	for i := range n {
		apps = append(apps, appWith(fmt.Sprintf("app%d", i), r.app.Routes...))
	}
	return r, apps
}

func TestPrepare_AppsThatComeTogetherAreOneReload(t *testing.T) {
	r, apps := several(t, 5)
	before := r.reloads(t)
	for i, err := range r.prepareTogether(t, apps...) {
		if err != nil {
			t.Errorf("%s: %v", apps[i].Name, err)
		}
	}
	if got := r.reloads(t) - before; got != 1 {
		t.Errorf("Nginx was reloaded %d times", got)
	}
	for _, r.app = range apps {
		r.wantLive(t, deploy.Blue)
		r.flip(t, deploy.Green)
	}
}

func TestPrepare_AnAppThatNginxRefusesTakesNoneOfTheOthersWithIt(t *testing.T) {
	r, apps := several(t, 4)
	bad := &apps[2]
	bad.Routes[0].Ports.Green = 70000 // no port
	for i, err := range r.prepareTogether(t, apps...) {
		switch {
		case i == 2:
			wantReason(t, err, deploy.NginxBroken, "invalid port", bad.Name+".conf")
		case err != nil:
			t.Errorf("%s: %v", apps[i].Name, err)
		}
	}
	if err := r.nginx.Test(t.Context()); err != nil {
		t.Error(err)
	}
	for i := range apps {
		if r.app = apps[i]; i != 2 {
			r.wantLive(t, deploy.Blue)
		}
	}
}
