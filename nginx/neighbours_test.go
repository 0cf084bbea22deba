package nginx_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// TestPrepare_EveryNameOfAnAppGoesLive has apps whose names sort before and after that of
// tandem's own files, and an Nginx that reads the files in the order of their names and
// in the reverse one.
func TestPrepare_EveryNameOfAnAppGoesLive(t *testing.T) {
	names := []string{"a", "tam", "tang", "web", "z9"}
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		for _, inReverse := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in reverse: %t", mode, inReverse), func(t *testing.T) {
				r := newRig(t, rigOptions{mode: mode, bare: true})
				inHTTP := "include %DIR%/*.conf;"
				if inReverse {
					inHTTP = ""
					for _, name := range slices.Backward(append([]string{"tandem"}, names...)) {
						inHTTP += "include %DIR%/" + name + ".con[f];\n" // one that is not there is no error
					}
				}
				site := "include %DIR%/tandem.serve[r];\n"
				for _, name := range names {
					site += fmt.Sprintf("location /%s { proxy_pass http://%s; }\n", name, nginx.Variable(name, "api"))
				}

				// At first nothing of them can run, and all have their files.
				r.configure(t, testbed.NginxConfig{HTTP: inHTTP})
				r.grant(deploy.AccessClosed, deploy.AccessClosed)
				for _, r.app.Name = range names {
					if err := r.proxy.Reserve(t.Context(), r.app); err != nil {
						t.Fatal(err)
					}
				}
				r.configure(t, testbed.NginxConfig{HTTP: inHTTP, Server: site})
				if err := r.nginx.ReloadAndWait(within(t)); err != nil {
					t.Fatal(err)
				}
				for _, name := range names {
					wantStatus(t, http.MethodGet, r.nginx.URL()+"/"+name, http.StatusBadGateway)
				}

				r.grant(deploy.AccessOpen, deploy.AccessOpen)
				for _, r.app.Name = range names {
					r.prepare(t)
					r.wantProbe(t, "/health", http.StatusOK)
				}
				want := map[string]deploy.Color{}
				for i, name := range names {
					r.app.Name, want[name] = name, deploy.Colors()[i%2]
					r.flip(t, want[name])
				}
				for _, name := range names {
					if got := get(t, r.nginx.URL()+"/"+name); got != string(want[name]) {
						t.Errorf("%s is %q, want %s", name, got, want[name])
					}
					r.wantInTheLog(t, name, want[name])
				}
			})
		}
	}
}

// wantInTheLog waits until the log of the app has a request that was passed to it.
func (r *rig) wantInTheLog(t *testing.T, app string, c deploy.Color) {
	t.Helper()
	path := filepath.Join(r.dir, "log", app+".access.log")
	tb.Until(t, patience, "a request in "+path, func() error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if strings.Contains(line, fmt.Sprintf(`"app":%q,"color":%q`, app, c)) && strings.Contains(line, `"probe":""`) &&
				strings.Contains(line, `"proxy_host":"`+app+`_api`) {
				return nil
			}
		}
		return fmt.Errorf("it has only %s", data)
	})
}
