package nginx_test

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// scriptSite is the site of the well-known script: it asks for an upgrade with every request.
const scriptSite = `location / {
    proxy_pass http://app_backend;
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
}`

const inHTTP = "include %DIR%/*.conf;\n"

// newUpstreamRig is a site that passes to app_backend, which is tandem's.
func newUpstreamRig(t *testing.T, http, server string) *rig {
	t.Helper()
	r := newRig(t, rigOptions{bare: true})
	r.app.Routes[0].Upstream = "app_backend"
	r.write(t)
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP + http, Server: server})
	r.prepare(t)
	return r
}

// app replaces the blue stack.
func (r *rig) blueIs(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(u.Port(), &r.app.Routes[0].Ports.Blue); err != nil {
		t.Fatal(err)
	}
	r.prepare(t)
}

func TestUpstream_FlipsWithoutAReloadAndFailsNoRequest(t *testing.T) {
	for name, site := range map[string]string{"the script's": scriptSite, "the shortest": "location / { proxy_pass http://app_backend; }"} {
		t.Run(name, func(t *testing.T) {
			r := newUpstreamRig(t, "", site)
			r.prepare(t)
			workers := r.workers(t)
			r.flipsUnderLoad(t)
			if got := r.workers(t); got != workers {
				t.Errorf("workers before: %s, after: %s; want no reload", workers, got)
			}
		})
	}
}

// Where the site's own group stands while tandem comes, and what a person then writes.
func TestUpstream_OneEditAndOneReloadMoveTheSite(t *testing.T) {
	for name, c := range map[string]struct{ includes, edit, unproven string }{
		"without a line of tandem's":        {"", "include %DIR%/*.conf;\n", "it is not to be written yet"},
		"with the line, for another app":    {inHTTP, inHTTP + "include %DIR%/shop.app_backend.upstream;\n", "leave all else of the site"},
		"with the line, and only taken out": {inHTTP, inHTTP, "leave all else of the site"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{bare: true})
			old := newStack(t, deploy.Blue)
			own := fmt.Sprintf("upstream app_backend { server 127.0.0.1:%d; }\n", old.port)
			r.configure(t, testbed.NginxConfig{HTTP: c.includes + own, Server: scriptSite})
			if err := r.nginx.ReloadAndWait(within(t)); err != nil {
				t.Fatal(err)
			}
			r.app.Routes[0].Upstream = "app_backend"
			wantTest := func() {
				t.Helper()
				if out, err := r.test(); err != nil {
					t.Fatalf("nginx -t: %v\n%s", err, out)
				}
			}
			load := startFreshLoad(t, r.nginx.URL(), 4)

			// Nothing is proven: the old world serves, and nobody is to change anything.
			_, err := r.proxy.Prepare(t.Context(), closed(r.app))
			if err == nil {
				err = r.site(t, closed(r.app))
			}
			if err == nil || !strings.Contains(err.Error(), c.unproven) || !strings.Contains(err.Error(), "nginx.conf:") && c.includes == "" {
				t.Errorf("before the gate: got %v", err)
			}
			wantTest()

			// The release has passed its gate in green.
			if err := r.proxy.Flip(t.Context(), r.app, deploy.Green); err != nil {
				t.Fatal(err)
			}
			_, err = r.proxy.Prepare(t.Context(), r.app)
			line := strings.TrimSpace(strings.TrimPrefix(strings.ReplaceAll(c.edit, "%DIR%", r.dir), strings.ReplaceAll(c.includes, "%DIR%", r.dir)))
			where := regexp.MustCompile(`nginx\.conf:\d+`)
			for _, word := range []string{line, `"app_backend"`} {
				if err == nil || !strings.Contains(err.Error(), word) || !where.MatchString(err.Error()) {
					t.Errorf("after the gate: got %v, want it to say %q and where", err, word)
				}
			}
			if c.includes != "" {
				wantReason(t, err, deploy.SiteOutdated)
				wantReason(t, r.site(t, r.app), deploy.NotIncluded, "app_backend", "in the place of", "nginx.conf:")
			}
			wantTest()
			r.wantTraffic(t, deploy.Blue)
			if old.connections.Load() == 0 {
				t.Fatal("the old world does not serve")
			}

			// The one edit.
			r.configure(t, testbed.NginxConfig{HTTP: c.edit, Server: scriptSite})
			if c.edit != c.includes {
				wantTest()
				if err := r.nginx.ReloadAndWait(within(t)); err != nil {
					t.Fatal(err)
				}
			}
			r.prepare(t)
			r.wantTraffic(t, deploy.Green)
			tb.Until(t, patience, "a site that is in force", func() error { return r.site(t, r.app) })
			wantTest()
			r.flip(t, deploy.Blue)
			r.flip(t, deploy.Green)
			r.wantTraffic(t, deploy.Green)
			load.stop()
			if n := load.failed.Load(); n != 0 || load.answered.Load() == 0 {
				t.Errorf("%d of %d requests failed, the first with: %v", n, load.answered.Load()+n, load.first.Load())
			}
			calls := r.count(t)
			r.prepare(t)
			r.prepare(t)
			if got := calls(); got != "-V -T" && got != "-T -V" && got != "-V" {
				t.Errorf("unchanged: ran nginx with %q", got)
			}
		})
	}
}

