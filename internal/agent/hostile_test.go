package agent

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tandem/internal/config"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

var rewrite = flag.Bool("rewrite", false, "write what testdata/hostile must say from what is said now")

// secret is in the files outside of the app's directory; no message may hold it.
const secret = "canary-7d1f30"

// defaultApp is the tandem.yaml of a hostile repository that has none of its own.
const defaultApp = "app: shop\ntag: \"1.4.2\"\nroutes:\n  api: {ports: {blue: 3001, green: 3002}, health: /health}\n"

// TestHostile_EachRepositoryIsRefusedAndNothingOfItRuns takes every repository of
// testdata/hostile, and every Compose file of compose/project/testdata/refused as that of
// a repository, the whole way: it is polled, read, exported and resolved by an
// agent that has everything that it could be talked into using. Each is refused
// with its very message, in bounded memory, and nothing else happens.
//
// "%OUTSIDE%" in a file is a directory of this host, "%CANARY%" the address of a
// server; see hostileTree for what else a repository may hold.
func TestHostile_EachRepositoryIsRefusedAndNothingOfItRuns(t *testing.T) {
	cases := append(hostileRepositories(t), refusedRepositories(t)...)
	cases = append(cases, evilTrees(t)...)
	h := newHost(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { h.refuses(t, c) })
	}
	if len(cases) < 150 {
		t.Errorf("%d repositories, want 150 or more", len(cases))
	}
	t.Logf("%d hostile repositories, each refused with its message", len(cases))
}

// hostile is a repository that somebody means harm with.
type hostile struct {
	name string
	path string // of the archive; empty: there is none
	tree node
	want string
	home bool // "~" is the directory outside
}

func hostileRepositories(t *testing.T) []hostile {
	t.Helper()
	var all []hostile
	for _, path := range archives(t, "testdata/hostile") {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c := hostile{name: nameOf(path), path: path, home: true}
		c.tree, c.want = hostileTree(t, archive)
		all = append(all, c)
	}
	return all
}

// refusedRepositories are the Compose files that the compose package refuses,
// but for those whose tandem.yaml is refused before.
func refusedRepositories(t *testing.T) []hostile {
	t.Helper()
	var all []hostile
	for _, path := range archives(t, "../../compose/project/testdata/refused") {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c := hostile{name: "refused/" + nameOf(path), tree: node{}}
		// Of the first, tandem.yaml is refused; about the second, Docker is asked for labels,
		// and this one answers nobody; the third has a line of tandem.yaml to name here, and the fourth names the data
		// directory of an agent that has another one.
		app, before := defaultApp, slices.Contains([]string{"ports-of-two-colors-collide", "external-of-others", "route-published-over-udp", "data-directories-in-each-other"}, nameOf(path))
		for _, f := range archive.Files {
			switch f.Name {
			case "want":
				c.want = string(f.Data)
			case "routes":
				var name, service string
				var blue, green int
				if _, err := fmt.Sscan(string(f.Data), &name, &service, &blue, &green); err != nil {
					t.Fatal(err)
				}
				app += fmt.Sprintf("  %s: {service: %s, ports: {blue: %d, green: %d}, health: /health}\n", name, service, blue, green)
			case "tandem.yaml", "decisions":
				before = true
			case "compose.shared.yaml":
				app += "shared: compose.shared.yaml\n"
				fallthrough
			default:
				c.tree.put("shop/"+f.Name, string(f.Data))
			}
		}
		if before {
			continue
		}
		c.tree.put("shop/tandem.yaml", app)
		all = append(all, c)
	}
	return all
}

