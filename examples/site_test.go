package examples_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/harness/load"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// The site that users copy, with nothing changed but the address it listens on
// and the directory of the generated files, serves both routes of both colors.
func TestMinimal_SiteServesBothRoutesAndWebSocketsOfTheLiveColor(t *testing.T) {
	p := tb.Ports(t, 5)
	open := deploy.Accesses{Blue: deploy.AccessOpen, Green: deploy.AccessOpen}
	app := deploy.App{Name: "shop", Routes: []deploy.Route{
		{Name: "api", Service: "api", Ports: deploy.Ports{Blue: p[0], Green: p[1]}, Access: open},
		{Name: "web", Service: "web", Ports: deploy.Ports{Blue: p[2], Green: p[3]}, Access: open},
	}}
	for _, color := range deploy.Colors() {
		for _, route := range app.Routes {
			startShop(t, route.Name, color, route.Ports.Of(color))
		}
	}
	n := tb.Nginx(t, testbed.NginxOptions{}, func(*testbed.Nginx) testbed.NginxConfig { return testbed.NginxConfig{} })
	dir := filepath.Join(tb.Dir(t), "tandem")
	proxy, err := nginx.New(nginx.Options{Dir: dir, Command: n.Command(), Confirm: fmt.Sprintf("127.0.0.1:%d", p[4]), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var away *deploy.RouterError
	if _, err := proxy.Prepare(t.Context(), app); !errors.As(err, &away) || away.Reason != deploy.NotIncluded {
		t.Fatalf("prepare before the site is there: got %v, want NotIncluded", err)
	}
	addSite(t, n, dir)
	if _, err := proxy.Prepare(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	for _, color := range deploy.Colors() {
		if err := errors.Join(proxy.Flip(t.Context(), app, color), proxy.Confirm(t.Context(), app, color)); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/api/"} {
			answeredBy(t, n, path, color)
		}
	}
}

func startShop(t *testing.T, role string, color deploy.Color, port int) {
	t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.CommandContext(t.Context(), tb.GoBinary(t, "minimal/app"), role)
	cmd.Env = []string{"LISTEN=" + addr, "COLOR=" + string(color), "TAG=" + role}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // the end of the test's context has killed it
	})
	tb.Until(t, 20*time.Second, role, func() error {
		return send(t, load.Options{URL: "http://" + addr, Connections: 1, Requests: 1}).Err()
	})
}

func addSite(t *testing.T, n *testbed.Nginx, dir string) {
	t.Helper()
	site, err := os.ReadFile("minimal/nginx/shop.conf")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("/etc/nginx/tandem", dir, "listen 80;", "listen "+n.Addr()+";").Replace(string(site))
	if err := errors.Join(n.Configure(testbed.NginxConfig{HTTP: text}), n.ReloadAndWait(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// answeredBy asks through Nginx, and for the api holds a WebSocket too.
func answeredBy(t *testing.T, n *testbed.Nginx, path string, color deploy.Color) {
	t.Helper()
	o := load.Options{URL: n.URL(), Host: "shop.example.com", GetPath: path, Connections: 2, Requests: 20}
	want := load.Answer{Color: string(color), Tag: "web"}
	if path == "/api/" {
		want.Tag = "api"
		o.PostEvery, o.PostPath = 2, "/api/orders"
		o.WebSockets, o.WebSocketPath, o.EchoEvery, o.Rate = 1, "/api/ws", time.Millisecond, 200
	}
	got := send(t, o)
	if got.Err() != nil || got.Answers[want] != 20 {
		t.Errorf("%s on %s: %v, answers %v; want 20 from %v", path, color, got.Err(), got.Answers, want)
	}
	for _, s := range got.Sessions {
		if s.Answer != want || s.Messages == 0 {
			t.Errorf("%s on %s: %s, want echoes from %v", path, color, s, want)
		}
	}
	if len(got.Sessions) != o.WebSockets {
		t.Errorf("%s on %s: %d WebSockets, want %d", path, color, len(got.Sessions), o.WebSockets)
	}
}

func send(t *testing.T, o load.Options) load.Report {
	t.Helper()
	r, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Wait()
}