// test is what a person calls before they reload.
func (r *rig) test() (output string, err error) {
	p, err := nginx.New(r.options)
	if err != nil {
		return "", err
	}
	return p.TestConfiguration()
}

// startFreshLoad is startLoad over new connections: a reload closes kept ones.
func startFreshLoad(t *testing.T, url string, clients int) *load {
	t.Helper()
	l := &load{}
	var wg sync.WaitGroup
	done := make(chan struct{})
	l.stop = sync.OnceFunc(func() { close(done); wg.Wait() })
	t.Cleanup(l.stop)
	for range clients {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				c := &client{addr: strings.TrimPrefix(url, "http://")}
				if err := c.ask(false); err != nil {
					l.failed.Add(1)
					l.first.CompareAndSwap(nil, err.Error())
				} else {
					l.answered.Add(1)
				}
				c.close()
			}
		})
	}
	return l
}

func TestUpstream_TheAppGetsWhatTheSiteSent(t *testing.T) {
	r := newUpstreamRig(t, "", `underscores_in_headers on;
large_client_header_buffers 4 32k;
`+scriptSite+`
location /named { proxy_pass http://app_backend; proxy_set_header Host shop.example.com:8443; proxy_set_header X-Forwarded-Proto https; }
location /plain { proxy_pass http://app_backend; }`)
	got := make(chan *http.Request, 1)
	r.blueIs(t, func(_ http.ResponseWriter, r *http.Request) { got <- r })
	ask := func(path string) *http.Request {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, r.nginx.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Cookie": {"a=b; c=" + strings.Repeat("d", 20<<10)}, "X-Any": {"  thing "}, "under_score": {"kept"},
			"X-Forwarded-For": {"192.0.2.7"}, "Authorization": {"Bearer x"}, "Accept-Encoding": {"br"}}
		res, err := fresh.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, res.Status, err)
		}
		return <-got
	}
	a := ask("/a%20b//c/../d?e=%2F&f")
	for name, want := range map[string]string{
		"X-Forwarded-For": "192.0.2.7, 127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Any": "thing",
		"Under_score": "kept", "Authorization": "Bearer x", "Accept-Encoding": "br", "Connection": "", "Upgrade": "",
	} {
		if all := strings.Join(a.Header[name], "|"); all != want {
			t.Errorf("%s is %q, want %q", name, all, want)
		}
	}
	if a.Host != "127.0.0.1" || a.RequestURI != "/a%20b//c/../d?e=%2F&f" || len(a.Header.Get("Cookie")) != len("a=b; c=")+(20<<10) {
		t.Errorf("Host %q, URI %q, a cookie of %d", a.Host, a.RequestURI, len(a.Header.Get("Cookie")))
	}
	if b := ask("/named"); b.Host != "shop.example.com:8443" || b.Header.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("Host %q, X-Forwarded-Proto %q", b.Host, b.Header.Get("X-Forwarded-Proto"))
	}
	if c := ask("/plain"); c.Host != "app_backend" || c.Header.Get("X-Forwarded-For") != "192.0.2.7" {
		t.Errorf("Host %q, X-Forwarded-For %q", c.Host, c.Header.Get("X-Forwarded-For"))
	}
}

