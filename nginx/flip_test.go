package nginx_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

func TestFlip_MovesTrafficBothWaysWithoutAReload(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.wantLive(t, deploy.Blue)
	r.wantTraffic(t, deploy.Blue)
	workers := r.workers(t)
	for _, c := range []deploy.Color{deploy.Green, deploy.Blue, deploy.Green} {
		r.flip(t, c)
		r.wantLive(t, c)
		r.wantTraffic(t, c)
	}
	if got := r.workers(t); got != workers {
		t.Errorf("workers before: %s, after: %s; want no reload", workers, got)
	}
}

func TestFlip_UnderBusyKeepAliveConnectionsFailsNoRequest(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.flipsUnderLoad(t)
}

// flipsUnderLoad flips to and fro under busy kept-alive connections, of which no request may
// fail.
func (r *rig) flipsUnderLoad(t *testing.T) {
	t.Helper()
	load := startLoad(t, r.nginx.URL(), 32)
	color := deploy.Blue
	for range 20 {
		before := load.answered.Load()
		color = color.Other()
		r.flip(t, color)
		r.wantTraffic(t, color)
		tb.Until(t, patience, "more answers", func() error {
			if n := load.answered.Load() - before; n < 320 {
				return fmt.Errorf("%d answers", n)
			}
			return nil
		})
	}
	load.stop()
	if n := load.failed.Load(); n != 0 {
		t.Errorf("%d of %d requests failed, the first with: %v", n, load.answered.Load()+n, load.first.Load())
	}
}

func TestFlip_IsSeenAtOnceWhereTheUserCachesOpenFiles(t *testing.T) {
	r := newRig(t, rigOptions{http: "open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s; open_file_cache_errors on;"})
	r.prepare(t)
	for _, c := range []deploy.Color{deploy.Green, deploy.Blue, deploy.Green} {
		r.wantTraffic(t, c.Other()) // fills the cache
		r.flip(t, c)
		r.wantTraffic(t, c)
	}
}

func TestFlip_SurvivesARestartOfNginx(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.flip(t, deploy.Green)
	if err := errors.Join(r.nginx.Kill(within(t)), r.nginx.Start(within(t))); err != nil {
		t.Fatal(err)
	}
	r.restart(t)
	r.wantLive(t, deploy.Green)
	r.wantTraffic(t, deploy.Green)
}

func TestFlip_ToNoColorIsAnErrorAndChangesNothing(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.flip(t, deploy.Green)
	if err := r.proxy.Flip(t.Context(), r.app, deploy.NoColor); err == nil {
		t.Error("want an error")
	}
	r.wantTraffic(t, deploy.Green)
}

