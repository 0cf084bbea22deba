package nginx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// patience bounds every wait. Nothing is asserted about time itself.
const patience = time.Minute

// rig is a real Nginx, a Proxy for it, and an app with a backend for each color.
type rig struct {
	nginx   *testbed.Nginx
	proxy   *nginx.Proxy
	options nginx.Options
	dir     string // of the generated files
	app     deploy.App
	stacks  map[deploy.Color]*stack
}

// rigOptions say what differs from the usual rig: flip mode, both includes, one
// location that passes everything to the app.
type rigOptions struct {
	mode   string
	app    string
	http   string // more for the http block
	server string // instead of the usual include and location; %DIR% is the directory
	bare   bool   // the configuration includes nothing of tandem's
}

const usualServer = `include %DIR%/shop.server;
location / { proxy_pass http://$shop_api; proxy_http_version 1.1; proxy_set_header Connection $tandem_connection; proxy_set_header Upgrade $http_upgrade; }`

// newRig starts an Nginx as a user has it before tandem came: it runs, and
// includes what does not exist yet only where a missing file is no error.
func newRig(t *testing.T, o rigOptions) *rig {
	t.Helper()
	r := &rig{dir: filepath.Join(tb.Dir(t), "tandem"), stacks: map[deploy.Color]*stack{}}
	name := o.app
	if name == "" {
		name = "shop"
	}
	blue, green := newStack(t, deploy.Blue), newStack(t, deploy.Green)
	r.stacks[deploy.Blue], r.stacks[deploy.Green] = blue, green
	r.app = appWith(name, deploy.Route{Name: "api", Service: "api", Ports: deploy.Ports{Blue: blue.port, Green: green.port}})
	r.nginx = tb.Nginx(t, testbed.NginxOptions{Workers: 4}, func(*testbed.Nginx) testbed.NginxConfig { return testbed.NginxConfig{} })
	r.options = nginx.Options{Dir: r.dir, Switch: o.mode, Command: r.nginx.Command(),
		Confirm: fmt.Sprintf("127.0.0.1:%d", tb.Ports(t, 1)[0]), Logger: slog.New(slog.DiscardHandler)}
	r.restart(t)
	if !o.bare {
		// The files exist before they are included: this is how a user sets it up.
		if _, err := r.proxy.Prepare(t.Context(), r.app); !isReason(err, deploy.NotIncluded) {
			t.Fatalf("Prepare before the includes: got %v, want NotIncluded", err)
		}
		if o.server == "" {
			o.server = usualServer
		}
		r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\n" + o.http, Server: o.server})
	}
	return r
}

// restart replaces the Proxy by a new one, as when the agent is started again.
func (r *rig) restart(t *testing.T) {
	t.Helper()
	proxy, err := nginx.New(r.options)
	if err != nil {
		t.Fatal(err)
	}
	r.proxy = proxy
}

// configure writes the user's configuration; Nginx does not load it.
func (r *rig) configure(t *testing.T, c testbed.NginxConfig) {
	t.Helper()
	c.HTTP, c.Server = strings.ReplaceAll(c.HTTP, "%DIR%", r.dir), strings.ReplaceAll(c.Server, "%DIR%", r.dir)
	if err := r.nginx.Configure(c); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) prepare(t *testing.T) (repaired []string) {
	t.Helper()
	repaired, err := r.proxy.Prepare(t.Context(), r.app)
	if err != nil {
		t.Fatalf("Prepare: %v\n%s", err, r.nginx.ErrorLog())
	}
	return repaired
}

// flip moves the traffic and waits until Nginx says so.
func (r *rig) flip(t *testing.T, c deploy.Color) {
	t.Helper()
	if err := r.proxy.Flip(t.Context(), r.app, c); err != nil {
		t.Fatalf("Flip to %s: %v", c, err)
	}
	if err := r.proxy.Confirm(t.Context(), r.app, c); err != nil {
		t.Fatalf("Confirm %s: %v\n%s", c, err, r.nginx.ErrorLog())
	}
}

func (r *rig) wantLive(t *testing.T, want deploy.Color) {
	t.Helper()
	got, err := r.proxy.Live(t.Context(), r.app)
	if err != nil || got != want {
		t.Fatalf("Live: got %q and %v, want %s\n%s", got, err, want, r.nginx.ErrorLog())
	}
}

