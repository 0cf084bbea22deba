package appfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

func tandemYAML(data string) deploy.AppFile {
	return deploy.AppFile{Dir: "shop", Path: "shop/tandem.yaml", Data: []byte(data)}
}

const goodRoutes = "routes:\n  api: {ports: {blue: 3001, green: 3002}, health: /health}\n"

// messages is what a person reads; "" when the file is accepted.
func messages(err error) string {
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

// TestParseApp_BadFiles reads each bad/<case>.yaml and wants exactly the
// messages of <case>.want, no more, no fewer, in that order.
func TestParseApp_BadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	wants, err := filepath.Glob("testdata/bad/*.want")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 60 || len(files) != len(wants) {
		t.Fatalf("%d bad files and %d expectations: want at least 60 pairs", len(files), len(wants))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, want := readFile(t, file), readFile(t, strings.TrimSuffix(file, ".yaml")+".want")
			_, err := ParseApp(tandemYAML(data))
			if diff := cmp.Diff(want, messages(err)); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			var faults deploy.Faults
			if !errors.As(err, &faults) {
				t.Errorf("the error is %T, want Faults", err)
			}
		})
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The defaults are those that the documentation prints.
func TestParseApp_SmallestFileHasTheDocumentedDefaults(t *testing.T) {
	file := tandemYAML(readFile(t, "testdata/good/smallest.yaml"))
	file.Tree, file.Commit = "abc", deploy.Commit{Hash: "0123"}
	got, err := ParseApp(file)
	if err != nil {
		t.Fatal(err)
	}
	want := deploy.App{
		Name: "shop", Dir: "shop", File: "shop/tandem.yaml", Tree: "abc", Commit: deploy.Commit{Hash: "0123"},
		Tag: "1.4.2", Color: deploy.Green,
		Routes: []deploy.Route{{
			Name: "api", Service: "api", Ports: deploy.Ports{Blue: 3001, Green: 3002},
			Health: deploy.Health{Path: "/health", StatusMin: 200, StatusMax: 299, MaxLatency: 200 * time.Millisecond},
		}},
		Gate: deploy.GatePolicy{Timeout: 60 * time.Second, Successes: 3, ImageTimeout: 5 * time.Minute},
		Watch: deploy.WatchPolicy{
			For: 60 * time.Second, MaxErrorRate: 0.01, MinRequests: 20, MaxP95: 500 * time.Millisecond,
			Max: 2 * time.Minute, MaxRestarts: 0, Compare: "both", Inconclusive: "promote",
		},
		Drain:     deploy.DrainPolicy{Timeout: 30 * time.Second, WebSockets: 2 * time.Minute},
		Standby:   deploy.StandbyPolicy{Keep: "warm", For: 24 * time.Hour, Backup: "idempotent"},
		OnFailure: "hold",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("App (-want +got):\n%s", diff)
	}
}

