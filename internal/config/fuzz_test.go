package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem/internal/harness/testbed/fuzzline"
	"tandem/internal/lib/giturl"
	"tandem/reconciler/appfile"
)

// FuzzLoadConfig wants of any file and any variable that they are either refused
// with Faults that say where, or a Config that everything else can rely on.
func FuzzLoadConfig(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, i, "127.0.0.1:1")
	}
	line := fuzzline.Line{Base: 64 << 20, PerKiB: 16 << 20}
	f.Fuzz(func(t *testing.T, data []byte, which int, text string) {
		l := &loader{config: Default(), path: "agent.yaml", origins: map[string]origin{}}
		var readable bool
		line.Hold(t, len(data), func() { readable = l.decode(data) })
		s := settings()[uint(which)%uint(len(settings()))]
		l.readVariables(variables(map[string]string{s.variable(): text}))
		v := validator{config: l.config, where: l.where, faults: l.faults}
		if readable {
			v.all()
		}
		if !readable && len(v.faults) == 0 {
			t.Fatal("a file that cannot be read has no fault")
		}
		for _, x := range v.faults {
			if (x.File != "agent.yaml" && x.File != s.variable()) || x.Text == "" || strings.Contains(x.String(), "\n") {
				t.Errorf("fault %+v", x)
			}
		}
		if len(v.faults) == 0 {
			checkConfig(t, l.config)
		}
	})
}

func checkConfig(t *testing.T, c Config) {
	t.Helper()
	want := func(ok bool, format string, args ...any) {
		t.Helper()
		if !ok {
			t.Errorf(format, args...)
		}
	}
	if err := c.Validate(); err != nil {
		t.Errorf("loaded, but not valid: %v", err)
	}
	want(!strings.ContainsAny(c.Repo.URL.Raw(), " \n\x00") && c.Repo.URL.Raw() != "", "url %q", c.Repo.URL.Raw())
	want(c.Repo.URL.String() == c.Repo.URL.Raw(), "url %q is printed as %q", c.Repo.URL.Raw(), c.Repo.URL)
	want(len(c.Repo.Apps) > 0, "no apps")
	if c.Repo.Poll.Cron != "" {
		_, err := appfile.ParseCron(c.Repo.Poll.Cron)
		want(err == nil, "poll %v", err)
	}
	status := c.Status.File("shop", "vps-1")
	want(filepath.IsLocal(status) && strings.Contains(status, "shop") && !strings.ContainsAny(status, "{}"), "status path %q", c.Status.Path)
	want(filepath.IsAbs(c.Nginx.Dir) && !strings.ContainsAny(c.Nginx.Dir, " ;{}\"'$\n\\"), "nginx.dir %q", c.Nginx.Dir)
	want(slices.Contains([]string{SwitchFlip, SwitchReload}, c.Nginx.Switch), "nginx.switch %q", c.Nginx.Switch)
	want(c.Docker.Ports.Check() == nil, "docker.ports %s", c.Docker.Ports)
	want(c.Docker.MinFree >= 0 && c.Docker.MinFree <= maxSize, "docker.min_free %d", c.Docker.MinFree)
	want(c.Forge.URL == "" || strings.HasPrefix(c.Forge.URL, "http"), "forge.url %q", c.Forge.URL)
	host, _, err := splitAddress(c.Listen)
	want(err == nil && (giturl.Loopback(host) || c.API.TokenFile != ""), "listen %q", c.Listen)
	_, port, err := splitAddress(c.Nginx.Confirm)
	want(err == nil && port > 0 && !strings.ContainsAny(c.Nginx.Confirm, " ;{}\"'\n"), "nginx.confirm %q", c.Nginx.Confirm)
	want(filepath.IsAbs(c.State), "state %q", c.State)
}