func TestUpstream_TheSiteGetsWhatTheAppAnswered(t *testing.T) {
	// What the http block says is for people, once.
	r := newUpstreamRig(t, `add_header X-Site once; gzip on; gzip_proxied any; gzip_min_length 1; gzip_http_version 1.0; charset utf-8; expires 1h;
deny 192.0.2.1; client_max_body_size 1k; proxy_buffer_size 4k; proxy_intercept_errors on; error_page 404 /missing.html;
limit_req_zone $binary_remote_addr zone=few:1m rate=1r/m;`, `gzip off; proxy_intercept_errors off; error_page 404 /404.html; limit_req zone=few burst=1000 nodelay;
`+scriptSite+`
location /files/ { internal; return 200 "the file"; }
location /server { proxy_pass http://app_backend; proxy_pass_header Server; }`)
	r.blueIs(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Server", "the app's")
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Set-Cookie", "big="+strings.Repeat("x", 3000))
		w.Header().Set("Location", "http://elsewhere.example.com/x")
		switch req.URL.Path {
		case "/accel":
			w.Header().Set("X-Accel-Redirect", "/files/x")
		case "/301", "/404", "/413", "/500", "/502", "/503", "/504":
			var code int
			_, _ = fmt.Sscan(req.URL.Path[1:], &code) // the path is a number
			w.WriteHeader(code)
			_, _ = fmt.Fprint(w, "the app's own words") // the client sees what is missing
		default:
			_, _ = fmt.Fprint(w, strings.Repeat("page ", 100))
		}
	})
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(path string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, r.nginx.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	for _, code := range []int{301, 404, 413, 500, 502, 503, 504} {
		if res, body := ask(fmt.Sprintf("/%d", code)); res.StatusCode != code || body != "the app's own words" || res.Header.Get("Location") != "http://elsewhere.example.com/x" {
			t.Errorf("%d: got %s, %q, %v", code, res.Status, body, res.Header)
		}
	}
	res, body := ask("/page")
	if len(res.Header["X-Site"]) != 1 || len(res.Header["Expires"]) != 1 || res.Header.Get("Content-Encoding") != "" || len(body) != 500 || len(res.Header.Get("Set-Cookie")) != 3004 {
		t.Errorf("got %d bytes, %v", len(body), res.Header)
	}
	if res, body := ask("/accel"); body != "the file" {
		t.Errorf("X-Accel-Redirect: got %s, %q", res.Status, body)
	}
	if res, _ := ask("/server"); res.Header.Get("Server") != "the app's" {
		t.Errorf("Server is %q", res.Header.Get("Server"))
	}
}

// What a site does where its app is down is the site's own business, as it was before.
func TestUpstream_AnAppThatIsDownIsTheSites502(t *testing.T) {
	r := newUpstreamRig(t, "", scriptSite+`
error_page 502 /down.html;
location = /down.html { internal; return 200 "back soon"; }`)
	r.app.Standby.Backup = deploy.BackupOff
	r.prepare(t)
	r.stacks[deploy.Blue].kill(t)
	res, err := fresh.Get(r.nginx.URL() + "/x")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusBadGateway || string(body) != "back soon" {
		t.Errorf("got %s, %q, %v", res.Status, body, err)
	}
	tb.Until(t, patience, "an error in the log", func() error {
		got, err := r.proxy.Traffic(t.Context(), r.app, deploy.Blue, time.Now().Add(-time.Hour))
		if err != nil || got.Errors == 0 || got.Errors != got.Requests {
			return fmt.Errorf("%+v, %w: %s", got, err, r.file(t, "log/shop.access.log"))
		}
		return nil
	})
}

func TestUpstream_TheBackupAnswersWhatTheLiveStackCannot(t *testing.T) {
	r := newUpstreamRig(t, "", scriptSite)
	r.setBackup(t, true)
	r.stacks[deploy.Blue].kill(t)
	for range 20 {
		if got := get(t, r.nginx.URL()+"/"); got != "green" {
			t.Errorf("got %q, want green", got)
		}
	}
}