// Whoever writes the defaults out gets what they would have had anyway, but that a limit
// which somebody wrote counts more than what the old stack showed.
func TestParseApp_CompleteFileSaysTheDefaults(t *testing.T) {
	complete, err := ParseApp(tandemYAML(readFile(t, "testdata/good/complete.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	smallest, err := ParseApp(tandemYAML(readFile(t, "testdata/good/smallest.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	smallest.Color = deploy.Auto
	smallest.Watch.OwnErrorRate, smallest.Watch.OwnP95 = true, true
	smallest.Compose, smallest.Shared = []string{"compose.yaml"}, "compose.shared.yaml"
	smallest.Env = map[string]string{"NODE_ENV": "production"}
	if diff := cmp.Diff(smallest, complete); diff != "" {
		t.Errorf("complete file (-defaults +got):\n%s", diff)
	}
}

func TestParseApp_UpstreamIsAnyNameThatASiteMayHave(t *testing.T) {
	for _, name := range []string{"app_backend", "App-1.example.com", "_x", "shop_backend", "9a"} {
		app, err := ParseApp(tandemYAML("tag: \"1\"\nroutes:\n  api: {ports: {blue: 3001, green: 3002}, health: /h, upstream: " + name + "}\n"))
		if err != nil || app.Routes[0].Upstream != name {
			t.Errorf("%s: got %v and %v", name, app.Routes, err)
		}
	}
}

func TestParseApp_TheSameFileInOtherClothes(t *testing.T) {
	want, err := ParseApp(tandemYAML("tag: \"1.4.2\"\n" + goodRoutes))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"crlf", "bom", "json", "document_markers"} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseApp(tandemYAML(readFile(t, "testdata/good/"+name+".yaml")))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("App (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseApp_LinesAreRightInAFileWithCRLF(t *testing.T) {
	_, err := ParseApp(tandemYAML("tag: \"1\"\r\n# a comment\r\n\r\ncolor: red\r\n" + goodRoutes))
	want := "shop/tandem.yaml:4: color: want blue, green or auto, got \"red\"\n"
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestParseApp_ReadsWhatIsWritten(t *testing.T) {
	app, err := ParseApp(tandemYAML(`
app: web-shop
tag: v1.10.0-rc.1
color: blue
compose: ./deploy/compose.prod.yaml
shared: deploy/shared.yaml
env: {PORT: 3000, VERSION: 1.10, DEBUG: true, ANSWER: yes, QUOTED: "a: b", NOTHING: "", HEX: 0x1F}
routes:
  web: {service: front.end_1, ports: {green: 4002, blue: 4001}, health: {path: "/up?full=1", status: 204, max_latency: 1.5s}}
  api-v2: {ports: {blue: 4003, green: 4004}, health: {path: /, status: 200-399}}
gate: {timeout: 2m, successes: 10}
watch: {for: 5m, max_error_rate: 0.5%, min_requests: 1, max_p95: 1s, max_restarts: 2, inconclusive: revert}
drain: {timeout: 1h}
standby: {keep: stopped, for: 1h30m, backup: off}
on_failure: hold
`))
	if err != nil {
		t.Fatal(err)
	}
	want := deploy.App{
		Name: "web-shop", Dir: "shop", File: "shop/tandem.yaml", Tag: "v1.10.0-rc.1", Color: deploy.Blue,
		Compose: []string{"deploy/compose.prod.yaml"}, Shared: "deploy/shared.yaml",
		Env: map[string]string{
			"PORT": "3000", "VERSION": "1.10", "DEBUG": "true", "ANSWER": "yes", "QUOTED": "a: b", "NOTHING": "", "HEX": "0x1F",
		},
		Routes: []deploy.Route{
			{
				Name: "api-v2", Service: "api-v2", Ports: deploy.Ports{Blue: 4003, Green: 4004},
				Health: deploy.Health{Path: "/", StatusMin: 200, StatusMax: 399, MaxLatency: 200 * time.Millisecond},
			},
			{
				Name: "web", Service: "front.end_1", Ports: deploy.Ports{Blue: 4001, Green: 4002},
				Health: deploy.Health{Path: "/up?full=1", StatusMin: 204, StatusMax: 204, MaxLatency: 1500 * time.Millisecond},
			},
		},
		Gate: deploy.GatePolicy{Timeout: 2 * time.Minute, Successes: 10, ImageTimeout: 5 * time.Minute},
		Watch: deploy.WatchPolicy{
			For: 5 * time.Minute, Max: 10 * time.Minute, Compare: "both", MaxErrorRate: 0.005, OwnErrorRate: true, MinRequests: 1, MaxP95: time.Second, OwnP95: true, MaxRestarts: 2, Inconclusive: "revert",
		},
		Drain:     deploy.DrainPolicy{Timeout: time.Hour, WebSockets: time.Hour},
		Standby:   deploy.StandbyPolicy{Keep: "stopped", For: 90 * time.Minute, Backup: "off"},
		OnFailure: "hold",
	}
	if diff := cmp.Diff(want, app); diff != "" {
		t.Errorf("App (-want +got):\n%s", diff)
	}
}

func TestParseApp_NameOfTheDirectory(t *testing.T) {
	for _, c := range []struct{ dir, name, message string }{
		{"shop", "shop", ""},
		{"apps/eu/web-shop", "web-shop", ""},
		{".", "", "app: is missing; a tandem.yaml at the repository's root has no directory to take its name from: write app: shop"},
		{"apps/My_Shop", "", `app: is missing, and the directory's name "My_Shop" cannot stand in for it: write app: and a name of small letters, digits and -, at most 40, the first one a letter`},
	} {
		t.Run(c.dir, func(t *testing.T) {
			file := tandemYAML("tag: \"1\"\n" + goodRoutes)
			file.Dir, file.Path = c.dir, filepath.Join(c.dir, "tandem.yaml")
			app, err := ParseApp(file)
			want := ""
			if c.message != "" {
				want = file.Path + ":1: " + c.message + "\n"
			}
			if app.Name != c.name || messages(err) != want {
				t.Errorf("name %q and messages %q, want %q and %q", app.Name, messages(err), c.name, want)
			}
		})
	}
}

// The status of a refused app is published under its name, so that is there
// whatever else is wrong.
func TestParseApp_RefusedAppKeepsItsName(t *testing.T) {
	file := tandemYAML("app: web\ntag: 1.10\nroutes: 5\n")
	file.Tree, file.Commit = "abc", deploy.Commit{Hash: "0123"}
	app, err := ParseApp(file)
	if err == nil || app.Name != "web" || app.Tree != "abc" || app.Commit.Hash != "0123" || app.File != file.Path {
		t.Errorf("err %v, app %+v: want an error and name, tree, commit and file", err, app)
	}
}

// Input that would cost a careless parser all memory, all time or its stack.
func TestParseApp_HostileFilesAreRefused(t *testing.T) {
	const n = 100_000
	var keys, stairs strings.Builder
	for i := range n / 4 {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	for i := range 1000 {
		stairs.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	const complexity = "the file is too complex: it has more "
	for _, c := range []struct{ name, data, want string }{
		{"a megabyte and more", strings.Repeat("# nothing\n", 200_000), "shop/tandem.yaml: the file is larger than 1024 KiB"},
		{"100,000 nested lists", strings.Repeat("[", n) + strings.Repeat("]", n), "shop/tandem.yaml: " + complexity},
		{"10,000 nested lists", "a: " + strings.Repeat("[", 10_000), "shop/tandem.yaml:1: the file is nested too deeply here"},
		{"17 nested lists", "tag: \"1\"\nenv: " + strings.Repeat("[", 17) + strings.Repeat("]", 17), "shop/tandem.yaml:2: the file is nested too deeply here"},
		{"nested mappings", strings.Repeat("{a: ", 5000), "shop/tandem.yaml:1: the file is nested too deeply here"},
		{"nested dashes", strings.Repeat("- ", 5000), "shop/tandem.yaml:1: the file is nested too deeply here"},
		{"nested question marks", strings.Repeat("? ", 5000), "shop/tandem.yaml:1: the file is nested too deeply here"},
		{"nested tags", strings.Repeat("!a ", 5000), "shop/tandem.yaml:1: the file is nested too deeply here"},
		{"nested anchors", strings.Repeat("&a ", 5000), "shop/tandem.yaml:1: the file is nested too deeply here"},
		{"stairs", stairs.String(), "shop/tandem.yaml:64: the file is nested too deeply here"},
		{"25,000 keys", keys.String(), "shop/tandem.yaml:3334: " + complexity},
		{"a list of 50,000", "a: [" + strings.Repeat("x,", n/2) + "]", "shop/tandem.yaml:1: " + complexity},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseApp(tandemYAML(c.data))
			if got := messages(err); !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("got %.300q, want one message that begins with %q", got, c.want)
			}
		})
	}
}

func TestParseApp_FileThatWasTooLargeToRead(t *testing.T) {
	_, err := ParseApp(deploy.AppFile{Dir: "shop", Path: "shop/tandem.yaml"})
	want := "shop/tandem.yaml: the file is larger than 1024 KiB; a tandem.yaml is a page of text\n"
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestParseApp_AThousandFaultsAreFiftyAndACount(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "zzzzz%d: x\n", i)
	}
	_, err := ParseApp(tandemYAML(b.String()))
	faults, ok := deploy.AsFaults(err)
	if !ok || len(faults) != 51 || faults[50].String() != "shop/tandem.yaml: … and 952 more" {
		t.Errorf("%d faults, the last one %v; want 50 and how many more", len(faults), faults[max(0, len(faults)-1):])
	}
	if !slices.IsSortedFunc(faults[:50], func(a, b deploy.Fault) int { return a.Line - b.Line }) {
		t.Error("the faults are not in the order of the file")
	}
}

// A value of env may be a secret, so no message repeats one.
func TestParseApp_NoMessageRepeatsAnEnvValue(t *testing.T) {
	_, err := ParseApp(tandemYAML("tag: \"1\"\nenv: {A: \"hunter2\\0\", A-B: hunter2, TAG: hunter2, B: [hunter2], C: {hunter2: 1}, D: !hunter2 x}\n" + goodRoutes))
	faults, _ := deploy.AsFaults(err)
	if len(faults) != 6 {
		t.Errorf("%d faults, want one a variable:\n%s", len(faults), messages(err))
	}
	if got := strings.ReplaceAll(messages(err), `"!hunter2"`, ""); strings.Contains(got, "hunter2") {
		t.Errorf("a message repeats a value:\n%s", got)
	}
}

// TestParseApp_ATagIsSeen: two tags must not look like one.
func TestParseApp_ATagIsSeen(t *testing.T) {
	for _, tag := range []string{`1.4.2\u202e`, `1.4\u200b.2`, `\u20661.4.2\u2069`, `1.4.2\u200f`, `1.4\u061c.2`, `1.4\u200d.2`, `1.4.2\u00ad`, `1.4.\u0662`} {
		_, err := ParseApp(tandemYAML("tag: \"" + tag + "\"\n" + goodRoutes))
		if err == nil {
			t.Errorf("the tag %s is taken", tag)
			continue
		}
		for _, r := range err.Error() {
			if r != '\n' && !strconv.IsPrint(r) {
				t.Errorf("%q holds %U", err, r)
			}
		}
	}
}
