package nginx

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/testbed/fuzzline"
	"tandem/reconciler/deploy"
)

var update = flag.Bool("update", false, "write the golden files anew")

func someSite(change func(*site)) site {
	s := site{
		app: "shop", routes: []backend{{"api", "127.0.0.1:3001", "127.0.0.1:3002"}},
		dir: "/etc/nginx/tandem", listen: "127.0.0.1:8485", nginx: version{1, 22, 1}, mode: SwitchFlip,
		backup: deploy.BackupIdempotent,
	}
	change(&s)
	return s
}

func bridged(s *site) {
	s.listen, s.allow, s.dynamic = "0.0.0.0:8485", []string{"127.0.0.1", "172.18.0.1"}, true
	s.routes = []backend{{"api", "shop-blue-api-1:3000", "shop-green-api-1:3000"}}
}

// upstreamed is for a site that passes to a name of its own, which it still has or which
// tandem's files have.
func upstreamed(s *site, inline bool) {
	s.listeners = []listener{{"api", 21007, []siteUpstream{{"app_backend", inline}}}}
}

// renderings are the ways in which the files can read.
var renderings = map[string]func(*site){
	"flip-backup-off": func(s *site) { s.backup = deploy.BackupOff },
	"flip-backup-all": func(s *site) { s.backup = deploy.BackupAll },
	"flip":            func(*site) {},
	"flip-two-routes": func(s *site) {
		s.app, s.routes = "my-shop", append(s.routes, backend{"web-ui", "127.0.0.1:3003", "127.0.0.1:3004"})
	},
	"flip-bridged-1.22":   bridged,
	"flip-bridged-1.27.3": func(s *site) { bridged(s); s.nginx = version{1, 27, 3} },
	"flip-1.29.7":         func(s *site) { s.nginx, s.minTimeout = version{1, 29, 7}, true },
	"reload-green":        func(s *site) { s.mode, s.live = SwitchReload, deploy.Green },
	"reload-1.27.4": func(s *site) {
		s.mode, s.live, s.nginx, s.minTimeout = SwitchReload, deploy.Blue, version{1, 27, 4}, true
	},
	"reload-bridged-1.22": func(s *site) {
		bridged(s)
		s.mode, s.live, s.routes = SwitchReload, deploy.Blue, []backend{{"api", "", "172.18.0.5:3000"}}
	},
	"flip-closed":              func(s *site) { s.routes[0].blue, s.routes[0].green = "", "" },
	"flip-bridged-1.22-closed": func(s *site) { bridged(s); s.routes[0].blue, s.routes[0].green = "", "" },
	"flip-bridged-1.22-half":   func(s *site) { bridged(s); s.routes[0].blue = "" },
	"flip-bridged-1.27.3-half": func(s *site) { bridged(s); s.nginx, s.routes[0].blue = version{1, 27, 3}, "" },
	"reload-closed":            func(s *site) { s.mode, s.live, s.routes[0].green = SwitchReload, deploy.Green, "" },
	"flip-upstream":            func(s *site) { upstreamed(s, true) },
	"flip-upstream-of-the-site": func(s *site) {
		upstreamed(s, false)
		s.backup, s.unused = deploy.BackupAll, []string{"shop.old_backend.upstream"}
	},
	"flip-upstream-bridged-1.22": func(s *site) { bridged(s); upstreamed(s, true) },
	"reload-upstream":            func(s *site) { s.mode, s.live = SwitchReload, deploy.Green; upstreamed(s, true) },
	"reload-bridged-1.27.3":      func(s *site) { bridged(s); s.mode, s.live, s.nginx = SwitchReload, deploy.Green, version{1, 27, 3} },
}

func TestRender_Golden(t *testing.T) {
	for name, change := range renderings {
		t.Run(name, func(t *testing.T) {
			files, _, err := render(someSite(change))
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, f := range files {
				fmt.Fprintf(&got, "==> %s <==\n%s\n", f.name, f.text)
			}
			path := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got); if it is meant, run with -update:\n%s", path, diff)
			}
		})
	}
}

func TestRender_GenerationChangesWithWhateverIsRendered(t *testing.T) {
	generations := map[string]string{}
	for name, change := range map[string]func(*site){
		"as it is":  func(*site) {},
		"port":      func(s *site) { s.routes[0].green = "127.0.0.1:3009" },
		"confirm":   func(s *site) { s.listen = "127.0.0.1:8486" },
		"dir":       func(s *site) { s.dir = "/srv/tandem" },
		"route":     func(s *site) { s.routes[0].route = "web" },
		"blue":      func(s *site) { s.mode, s.live = SwitchReload, deploy.Blue },
		"green":     func(s *site) { s.mode, s.live = SwitchReload, deploy.Green },
		"no backup": func(s *site) { s.backup = deploy.BackupOff },
		"all":       func(s *site) { s.backup = deploy.BackupAll },
	} {
		_, generation, err := render(someSite(change))
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := generations[generation]; twice {
			t.Errorf("%s and %s have the same generation", name, other)
		}
		generations[generation] = name
	}
}