func TestUpstream_BodiesAreStreamedBothWays(t *testing.T) {
	const streaming = "location / { proxy_pass http://app_backend; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_request_buffering off; proxy_buffering off; client_max_body_size 0; }"
	r := newUpstreamRig(t, "client_max_body_size 1m;", streaming)
	r.blueIs(t, func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/echo": // each line as it comes, before the next one is sent
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				panic(err)
			}
			w.WriteHeader(http.StatusOK)
			in := bufio.NewScanner(req.Body)
			for http.NewResponseController(w).Flush() == nil && in.Scan() {
				_, _ = fmt.Fprintln(w, in.Text()) // the client sees what is missing
			}
		case "/sum":
			hash := sha256.New()
			n, err := io.Copy(hash, req.Body)
			_, _ = fmt.Fprint(w, n, " ", hex.EncodeToString(hash.Sum(nil)), " ", err) // as above
		case "/large":
			for i := range 4 << 10 {
				_, _ = w.Write([]byte(strings.Repeat(string(rune('a'+i%26)), 4<<10))) // as above
			}
		}
	})
	t.Run("line by line", func(t *testing.T) {
		body, lines := io.Pipe()
		defer func() { _ = lines.Close() }() // a second time where all is well
		sent := make(chan error, 1)
		go func() {
			_, err := fmt.Fprintln(lines, "one")
			sent <- err
		}()
		req, err := http.NewRequest(http.MethodPost, r.nginx.URL()+"/echo", body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := fresh.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }() // the test has read what it wants
		in := bufio.NewReader(res.Body)
		for i, line := range []string{"one", "two", "three"} {
			if i > 0 {
				if _, err := fmt.Fprintln(lines, line); err != nil {
					t.Fatal(err)
				}
				sent <- nil
			}
			if got, err := in.ReadString('\n'); err != nil || got != line+"\n" {
				t.Fatalf("got %q and %v, want %s", got, err, line)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		}
		if err := lines.Close(); err != nil {
			t.Fatal(err)
		}
	})
	for name, length := range map[string]int64{"of a known length": 8 << 20, "in chunks": -1} {
		t.Run("an upload "+name, func(t *testing.T) {
			text := strings.Repeat("0123456789abcdef", 8<<20/16)
			req, err := http.NewRequest(http.MethodPost, r.nginx.URL()+"/sum", io.MultiReader(strings.NewReader(text)))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			res, err := fresh.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			want := fmt.Sprintf("%d %x <nil>", len(text), sha256.Sum256([]byte(text)))
			if err := errors.Join(err, res.Body.Close()); err != nil || string(got) != want {
				t.Errorf("got %s and %v, want %s", got, err, want)
			}
		})
	}
	t.Run("a download", func(t *testing.T) {
		if got := get(t, r.nginx.URL()+"/large"); len(got) != 16<<20 {
			t.Errorf("got %d bytes", len(got))
		}
	})
}

func TestUpstream_WebSocketsAndTLSOfTheSite(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.app.Routes[0].Upstream = "app_backend"
	r.write(t)
	pool := certify(t, r.nginx.Dir)
	port := tb.Ports(t, 1)[0]
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP + fmt.Sprintf(
		"server { listen 127.0.0.1:%d ssl; server_name shop.example.com; ssl_certificate %[2]s/shop.pem; ssl_certificate_key %[2]s/shop.key; %[3]s }", port, r.nginx.Dir, scriptSite),
		Server: scriptSite})
	r.prepare(t)
	old := dialUpgraded(t, r.nginx.Addr())
	old.want(t, "one", "blue one")
	tb.Until(t, patience, "a WebSocket", func() error {
		if open, err := r.proxy.Connections(t.Context(), r.app, deploy.Blue); err != nil || open.WebSockets != 1 {
			return fmt.Errorf("open are %+v: %w", open, err)
		}
		return nil
	})
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "shop.example.com"}}}
	for _, c := range []deploy.Color{deploy.Green, deploy.Blue, deploy.Green} {
		r.flip(t, c)
		res, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d/", port))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil || string(body) != string(c) {
			t.Errorf("got %q and %v, want %s", body, err, c)
		}
		if h := r.stacks[c].last.Load(); h.Header.Get("X-Forwarded-Proto") != "https" || len(h.Header["Connection"]) != 0 {
			t.Errorf("the app got %v", h.Header)
		}
	}
	old.want(t, "two", "blue two")
	dialUpgraded(t, r.nginx.Addr()).want(t, "three", "green three")
}

