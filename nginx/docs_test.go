package nginx_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// snippets are the blocks of the guide that have a name.
func snippets(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "nginx.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)<!-- snippet: (\\w+) -->\n```nginx\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		found[m[1]] = m[2]
	}
	if all := strings.Count(string(data), "```nginx"); all != len(found) {
		t.Fatalf("%d of %d blocks have a name of their own", len(found), all)
	}
	return found
}

// serve loads a server block of the guide and returns the address on which it
// answers. The paths and ports of the guide are replaced by the test's.
func (r *rig) serve(t *testing.T, snippet string) (url string) {
	t.Helper()
	port := fmt.Sprint(tb.Ports(t, 1)[0])
	scheme := "http"
	if strings.Contains(snippet, "443 ssl") {
		scheme = "https"
	}
	text := strings.NewReplacer("/etc/nginx/tandem", r.dir, "listen 80;", "listen 127.0.0.1:"+port+";",
		"listen 443 ", "listen 127.0.0.1:"+port+" ", "/etc/ssl", r.nginx.Dir, "/var/log/nginx", r.nginx.Dir, "/var/cache/nginx", r.nginx.Dir).
		Replace(snippets(t)["http"] + snippet)
	r.configure(t, testbed.NginxConfig{HTTP: text})
	r.prepare(t)
	return scheme + "://127.0.0.1:" + port
}

func newGuideRig(t *testing.T, mode string) *rig {
	t.Helper()
	return newRig(t, rigOptions{mode: mode, bare: true})
}

func (r *rig) write(t *testing.T) {
	t.Helper()
	if _, err := r.proxy.Prepare(t.Context(), r.app); !isReason(err, deploy.NotIncluded) {
		t.Fatalf("got %v, want NotIncluded", err)
	}
}

func TestGuide_ServerBlock(t *testing.T) {
	r := newGuideRig(t, nginx.SwitchFlip)
	r.write(t)
	url := r.serve(t, snippets(t)["server"])
	if got := get(t, url); got != "blue" {
		t.Errorf("got %q", got)
	}
	socket := dialUpgraded(t, strings.TrimPrefix(url, "http://"))
	r.flip(t, deploy.Green)
	socket.want(t, "still there", "blue still there")
	if got := get(t, url); got != "green" {
		t.Errorf("got %q", got)
	}
	if h := r.stacks[deploy.Green].last.Load(); len(h.Header["Connection"]) != 0 || h.Host != "127.0.0.1" {
		t.Errorf("the app got Connection %q and Host %q", h.Header["Connection"], h.Host)
	}
}

func TestGuide_YourSiteAsItIs(t *testing.T) {
	r := newGuideRig(t, nginx.SwitchFlip)
	r.app.Routes[0].Upstream = "app_backend"
	r.write(t)
	url := r.serve(t, snippets(t)["upstream"])
	socket := dialUpgraded(t, strings.TrimPrefix(url, "http://"))
	for _, c := range []deploy.Color{deploy.Blue, deploy.Green} {
		r.flip(t, c)
		if got := get(t, url); got != string(c) {
			t.Errorf("got %q, want %s", got, c)
		}
		if h := r.stacks[c].last.Load(); len(h.Header["Connection"]) != 0 || h.Header.Get("X-Forwarded-Proto") != "http" {
			t.Errorf("the app got %v", h.Header)
		}
	}
	socket.want(t, "still there", "blue still there")
}

func TestGuide_SeveralAppsInOneServerBlock(t *testing.T) {
	r := newGuideRig(t, nginx.SwitchFlip)
	r.write(t)
	pear := appWith("pear", deploy.Route{Name: "web", Ports: r.app.Routes[0].Ports})
	if _, err := r.proxy.Prepare(t.Context(), pear); !isReason(err, deploy.NotIncluded) {
		t.Fatal(err)
	}
	url := r.serve(t, snippets(t)["several"])
	if err := r.proxy.Flip(t.Context(), pear, deploy.Green); err != nil {
		t.Fatal(err)
	}
	if shop, pear := get(t, url), get(t, url+"/pear"); shop != "blue" || pear != "green" {
		t.Errorf("shop is %s and pear is %s", shop, pear)
	}
}

