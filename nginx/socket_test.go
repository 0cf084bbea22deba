package nginx_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

func siteOf(server string) testbed.NginxConfig {
	return testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: server}
}

func (r *rig) wantOpen(t *testing.T, c deploy.Color, want deploy.Connections) {
	t.Helper()
	tb.Until(t, patience, fmt.Sprintf("%s to have %+v", c, want), func() error {
		got, err := r.proxy.Connections(t.Context(), r.app, c)
		if err != nil || got != want {
			return fmt.Errorf("open are %+v: %w", got, err)
		}
		return nil
	})
}

// askSlowly leaves a request in flight until the stack is released.
func (r *rig) askSlowly(t *testing.T, c deploy.Color, headers string) (answered <-chan string) {
	t.Helper()
	conn, err := net.Dial("tcp", r.nginx.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	r.stacks[c].last.Store(nil)
	if _, err := io.WriteString(conn, "POST /slow HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n"+headers+"\r\nbody"); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "the request to arrive", func() error {
		if last := r.stacks[c].last.Load(); last == nil {
			return errors.New("it did not")
		}
		return nil
	})
	told := make(chan string, 1)
	go func() {
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			told <- err.Error()
			return
		}
		body, err := io.ReadAll(res.Body)
		told <- fmt.Sprint(res.StatusCode, " ", string(body), " ", errors.Join(err, res.Body.Close()))
	}()
	return told
}

func TestConnections_TellWebSocketsFromRequests(t *testing.T) {
	for _, backupOn := range []bool{false, true} {
		r := newRig(t, rigOptions{})
		r.prepare(t)
		r.setBackup(t, backupOn)
		first, second := dialUpgraded(t, r.nginx.Addr()), dialUpgraded(t, r.nginx.Addr())
		r.wantOpen(t, deploy.Blue, deploy.Connections{WebSockets: 2})
		slow := r.askSlowly(t, deploy.Blue, "")
		// Some clients offer HTTP/2 with every request.
		offering := r.askSlowly(t, deploy.Blue, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n")
		r.wantOpen(t, deploy.Blue, deploy.Connections{Requests: 2, WebSockets: 2})
		r.flip(t, deploy.Green)
		first.want(t, "still", "blue still")
		r.wantOpen(t, deploy.Blue, deploy.Connections{Requests: 2, WebSockets: 2})
		r.wantOpen(t, deploy.Green, deploy.Connections{})
		close(r.stacks[deploy.Blue].release)
		for _, answer := range []<-chan string{slow, offering} {
			if got := <-answer; got != "200 blue <nil>" {
				t.Errorf("the request in flight got %s", got)
			}
		}
		r.wantOpen(t, deploy.Blue, deploy.Connections{WebSockets: 2})
		if err := errors.Join(first.conn.Close(), second.conn.Close()); err != nil {
			t.Fatal(err)
		}
		r.wantOpen(t, deploy.Blue, deploy.Connections{})
	}
}

func TestConnections_RefusedUpgradeLeavesNoWebSocketBehind(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	req, err := http.NewRequestWithContext(within(t), http.MethodGet, r.nginx.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "upgrade")
	req.Header.Set("Upgrade", "something")
	res, err := fresh.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("got status %d and %v", res.StatusCode, err)
	}
	r.wantOpen(t, deploy.Blue, deploy.Connections{})
}

func TestConnections_InReloadModeAWebSocketIsARequest(t *testing.T) {
	r := newRig(t, rigOptions{mode: nginx.SwitchReload})
	r.prepare(t)
	dialUpgraded(t, r.nginx.Addr()).want(t, "hello", "blue hello")
	r.wantOpen(t, deploy.Blue, deploy.Connections{Requests: 1})
}

// TestSite_OnlyWebSocketsComeFromTheirAddress looks at what the other end sees.
func TestSite_OnlyWebSocketsComeFromTheirAddress(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.write(t)
	own := fmt.Sprintf("http://127.0.0.1:%d", r.stacks[deploy.Green].port)
	r.configure(t, siteOf(usualServer+`
location /own { proxy_bind 127.0.0.3; proxy_pass `+own+`; proxy_set_header Upgrade $http_upgrade; }
location /plain { proxy_pass `+own+`; proxy_set_header Upgrade $http_upgrade; }`))
	r.prepare(t)
	for _, c := range []struct {
		path  string
		color deploy.Color
		from  string
	}{
		{"/", deploy.Blue, "127.0.0.1"},
		{"/own", deploy.Green, "127.0.0.3"},
		{"/plain", deploy.Green, "127.0.0.1"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			wantStatus(t, method, r.nginx.URL()+c.path, http.StatusOK)
			if got := r.stacks[c.color].last.Load().RemoteAddr; !strings.HasPrefix(got, c.from+":") {
				t.Errorf("%s %s came from %s, want %s", method, c.path, got, c.from)
			}
		}
	}
	dialUpgraded(t, r.nginx.Addr()).want(t, "hello", "blue hello")
	if got := r.stacks[deploy.Blue].last.Load().RemoteAddr; !strings.HasPrefix(got, "127.0.0.2:") {
		t.Errorf("the WebSocket came from %s, want 127.0.0.2", got)
	}
}
