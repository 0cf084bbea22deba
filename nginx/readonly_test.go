package nginx_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// wantPeek looks, and sees that each of the words is said and none of the others.
func (r *rig) wantPeek(t *testing.T, app string, want deploy.Color, says, not []string) {
	t.Helper()
	color, lacks, err := r.proxy.Peek(t.Context(), appWith(app, r.app.Routes...))
	if color != want || err != nil {
		t.Errorf("%s: got %q and %v, want %s", app, color, err, want)
	}
	if len(says) == 0 && lacks != "" {
		t.Errorf("%s: %q is lacking, want nothing", app, lacks)
	}
	for _, words := range says {
		if !strings.Contains(lacks, words) {
			t.Errorf("%s: %q does not say %q", app, lacks, words)
		}
	}
	for _, words := range not {
		if strings.Contains(lacks, words) {
			t.Errorf("%s: %q says %q", app, lacks, words)
		}
	}
}

func TestPeek_AnNginxThatRunsAndWasNeverGivenTheFilesIsNotAway(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	inHTTP, inServer := "include "+r.dir+"/*.conf;", "include "+r.dir+"/shop.server;"
	unknown := "Nginx does not know shop yet"
	r.wantPeek(t, "shop", deploy.Blue, []string{unknown, inHTTP, inServer}, nil)
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf; # include %DIR%/shop.server;\n"})
	r.wantPeek(t, "shop", deploy.Blue, []string{unknown, inServer}, []string{inHTTP})
	relative, err := filepath.Rel(r.nginx.Dir, r.dir)
	if err != nil {
		t.Fatal(err)
	}
	r.configure(t, testbed.NginxConfig{HTTP: "include '" + relative + "/t*.conf';\n", Server: "include %DIR%/*.server;\n"})
	r.wantPeek(t, "shop", deploy.Blue, []string{unknown}, []string{inHTTP, inServer})
	if left, err := os.ReadDir(r.dir); err == nil {
		t.Errorf("a look has made %v", left)
	}
	if err := os.MkdirAll(filepath.Join(r.dir, "live"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.overwrite(t, "live/shop.green", "")
	r.wantPeek(t, "shop", deploy.Green, []string{unknown}, nil)
}

// Nginx does not accept its configuration before the agent has written the file.
func TestPeek_ASiteMayIncludeAFileThatIsStillToBeWritten(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\n", Server: "include %DIR%/shop.server;\n"})
	script := filepath.Join(tb.Dir(t), "nginx.sh")
	text := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in -V) echo configure arguments: --pid-path=%s/nginx.pid ;; *) exec %s \"$@\" ;; esac\n", r.nginx.Dir, r.nginx.Command())
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	r.options.Command = script
	r.restart(t)
	r.wantPeek(t, "shop", deploy.Blue, []string{"Nginx does not know shop yet"}, []string{"include "})
}

func TestPeek_ASecondAppIsNotKnownYet(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.flip(t, deploy.Green)
	r.wantPeek(t, "shop", deploy.Green, nil, nil)
	r.wantPeek(t, "blog", deploy.Blue, []string{"Nginx does not know blog yet", "include " + r.dir + "/blog.server;"}, []string{"/*.conf"})
}

func TestPeek_TellsWhatElseIsWrong(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.configure(t, testbed.NginxConfig{HTTP: "working nonsense;"})
	_, _, err := r.proxy.Peek(t.Context(), r.app)
	wantReason(t, err, deploy.NginxBroken, "working")
	r.configure(t, testbed.NginxConfig{})
	if err := r.nginx.Kill(t.Context()); err != nil { // it leaves its pid file
		t.Fatal(err)
	}
	_, _, err = r.proxy.Peek(t.Context(), r.app)
	wantReason(t, err, deploy.NginxAway)
}