// The listener takes HTTP. Whoever follows the words gets the app's variable.
func TestUpstream_AnotherProtocolIsToldToUseTheVariable(t *testing.T) {
	for pass, word := range map[string]string{"fastcgi_pass app_backend;": "fastcgi_pass", "proxy_pass https://app_backend;": "https://"} {
		r := newRig(t, rigOptions{bare: true})
		r.app.Routes[0].Upstream = "app_backend"
		r.configure(t, testbed.NginxConfig{HTTP: "upstream app_backend { server 127.0.0.1:1; }", Server: "location / { " + pass + " }"})
		_, err := r.proxy.Prepare(t.Context(), r.app)
		wantReason(t, err, deploy.NotIncluded, word, "takes HTTP alone", "$shop_api", "include "+r.dir+"/shop.server;", "nginx.conf:")
		r.configure(t, testbed.NginxConfig{HTTP: inHTTP + "upstream app_backend { server 127.0.0.1:1; }", Server: "location / { " + pass + " }"})
		r.prepare(t) // Nginx refused both groups of the name, and did not say more
		_, err = r.proxy.Prepare(t.Context(), r.app)
		wantReason(t, err, deploy.SiteOutdated, word, "takes HTTP alone", "$shop_api")
		wantReason(t, r.site(t, r.app), deploy.NotIncluded, "takes HTTP alone")
	}
}

// The watch reads tandem's log; the log of the site has one line a request, as before.
func TestUpstream_EachRequestIsCountedOnceWithItsColor(t *testing.T) {
	// The site includes the app's file, too, and the name is one that could be a group's.
	r := newRig(t, rigOptions{bare: true, app: "app"})
	r.app.Routes[0].Upstream = "app_backend"
	r.write(t)
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP, Server: "include %DIR%/app.server; access_log %DIR%/log/people.log; " + scriptSite})
	r.prepare(t)
	r.flip(t, deploy.Green)
	for range 10 {
		get(t, r.nginx.URL()+"/x")
	}
	tb.Until(t, patience, "ten requests", func() error {
		got, err := r.proxy.Traffic(t.Context(), r.app, deploy.Green, time.Now().Add(-time.Hour))
		if err != nil || got.Requests != 10 || got.Errors != 0 || got.P95 <= 0 {
			return fmt.Errorf("%+v, %w: %s", got, err, r.file(t, "log/app.access.log"))
		}
		return nil
	})
	if people := r.file(t, "log/people.log"); strings.Count(people, "GET /x") != 10 {
		t.Errorf("the site's log has %s", people)
	}
}

