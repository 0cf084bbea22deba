package appfile

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/harness/testbed/fuzzline"
	"tandem/reconciler/deploy"
)

// FuzzParseApp wants of any input that it is either refused with Faults that
// name the file, or an App that everything else can rely on.
func FuzzParseApp(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("tag: \"1\"\n" + goodRoutes + lists))
	line := fuzzline.Line{Base: 64 << 20, PerKiB: 16 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		if data == nil {
			data = []byte{}
		}
		file := deploy.AppFile{Dir: "shop", Path: "shop/tandem.yaml", Data: data}
		line.Hold(t, len(data), func() {
			app, err := ParseApp(file)
			if faults, refused := deploy.AsFaults(err); refused {
				checkFaults(t, faults, data)
				return
			}
			checkApp(t, app)
		})
	})
}

func checkFaults(t *testing.T, faults deploy.Faults, data []byte) {
	t.Helper()
	lines := strings.Count(string(data), "\n") + 1
	for _, f := range faults {
		if f.File != "shop/tandem.yaml" || f.Text == "" || f.Line < 0 || f.Line > lines || strings.Contains(f.String(), "\n") {
			t.Errorf("fault %+v in a file of %d lines", f, lines)
		}
	}
}

func checkApp(t *testing.T, a deploy.App) {
	t.Helper()
	want := func(ok bool, format string, args ...any) {
		t.Helper()
		if !ok {
			t.Errorf(format, args...)
		}
	}
	want(deploy.ValidName(a.Name) && a.Name != ownName, "app's name %q", a.Name)
	want(tagPattern.MatchString(a.Tag), "tag %q", a.Tag)
	want(a.Color.Valid() || a.Color == deploy.Auto, "color %q", a.Color)
	want(len(a.Routes) > 0 && len(a.Routes) <= maxRoutes, "%d routes", len(a.Routes))
	for _, p := range slices.Concat(a.Secrets, a.Compose, []string{a.Shared}) {
		want(p == "" || filepath.IsLocal(p) && path.Clean(p) == p && p != "." && !strings.ContainsAny(p, "\\\x00\n"), "path %q", p)
	}
	ports := map[int]bool{}
	variables := map[string]bool{"TAG": true, "COLOR": true}
	for _, r := range a.Routes {
		want(deploy.ValidName(r.Name) && servicePattern.MatchString(r.Service), "route %+v", r)
		for _, c := range deploy.Colors() {
			p := r.Ports.Of(c)
			want(p >= 1 && p <= 65535 && !ports[p], "port %d of %+v", p, r)
			ports[p] = true
		}
		want(!variables[r.Variable()], "variable %s twice", r.Variable())
		variables[r.Variable()] = true
		h := r.Health
		want(strings.HasPrefix(h.Path, "/") && !strings.ContainsAny(h.Path, " \t\r\n\x00#"), "health path %q", h.Path)
		want(h.StatusMin >= 200 && h.StatusMin <= h.StatusMax && h.StatusMax <= 599, "status %+v", h)
		want(h.MaxLatency >= time.Millisecond && h.MaxLatency <= time.Minute, "latency %+v", h)
	}
	for name, value := range a.Env {
		want(deploy.ValidVariable(name) && !variables[name] && !strings.Contains(value, "\x00"), "variable %q", name)
	}
	want(a.Gate.Timeout >= time.Second && a.Gate.Successes >= 1, "gate %+v", a.Gate)
	want(a.Watch.For >= time.Second && a.Watch.MaxP95 >= time.Millisecond && a.Watch.MinRequests >= 1 && a.Watch.MaxRestarts >= 0, "watch %+v", a.Watch)
	want(a.Watch.MaxErrorRate >= 0 && a.Watch.MaxErrorRate <= 1, "watch %+v", a.Watch)
	want(slices.Contains([]deploy.Inconclusiveness{"promote", "hold", "revert"}, a.Watch.Inconclusive), "watch %+v", a.Watch)
	want(a.Watch.Max >= a.Watch.For && a.Watch.MaxMemory >= 0 && a.Watch.MaxCPU >= 0, "watch %+v", a.Watch)
	want(slices.Contains([]deploy.Comparison{deploy.CompareBoth, deploy.CompareLimits, deploy.CompareOld}, a.Watch.Compare), "watch %+v", a.Watch)
	want(a.Drain.WebSockets >= a.Drain.Timeout && a.Drain.Timeout >= time.Second && a.Standby.For >= time.Second, "drain %+v, standby %+v", a.Drain, a.Standby)
	want(a.Standby.Keep == deploy.StandbyWarm || a.Standby.Keep == deploy.StandbyStopped, "standby %+v", a.Standby)
	want(slices.Contains([]deploy.BackupPolicy{"off", "idempotent", "all"}, a.Standby.Backup), "standby %+v", a.Standby)
	want(a.OnFailure == deploy.OnFailureHold || a.OnFailure == deploy.OnFailureRevert, "on_failure %q", a.OnFailure)
	for _, w := range a.Windows {
		_, err := parseWindow(w)
		want(err == nil, "window %q", w)
	}
}
