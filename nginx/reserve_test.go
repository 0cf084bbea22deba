package nginx_test

import (
	"os"
	"path/filepath"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/reconciler/deploy"
)

// TestReserve_LetsASiteBeLoadedThatIncludesAnAppThatCannotRunYet has a site that names
// files which nobody wrote: Nginx would not start with it.
func TestReserve_LetsASiteBeLoadedThatIncludesAnAppThatCannotRunYet(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.grant(deploy.AccessClosed, deploy.AccessClosed)
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\n", Server: usualServer})
	for range 2 {
		if err := r.proxy.Reserve(t.Context(), r.app); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.proxy.Live(t.Context(), r.app); !isReason(err, deploy.NginxAway) {
		t.Errorf("%v, want that nothing of it is loaded", err)
	}
	r.prepare(t) // tests and loads it
	r.wantNobody(t)
}

func TestReserve_TakesBackWhatNginxWouldNotLoad(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\nworking nonsense;", Server: usualServer})
	if err := r.proxy.Reserve(t.Context(), r.app); err == nil {
		t.Error("a configuration that is broken was accepted")
	}
	left, err := filepath.Glob(filepath.Join(r.dir, "shop.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
}

func TestReserve_LeavesWhatIsThere(t *testing.T) {
	r := newRig(t, rigOptions{})
	changed := r.file(t, "shop.server") + "# changed\n"
	if err := os.Remove(filepath.Join(r.dir, "shop.vars")); err != nil {
		t.Fatal(err)
	}
	r.overwrite(t, "shop.server", changed)
	if err := r.proxy.Reserve(t.Context(), r.app); err != nil {
		t.Fatal(err)
	}
	if got := r.file(t, "shop.server"); got != changed {
		t.Errorf("shop.server was written again: %q", got)
	}
	r.file(t, "shop.vars") // fails where there is none
}