func TestRender_RefusesWhatWouldBreakOutOfADirective(t *testing.T) {
	for name, change := range map[string]func(*site){
		"app with a brace":               func(s *site) { s.app = "shop{" },
		"app with an underscore":         func(s *site) { s.app = "my_shop" },
		"app in upper case":              func(s *site) { s.app = "Shop" },
		"app that is empty":              func(s *site) { s.app = "" },
		"app that is too long":           func(s *site) { s.app = strings.Repeat("a", 41) },
		"app with a newline":             func(s *site) { s.app = "shop\n" },
		"app named tandem":               func(s *site) { s.app = "tandem" },
		"route with a semicolon":         func(s *site) { s.routes[0].route = "api;" },
		"route that begins with a digit": func(s *site) { s.routes[0].route = "1api" },
		"route given twice":              func(s *site) { s.routes = append(s.routes, s.routes[0]) },
		"no route":                       func(s *site) { s.routes = nil },
		"address with a space":           func(s *site) { s.routes[0].blue = "127.0.0.1:1 down" },
		"directory with a quote":         func(s *site) { s.dir = `/etc/"x` },
		"directory with a dollar":        func(s *site) { s.dir = "/etc/$x" },
		"relative directory":             func(s *site) { s.dir = "etc" },
		"listen with a word":             func(s *site) { s.listen = "127.0.0.1:80 ssl" },
		"peer that is a name":            func(s *site) { s.allow = []string{"all"} },
		"upstream with a semicolon":      func(s *site) { upstreamed(s, true); s.listeners[0].upstreams[0].name = "a;" },
		"upstream that is an address":    func(s *site) { upstreamed(s, true); s.listeners[0].upstreams[0].name = "127.0.0.1" },
		"upstream without a route":       func(s *site) { upstreamed(s, true); s.listeners[0].route = "web" },
		"upstream without a port":        func(s *site) { upstreamed(s, true); s.listeners[0].port = 0 },
		"reload without a color":         func(s *site) { s.mode = SwitchReload },
	} {
		if _, _, err := render(someSite(change)); err == nil {
			t.Errorf("%s: rendered", name)
		}
	}
}