// wantTraffic asks as a user does, over new connections.
func (r *rig) wantTraffic(t *testing.T, want deploy.Color) {
	t.Helper()
	for range 20 {
		if got := get(t, r.nginx.URL()+"/"); got != string(want) {
			t.Fatalf("GET /: got %q, want %q\n%s", got, want, r.nginx.ErrorLog())
		}
	}
}

func (r *rig) file(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (r *rig) overwrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// workers are the ids of the workers that serve: a reload replaces all of them.
// Those that it told to finish go away in their own time.
func (r *rig) workers(t *testing.T) string {
	t.Helper()
	var ids []string
	for _, p := range r.processes(t) {
		if !strings.Contains(p.Title, "shutting down") {
			ids = append(ids, fmt.Sprint(p.PID))
		}
	}
	return strings.Join(ids, " ")
}

func (r *rig) processes(t *testing.T) []testbed.Process {
	t.Helper()
	all, err := r.nginx.Workers()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// appWith is an app whose ports Nginx may have.
func appWith(name string, routes ...deploy.Route) deploy.App {
	routes = slices.Clone(routes)
	for i := range routes {
		routes[i].Access = deploy.Accesses{Blue: deploy.AccessOpen, Green: deploy.AccessOpen}
	}
	return deploy.App{Name: name, Routes: routes, Standby: deploy.StandbyPolicy{Backup: deploy.BackupIdempotent}}
}

// stack is one color's backend. It counts its connections and keeps the
// headers of the last request.
type stack struct {
	color       deploy.Color
	port        int
	connections atomic.Int64
	last        atomic.Pointer[http.Request]
	release     chan struct{} // closed: requests for /slow are answered
	server      *http.Server
}

func newStack(t *testing.T, color deploy.Color) *stack {
	t.Helper()
	s := &stack{color: color, port: tb.Ports(t, 1)[0]}
	s.start(t)
	return s
}

// kill ends the stack with all its connections, as SIGKILL does.
func (s *stack) kill(t *testing.T) {
	t.Helper()
	if err := s.server.Close(); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) start(t *testing.T) {
	t.Helper()
	s.release = make(chan struct{})
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}}
	s.server = server
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func (s *stack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.last.Store(r)
	if strings.EqualFold(r.Header.Get("Upgrade"), "echo") {
		s.upgrade(w)
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return // the client left
	}
	switch r.URL.Path {
	case "/broken":
		w.WriteHeader(http.StatusInternalServerError)
	case "/slow":
		select {
		case <-s.release:
		case <-r.Context().Done():
		}
	case "/die": // in the middle of a request
		panic(http.ErrAbortHandler)
	}
	if strings.HasPrefix(r.URL.Path, "/path/") {
		_, _ = io.WriteString(w, r.RequestURI) // the client sees what is missing
		return
	}
	_, _ = io.WriteString(w, string(s.color)) // the client sees what is missing
}

// upgrade speaks the simplest protocol that needs what a WebSocket needs from a
// proxy: after the 101 it answers each line with the color and the line.
func (s *stack) upgrade(w http.ResponseWriter) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }() // the other end is the one that is tested
	if _, err := rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n"); err != nil {
		return
	}
	for rw.Flush() == nil {
		line, err := rw.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := rw.WriteString(string(s.color) + " " + line); err != nil {
			return
		}
	}
}

var fresh = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

func get(t testing.TB, url string) string {
	t.Helper()
	res, err := fresh.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

func isReason(err error, want deploy.Reason) bool {
	var e *deploy.RouterError
	return errors.As(err, &e) && e.Reason == want
}

// wantReason checks an error's reason and that its detail says each of the words.
func wantReason(t *testing.T, err error, want deploy.Reason, words ...string) {
	t.Helper()
	var e *deploy.RouterError
	if !errors.As(err, &e) || e.Reason != want {
		t.Fatalf("got error %v, want %s", err, want)
	}
	for _, w := range words {
		if !strings.Contains(e.Detail, w) {
			t.Errorf("detail %q does not say %q", e.Detail, w)
		}
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