func archives(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in %s: %v", dir, err)
	}
	for i := range paths { // newHost goes elsewhere
		if paths[i], err = filepath.Abs(paths[i]); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func nameOf(path string) string { return strings.TrimSuffix(filepath.Base(path), ".txtar") }

// host is a machine with everything that a repository may try to get at.
type host struct {
	outside string       // a directory with files that are nobody's business
	nginx   string       // nginx.dir, where green is live
	canary  string       // address of a server that nobody may ask
	docker  string       // socket of an engine that nobody may ask for anything but what there is
	asked   atomic.Int32 // how often somebody did
	ran     string       // exists once Nginx's program ran
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{outside: filepath.Join(dir, "outside"), nginx: filepath.Join(dir, "nginx"), docker: filepath.Join(dir, "docker.sock"), ran: filepath.Join(dir, "ran")}
	for name, content := range map[string]string{
		"outside/secret.env":       "SECRET=" + secret + "\n",
		"outside/secret.txt":       secret + "\n",
		"outside/etc/secret.env":   "SECRET=" + secret + "\n",
		"outside/base.yaml":        "services: {base: {image: '" + secret + ":1'}}\n",
		"nginx/live/shop.green":    "",
		"nginx/shop.conf":          "# Generated by tandem (shop.conf)\n",
		"nginx/live/foreign.green": "",
	} {
		place(t, filepath.Join(dir, name), content, 0o644)
	}
	place(t, filepath.Join(dir, "nginx.sh"), "#!/bin/sh\ntouch "+h.ran+"\n", 0o755)
	h.canary = "http://" + h.listen(t, "tcp", "127.0.0.1:0", func(*http.Request) bool { return true })
	h.listen(t, "unix", h.docker, func(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead })
	t.Chdir(h.outside) // the paths of a careless reader begin here
	return h
}

// listen starts a server that counts the requests that nobody may make.
func (h *host) listen(t *testing.T, network, address string, forbidden func(*http.Request) bool) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forbidden(r) {
			h.asked.Add(1)
		}
		w.WriteHeader(http.StatusTeapot)
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func place(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// refuses lets an agent do one pass over the repository.
func (h *host) refuses(t *testing.T, c hostile) {
	if c.home {
		t.Setenv("HOME", h.outside)
	}
	repo := c.tree.commit(t, h.fill)
	before := snapshot(t, h.outside) + snapshot(t, h.nginx)
	var log bytes.Buffer
	allocated := totalAlloc()
	statuses, err := h.pass(t, repo, &log)
	if allocated = totalAlloc() - allocated; allocated > maxAlloc {
		t.Errorf("%d MiB were allocated, want less than %d", allocated>>20, maxAlloc>>20)
	}
	said := strings.ReplaceAll(h.unfill(told(statuses, err)), repo, "%REPO%")
	if c.path != "" && *rewrite {
		h.rewrite(t, c.path, said)
		c.want = said
	}
	if diff := cmp.Diff(c.want, said); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for _, s := range statuses {
		if s.Phase != deploy.PhaseRefused {
			t.Errorf("%s is %s, want Refused", s.App, s.Phase)
		}
		h.publishable(t, repo, s)
	}
	if diff := cmp.Diff(before, snapshot(t, h.outside)+snapshot(t, h.nginx)); diff != "" {
		t.Errorf("files were changed:\n%s", diff)
	}
	if _, err := os.Stat(h.ran); err == nil {
		t.Error("a program of this host ran")
	}
	if n := h.asked.Swap(0); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	harmless(t, "the log", log.String())
	if everything := said + log.String(); strings.Contains(everything, secret) {
		t.Errorf("a file of this host was told:\n%s", everything)
	}
}

// maxAlloc is how many bytes one repository may make the agent ask for altogether,
// most of which are free again at once.
const maxAlloc = 1 << 30

func totalAlloc() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// pass is `tandem run --once`.
func (h *host) pass(t *testing.T, repo string, log *bytes.Buffer) ([]deploy.Status, error) {
	t.Helper()
	cfg := config.Default()
	cfg.State, cfg.Repo.Branch = t.TempDir(), "main"
	cfg.Nginx.Dir, cfg.Nginx.Command, cfg.Docker.Host = h.nginx, filepath.Join(filepath.Dir(h.nginx), "nginx.sh"), "unix://"+h.docker
	cfg.Repo.URL = config.URL(repo)
	a, err := New(cfg, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	statuses, err := a.Once(t.Context())
	// The next repository is that of another agent, which may not have this one's directory.
	if err := os.Remove(filepath.Join(h.nginx, ownerFile)); err != nil {
		t.Error(err)
	}
	if closing := a.stacks.Close(); closing != nil {
		t.Error(closing)
	}
	return statuses, err
}

// told is what a person is told.
func told(statuses []deploy.Status, err error) string {
	var b strings.Builder
	for _, s := range statuses {
		b.WriteString(strings.TrimRight(s.Message, "\n") + "\n")
	}
	if err != nil {
		b.WriteString(err.Error() + "\n")
	}
	return b.String()
}

// publishable checks the status in git: it is YAML that says the message, and
// nothing in it moves a terminal.
func (h *host) publishable(t *testing.T, repo string, s deploy.Status) {
	t.Helper()
	text, err := reconciler.EncodeStatus(s)
	if err != nil {
		t.Fatal(err)
	}
	if published := show(t, repo, "tandem-status", s.App+".yaml"); published != string(text) {
		t.Errorf("published %q, want %q", published, text)
	}
	harmless(t, "the status", string(text))
	var back struct {
		App, Phase, Message string
	}
	if err := yaml.Unmarshal(text, &back); err != nil || back.Message != s.Message || back.App != s.App || back.Phase != string(s.Phase) {
		t.Errorf("read back as %+v (%v) from\n%s", back, err, text)
	}
}

func harmless(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			t.Errorf("%s holds the control character %U:\n%q", what, r, text)
			return
		}
	}
}

func (h *host) fill(text string) string {
	return strings.NewReplacer("%OUTSIDE%", h.outside, "%CANARY%", h.canary).Replace(text)
}

func (h *host) unfill(text string) string {
	return strings.NewReplacer(h.outside, "%OUTSIDE%", h.canary, "%CANARY%").Replace(text)
}

// rewrite puts what was said into the archive.
func (h *host) rewrite(t *testing.T, path, said string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := len(archive.Files) - 1
	if last < 0 || archive.Files[last].Name != "want" {
		archive.Files, last = append(archive.Files, txtar.File{Name: "want"}), last+1
	}
	archive.Files[last].Data = []byte(said)
	place(t, path, string(txtar.Format(archive)), 0o644)
}

// snapshot is all files below dir, with what is in them.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %q\n", path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