func TestRouteVariable_NeverMeansSomethingElse(t *testing.T) {
	if got := Variable("shop", "api"); got != "$shop_api" {
		t.Errorf("got %s", got)
	}
	seen := map[string]string{}
	claim := func(name, by string) {
		if other, clash := seen[name]; clash {
			t.Errorf("$%s is both %s and %s", name, other, by)
		}
		if regexp.MustCompile(`^(http|arg|cookie|sent_http|upstream|request|document|server|ssl)_`).MatchString(name) {
			t.Errorf("$%s of %s belongs to Nginx", name, by)
		}
		seen[name] = by
	}
	for _, own := range []string{connectionVariable, socketVariable, bindVariable, pathVariable, strangerVariable, "tandem_rest"} {
		claim(own, "tandem's own")
	}
	names := []string{"backup", "probe", "ws", "bind", "path", "rest", "tandem", "a", "b", "a-b", "a-", "a--b", "color", "generation", "http", "host", "request", "uri", "route", "connection", "stranger", "route-color"}
	for _, app := range names {
		claim(colorVariable(app), app+"'s color")
		claim(generationVariable(app), app+"'s generation")
		claim(backupVariable(app), app+"'s backup")
		claim(probeVariable(app), app+"'s probe")
		for _, route := range names {
			claim(routeVariable(app, route), app+"'s route "+route)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for out, want := range map[string]version{
		"nginx version: nginx/1.22.1\n":                     {1, 22, 1},
		"nginx version: nginx/1.29.10 (Ubuntu)":             {1, 29, 10},
		"nginx version: openresty/1.25.3.2":                 {1, 25, 3},
		"warning: something\nnginx version: nginx/1.27.4\n": {1, 27, 4},
		"nginx version: nginx/1.25.5 (nginx-plus-r32-p1)":   {1, 25, 5},
		"freenginx version: freenginx/1.27.4\n":             {1, 27, 4},
		"Angie version: Angie/1.11.3\nnginx version: nginx/1.29.3\nconfigure arguments: --prefix=/opt/nginx/1.2.3\n":  {1, 29, 3},
		"Tengine version: Tengine/3.1.0\nnginx version: nginx/1.24.0\n":                                               {1, 24, 0},
		"nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0\nconfigure arguments: --with-x=/usr/lib/nginx/9.9.9/x\n": {1, 22, 1},
	} {
		if got, err := parseVersion(out); err != nil || got != want {
			t.Errorf("%q: got %v and %v", out, got, err)
		}
	}
	for _, out := range []string{"", "sh: nginx: not found", "nginx version: nginx/1.22", "Angie version: Angie/1.11.3\nconfigure arguments: --prefix=/opt/nginx/1.2.3\n"} {
		if got, err := parseVersion(out); err == nil {
			t.Errorf("%q: got %v", out, got)
		}
	}
}

func TestVersion_ComparesByNumber(t *testing.T) {
	ordered := []version{{}, {1, 9, 15}, {1, 22, 1}, {1, 27, 3}, {1, 27, 4}, {1, 27, 10}, {1, 28, 0}, {2, 0, 0}}
	for i, v := range ordered {
		for j, w := range ordered {
			if v.atLeast(w) != (i >= j) {
				t.Errorf("%s at least %s: %v", v, w, v.atLeast(w))
			}
		}
	}
}

// FuzzRender checks that accepted input gives exactly the directives that belong
// there: whatever the names are, only the words that tandem means begin one.
func FuzzRender(f *testing.F) {
	f.Add("shop", "api", "web", uint16(3001), uint16(3002), false, "idempotent")
	f.Add("http", "host", "color", uint16(1), uint16(65535), true, "off")
	f.Add("a-b", "c", "x;}", uint16(0), uint16(1), false, "all")
	f.Add("a-b", "backup", "ws", uint16(0), uint16(1), false, "all")
	directive := regexp.MustCompile(`(?:^|[;{}])\s*([a-z_0-9]+)`)
	known := strings.Fields("map default geo server listen server_name access_log open_file_cache include location return set if " +
		"log_format upstream keepalive keepalive_timeout keepalive_requests default_type add_header " +
		"allow auth_basic proxy_cache proxy_bind proxy_intercept_errors proxy_next_upstream proxy_http_version proxy_set_header proxy_pass")
	memory := fuzzline.Line{Base: 8 << 20, PerKiB: 4 << 20}
	f.Fuzz(func(t *testing.T, app, one, two string, blue, green uint16, reload bool, backup string) {
		address := func(port uint16) string { return fmt.Sprintf("127.0.0.1:%d", port) }
		s := someSite(func(s *site) {
			s.app, s.backup = app, deploy.BackupPolicy(backup)
			s.routes = []backend{{one, address(blue), address(green)}, {two, address(green), address(blue)}}
			if reload {
				s.mode, s.live = SwitchReload, deploy.Blue
			}
		})
		var files []file
		var err error
		memory.Hold(t, len(app)+len(one)+len(two), func() { files, _, err = render(s) })
		valid := deploy.ValidName(app) && deploy.ValidName(one) && deploy.ValidName(two) && one != two && app != ownName
		if (err == nil) != valid {
			t.Fatalf("%q %q %q: error %v, want accepted: %v", app, one, two, err, valid)
		}
		var upstreams []string
		for _, file := range files {
			if filepath.Base(file.name) != file.name || !strings.HasPrefix(file.text, marker) {
				t.Fatalf("file %q begins with %.30q", file.name, file.text)
			}
			text := stripQuotesAndComments(file.text)
			for _, m := range directive.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(known, m[1]) {
					t.Fatalf("%s: directive %q in\n%s", file.name, m[1], file.text)
				}
			}
			if strings.Count(text, "{") != strings.Count(text, "}") {
				t.Fatalf("%s: braces do not match:\n%s", file.name, file.text)
			}
			for _, m := range regexp.MustCompile(`(?m)^upstream (\S+) \{$`).FindAllStringSubmatch(text, -1) {
				upstreams = append(upstreams, m[1])
			}
		}
		if err != nil {
			return
		}
		var want []string
		for _, group := range []string{one + "_blue", one + "_green", two + "_blue", two + "_green"} {
			want = append(want, app+"_"+group, app+"_"+group+"_ws")
			if p := deploy.BackupPolicy(backup); p == deploy.BackupIdempotent || p == deploy.BackupAll {
				want = append(want, app+"_"+group+"_backup", app+"_"+group+"_backup_ws")
			}
		}
		if reload {
			want = []string{app + "_" + one, app + "_" + two}
		}
		if diff := cmp.Diff(want, upstreams); diff != "" {
			t.Fatalf("upstreams (-want +got):\n%s", diff)
		}
	})
}

// stripQuotesAndComments leaves the text in which braces and semicolons count;
// "${name}" is a variable and no block.
func stripQuotesAndComments(text string) string {
	for _, p := range []string{`(?m)#.*$`, `'[^']*'`, `"[^"]*"`, `\$\{[a-z0-9_]+\}`} {
		text = regexp.MustCompile(p).ReplaceAllString(text, " ")
	}
	return text
}