func TestUpstream_ConnectionsToTheAppAreKept(t *testing.T) {
	r := newUpstreamRig(t, "", strings.Replace(scriptSite, `"upgrade"`, "''", 1))
	client := &client{addr: r.nginx.Addr()}
	defer client.close()
	for range 200 {
		if err := client.ask(false); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.stacks[deploy.Blue].connections.Load(); n > 8 {
		t.Errorf("200 requests took %d connections to the app", n)
	}
}

func TestUpstream_TheListenerIsOnLoopbackAndKeepsItsPort(t *testing.T) {
	r := newUpstreamRig(t, "", scriptSite) // with the ports that an agent has by default
	listen := regexp.MustCompile(`(?m)^    listen (.*);$`)
	at := listen.FindStringSubmatch(r.file(t, "shop.listeners"))
	if at == nil || !strings.HasPrefix(at[1], "127.0.0.1:21") {
		t.Fatalf("it listens on %v", at)
	}
	if !strings.Contains(r.file(t, "shop.conf"), "server "+at[1]+";") {
		t.Errorf("the upstream does not lead to %s:\n%s", at[1], r.file(t, "shop.conf"))
	}
	r.restart(t)
	r.app.Routes[0].Ports.Green = newStack(t, deploy.Green).port // so that the files are written anew
	r.prepare(t)
	if again := listen.FindStringSubmatch(r.file(t, "shop.listeners")); again[1] != at[1] {
		t.Errorf("it listens on %s, before on %s", again[1], at[1])
	}

	t.Run("another app of the same site gets another one", func(t *testing.T) {
		pear := appWith("pear", deploy.Route{Name: "api", Upstream: "pear_servers", Ports: r.app.Routes[0].Ports})
		if _, err := r.proxy.Prepare(t.Context(), pear); err != nil {
			t.Fatal(err)
		}
		if other := listen.FindStringSubmatch(r.file(t, "pear.listeners")); other[1] == at[1] {
			t.Errorf("both listen on %s", at[1])
		}
	})
	t.Run("one of another app is not taken", func(t *testing.T) {
		r.restart(t) // who knows of it from the files alone
		app := appWith("plum", deploy.Route{Name: "api", Upstream: "plum_servers", Ports: r.app.Routes[0].Ports})
		if _, err := fmt.Sscan(strings.TrimPrefix(at[1], "127.0.0.1:"), &app.Routes[0].Listen); err != nil {
			t.Fatal(err)
		}
		_, err := r.proxy.Prepare(t.Context(), app)
		wantReason(t, err, deploy.PortTaken, "the app shop")
	})
	t.Run("one that a program has is not taken", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		app := r.app
		app.Name = "plum"
		app.Routes = []deploy.Route{r.app.Routes[0]}
		app.Routes[0].Upstream, app.Routes[0].Listen = "plum_servers", l.Addr().(*net.TCPAddr).Port
		_, err = r.proxy.Prepare(t.Context(), app)
		wantReason(t, err, deploy.PortTaken, fmt.Sprint(app.Routes[0].Listen), "plum_servers")
		app.Routes[0].Listen = tb.Ports(t, 1)[0]
		if _, err := r.proxy.Prepare(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		if got := listen.FindStringSubmatch(r.file(t, "plum.listeners")); got[1] != fmt.Sprintf("127.0.0.1:%d", app.Routes[0].Listen) {
			t.Errorf("it listens on %s", got[1])
		}
	})
}

// A name that goes out of tandem.yaml stays as long as the site passes to it.
func TestUpstream_ANameThatTheSiteStillUsesIsKept(t *testing.T) {
	r := newUpstreamRig(t, "", scriptSite)
	r.app.Routes[0].Upstream = "other_name"
	_, err := r.proxy.Prepare(t.Context(), r.app)
	wantReason(t, err, deploy.SiteOutdated, "app_backend", "other_name", "nginx.conf:")
	for _, c := range []deploy.Color{deploy.Green, deploy.Blue} {
		r.flip(t, c)
		r.wantTraffic(t, c)
	}
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP, Server: strings.ReplaceAll(scriptSite, "app_backend", "other_name")})
	if err := r.nginx.ReloadAndWait(within(t)); err != nil {
		t.Fatal(err)
	}
	r.prepare(t)
	r.wantTraffic(t, deploy.Blue)
	if out, err := r.test(); err != nil || strings.Contains(out, "upstream app_backend") {
		t.Errorf("the old name is still there: %v", err)
	}

	t.Run("with its route", func(t *testing.T) {
		former := r.app.Routes[0]
		r.app.Routes = appWith("shop", deploy.Route{Name: "web", Upstream: "web_name", Ports: deploy.Ports{Blue: newStack(t, deploy.Blue).port, Green: newStack(t, deploy.Green).port}}).Routes
		for _, c := range deploy.Colors() {
			r.app.FormerRoutes = append(r.app.FormerRoutes, deploy.FormerRoute{Route: former, Color: c, Of: r.app})
		}
		_, err := r.proxy.Prepare(t.Context(), r.app)
		wantReason(t, err, deploy.SiteOutdated, "other_name", "web_name")
		r.wantTraffic(t, deploy.Blue)
	})
	t.Run("and is gone with the app", func(t *testing.T) {
		if _, err := r.proxy.Remove(within(t), "shop"); !isReason(err, deploy.NginxBroken) {
			t.Errorf("removed while the site passes to it: %v", err)
		}
		r.configure(t, testbed.NginxConfig{HTTP: inHTTP})
		gone, err := r.proxy.Remove(within(t), "shop")
		if err != nil || !strings.Contains(strings.Join(gone, " "), "shop.other_name.upstream") {
			t.Errorf("gone are %v, %v", gone, err)
		}
		left, err := os.ReadDir(r.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range left {
			if strings.HasPrefix(f.Name(), "shop.") {
				t.Errorf("%s is left", f.Name())
			}
		}
	})
}

func TestUpstream_InReloadModeItIsOneMoreNameOfTheGroup(t *testing.T) {
	r := newRig(t, rigOptions{bare: true, mode: nginx.SwitchReload})
	r.app.Routes[0].Upstream = "app_backend"
	r.options.Logger = slog.New(slog.DiscardHandler)
	r.write(t)
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP, Server: scriptSite})
	r.prepare(t)
	for _, c := range []deploy.Color{deploy.Green, deploy.Blue} {
		r.flip(t, c)
		r.wantTraffic(t, c)
	}
	r.options.Switch = nginx.SwitchFlip
	r.restart(t)
	r.prepare(t)
	r.flip(t, deploy.Green)
	r.wantTraffic(t, deploy.Green)
}