func TestGuide_TLS(t *testing.T) {
	r := newGuideRig(t, nginx.SwitchFlip)
	r.write(t)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: certify(t, r.nginx.Dir), ServerName: "shop.example.com"}}}
	url := r.serve(t, snippets(t)["tls"])
	for _, c := range deploy.Colors() {
		r.flip(t, c)
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil || string(body) != string(c) {
			t.Errorf("got %q and %v, want %s", body, err, c)
		}
		if got := r.stacks[c].last.Load().Header.Get("X-Forwarded-Proto"); got != "https" {
			t.Errorf("X-Forwarded-Proto is %q", got)
		}
	}
}

func TestGuide_PathInProxyPass(t *testing.T) {
	r := newGuideRig(t, nginx.SwitchFlip)
	r.write(t)
	url := r.serve(t, snippets(t)["uri"])
	for path, want := range map[string]string{
		"/path/a%20b?c=d":     "/path/a%20b?c=d",
		"/api/path/a%20b?c=d": "/path/a%20b?c=d",
		"/wrong/a?c=d":        "/path/",
	} {
		if got := get(t, url+path); got != want {
			t.Errorf("%s reached the app as %s, want %s", path, got, want)
		}
	}
}

func TestGuide_CacheOutlivesTheBackupAndNotTheFlip(t *testing.T) {
	r := newGuideRig(t, nginx.SwitchFlip)
	r.write(t)
	snippet := snippets(t)["cache"]
	url := r.serve(t, snippet)
	blue := r.stacks[deploy.Blue]
	// asked tells whether the app was asked for the page.
	asked := func() bool {
		blue.last.Store(nil)
		if got := get(t, url+"/page"); got != "blue" {
			t.Errorf("got %q, want blue", got)
		}
		return blue.last.Load() != nil
	}
	// kept asks for the page until the answer comes from the cache. Nginx puts it there a
	// moment after it has sent it.
	kept := func() {
		t.Helper()
		if !asked() {
			t.Fatal("the page was kept before anybody had asked for it")
		}
		tb.Until(t, patience, "the page in the cache", func() error {
			if asked() {
				return errors.New("the app was asked")
			}
			return nil
		})
	}
	kept()
	for _, on := range []bool{true, false} {
		if r.setBackup(t, on); asked() {
			t.Errorf("with a backup: %t: what was kept is not found any more", on)
		}
	}
	r.flip(t, deploy.Green)
	if got := get(t, url+"/page"); got != "green" {
		t.Errorf("after the flip: got %q, want green", got)
	}
	r.flip(t, deploy.Blue)

	// What the page says of Nginx's own key.
	url = r.serve(t, regexp.MustCompile(`proxy_cache_key.*`).ReplaceAllString(snippet, ""))
	if err := r.nginx.ReloadAndWait(within(t)); err != nil {
		t.Fatal(err)
	}
	kept()
	if r.setBackup(t, true); !asked() {
		t.Error("without a key of its own the cache outlives the backup, too")
	}
}

func TestGuide_OwnAccessLogBesideTandems(t *testing.T) {
	r := newGuideRig(t, nginx.SwitchFlip)
	r.write(t)
	get(t, r.serve(t, snippets(t)["access_log"])+"/who")
	var data []byte
	tb.Until(t, patience, "the request in both logs", func() (err error) { // written after the answer
		if data, err = os.ReadFile(filepath.Join(r.nginx.Dir, "access.log")); err != nil {
			return err
		}
		if !strings.Contains(string(data), "GET /who") || !strings.Contains(r.file(t, "log/shop.access.log"), `"/who"`) {
			return errors.New("it is not")
		}
		return nil
	})
	if strings.Contains(string(data), "GET /shop ") {
		t.Error("the confirm server writes into the user's log")
	}
}

func TestGuide_NamesEveryFieldOfTheAccessLog(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	get(t, r.nginx.URL())
	guide, err := os.ReadFile(filepath.Join("..", "docs", "nginx.md"))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	tb.Until(t, patience, "a line", func() error {
		return json.Unmarshal([]byte(r.file(t, "log/shop.access.log")), &fields)
	})
	for name := range fields {
		if !strings.Contains(string(guide), "`"+name+"`") {
			t.Errorf("the guide does not name the field %s", name)
		}
	}
}

func TestGuide_Reload(t *testing.T) {
	r := newGuideRig(t, nginx.SwitchReload)
	r.write(t)
	url := r.serve(t, snippets(t)["reload"])
	r.flip(t, deploy.Green)
	if got := get(t, url); got != "green" {
		t.Errorf("got %q", got)
	}
}

// certify writes a certificate for shop.example.com and returns who signed it.
func certify(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"shop.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"shop.pem": {Type: "CERTIFICATE", Bytes: der}, "shop.key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}