func TestConfirm_TellsWhenNginxCannotSeeTheFlag(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	if err := os.Chmod(filepath.Join(r.dir, "live"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.proxy.Flip(t.Context(), r.app, deploy.Green); err != nil {
		t.Fatal(err)
	}
	err := r.proxy.Confirm(t.Context(), r.app, deploy.Green)
	wantReason(t, err, deploy.NginxBroken, "goes on answering blue", r.dir+"/live")
}

func TestSite_KeepsUpstreamConnectionsAndSendsNoUpgradeWithOrdinaryRequests(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	for range 200 {
		res, err := client.Get(r.nginx.URL())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	blue := r.stacks[deploy.Blue]
	// One client connection means one worker, and that needs one connection.
	if n := blue.connections.Load(); n > 2 {
		t.Errorf("200 requests took %d connections to the app, want 1", n)
	}
	if h := blue.last.Load().Header; len(h["Connection"]) != 0 || len(h["Upgrade"]) != 0 {
		t.Errorf("the app got Connection %q and Upgrade %q, want neither", h["Connection"], h["Upgrade"])
	}
}

func TestSite_UpgradedConnectionSurvivesAFlip(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	old := dialUpgraded(t, r.nginx.Addr())
	old.want(t, "one", "blue one")
	r.flip(t, deploy.Green)
	old.want(t, "two", "blue two")
	dialUpgraded(t, r.nginx.Addr()).want(t, "three", "green three")
}

func TestIdle_IsFalseWhileNginxHasAConnectionToTheStack(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	open := dialUpgraded(t, r.nginx.Addr())
	open.want(t, "hello", "blue hello")
	r.flip(t, deploy.Green)
	idle := func(c deploy.Color) bool {
		t.Helper()
		open, err := r.proxy.Connections(t.Context(), r.app, c)
		if err != nil {
			t.Fatal(err)
		}
		return open.Idle()
	}
	if idle(deploy.Blue) {
		t.Error("blue is idle while a connection is open")
	}
	if !idle(deploy.Green) {
		t.Error("green is not idle though nobody asked it")
	}
	if err := open.conn.Close(); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "blue to be idle", func() error {
		if !idle(deploy.Blue) {
			return errors.New("it is not")
		}
		return nil
	})
}

func TestAccessLog_IsJSONWithTheColorThatAnswered(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	get(t, r.nginx.URL()+`/a"b?token=secret`)
	r.flip(t, deploy.Green)
	get(t, r.nginx.URL()+"/c")
	type line struct {
		Time         float64 `json:"time"`
		App          string  `json:"app"`
		Color        string  `json:"color"`
		Status       int     `json:"status"`
		Method       string  `json:"method"`
		URI          string  `json:"uri"`
		UpstreamAddr string  `json:"upstream_addr"`
		UpstreamTime string  `json:"upstream_response_time"`
	}
	var text string
	tb.Until(t, patience, "both lines", func() error { // they are written after the answer
		if text = strings.TrimSpace(r.file(t, "log/shop.access.log")); strings.Count(text, "\n") < 1 {
			return errors.New(text)
		}
		return nil
	})
	if strings.Contains(text, "secret") {
		t.Error("the log holds the query, which may hold a secret")
	}
	var got []line
	for l := range strings.Lines(text) {
		var x line
		if err := json.Unmarshal([]byte(l), &x); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		if x.Time == 0 || x.UpstreamTime == "" {
			t.Errorf("%s: no time", l)
		}
		x.Time, x.UpstreamTime = 0, ""
		got = append(got, x)
	}
	port := func(c deploy.Color) string { return fmt.Sprintf("127.0.0.1:%d", r.stacks[c].port) }
	want := []line{
		{0, "shop", "blue", 200, "GET", `/a"b`, port(deploy.Blue), ""},
		{0, "shop", "green", 200, "GET", "/c", port(deploy.Green), ""},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// upgraded is a connection that speaks the echo protocol of stack.
type upgraded struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialUpgraded(t *testing.T, addr string) *upgraded {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	u := &upgraded{conn, bufio.NewReader(conn)}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(u.in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %v, %v", res, err)
	}
	return u
}

func (u *upgraded) want(t *testing.T, say, want string) {
	t.Helper()
	if _, err := io.WriteString(u.conn, say+"\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := u.in.ReadString('\n'); err != nil || strings.TrimSpace(got) != want {
		t.Fatalf("got %q and %v, want %q", got, err, want)
	}
}

// load is a number of clients that ask over one kept connection each, GET and
// POST in turn, and never try again.
type load struct {
	answered, failed atomic.Int64
	first            atomic.Value
	stop             func()
}

func startLoad(t *testing.T, url string, clients int) *load {
	t.Helper()
	return startLoadOf(t, url, clients, func(n int) bool { return n%2 == 1 })
}

// onlyGETs and onlyPOSTs are for startLoadOf.
func onlyGETs(int) bool  { return false }
func onlyPOSTs(int) bool { return true }

func startLoadOf(t *testing.T, url string, clients int, post func(n int) bool) *load {
	t.Helper()
	l := &load{}
	var wg sync.WaitGroup
	done := make(chan struct{})
	l.stop = sync.OnceFunc(func() { close(done); wg.Wait() })
	t.Cleanup(l.stop)
	for range clients {
		wg.Go(func() {
			c := &client{addr: strings.TrimPrefix(url, "http://")}
			defer c.close()
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if err := c.ask(post(n)); err != nil {
					l.failed.Add(1)
					l.first.CompareAndSwap(nil, err.Error())
					c.close()
				} else {
					l.answered.Add(1)
				}
			}
		})
	}
	return l
}

// client is written by hand because net/http tries again on its own, which
// would hide what is looked for.
type client struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close() // its requests are over
		c.conn = nil
	}
}

func (c *client) ask(post bool) error {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			return err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	request := "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
	if post {
		request = "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbody"
	}
	if _, err := io.WriteString(c.conn, request); err != nil {
		return err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || string(body) != "blue" && string(body) != "green") {
		err = fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	err = errors.Join(err, res.Body.Close())
	if res.Close {
		c.close() // Nginx said so, after a thousand requests
	}
	return err
}
