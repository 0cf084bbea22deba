package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"tandem/internal/harness/load"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

var nodeAPI = recipe{dir: "node-api", image: "registry.example.com/app", version: "package.json", app: "/app/package.json"}

// nodeHost is the name of the site, and of its certificate.
const nodeHost = "app.example.com"

// nodeExample is the Node.js example behind its TLS site.
type nodeExample struct {
	*example
	port  int // of the site
	roots *x509.CertPool
}

// newNode sets the example, with the site as it is or changed as the README says.
func newNode(t *testing.T, changed bool) *nodeExample {
	t.Helper()
	n := &nodeExample{example: newExample(t, nodeAPI, stage.Options{}, nil), port: tb.Ports(t, 1)[0]}
	n.release("1.0.0")
	n.release("1.1.0")
	if changed {
		n.applyReadme()
	}
	n.rename("docker-compose.yml", "app", "3001", "3002")
	n.renameSite(changed)
	return n
}

var diffBlock = regexp.MustCompile("(?s)```diff\n(.*?)```")

// applyReadme changes the site as the README says.
func (n *nodeExample) applyReadme() {
	n.t.Helper()
	readme, err := os.ReadFile(n.path("README.md"))
	check(n.t, err)
	diff := diffBlock.FindSubmatch(readme)
	if diff == nil {
		n.t.Fatal("the README shows no diff")
	}
	file := filepath.Join(n.t.TempDir(), "flip.diff")
	check(n.t, os.WriteFile(file, diff[1], 0o644))
	_, err = n.Git(n.t.Context(), "apply", "--directory="+n.App, file)
	check(n.t, err)
}

func (n *nodeExample) renameSite(changed bool) {
	n.t.Helper()
	certificate, key := n.certificate()
	words := []string{
		"listen 443", fmt.Sprintf("listen 127.0.0.1:%d", n.port),
		"/etc/ssl/certs/app.example.com.pem", certificate,
		"/etc/ssl/private/app.example.com.key", key,
	}
	if changed {
		words = append(words, "/etc/nginx/tandem/app.server", filepath.Join(n.Config().Nginx.Dir, n.App+".server"),
			"$app_api", nginx.Variable(n.App, "api"))
	}
	put(n.t, n.path("nginx", "app.conf"), words...)
}

// certificate makes one that signs itself, and trusts it.
func (n *nodeExample) certificate() (certificate, key string) {
	n.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(n.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{nodeHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	check(n.t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	check(n.t, err)
	dir := tb.Dir(n.t)
	certificate, key = filepath.Join(dir, "app.pem"), filepath.Join(dir, "app.key")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	check(n.t, os.WriteFile(certificate, text, 0o644))
	check(n.t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	n.roots = x509.NewCertPool()
	if !n.roots.AppendCertsFromPEM(text) {
		n.t.Fatal("the certificate is not one")
	}
	return certificate, key
}

// deploy makes the first release live, and adds the site as soon as Nginx can
// read it.
func (n *nodeExample) deploy() {
	n.t.Helper()
	n.start()
	first := n.bump("1.0.0")
	dir := n.Config().Nginx.Dir
	n.generated(dir)
	check(n.t, n.Nginx.Configure(testbed.NginxConfig{
		HTTP: fmt.Sprintf("    include %s/*.conf;\n    include %s;\n", dir, n.path("nginx", "app.conf")),
	}))
	check(n.t, n.Nginx.Reload(n.t.Context()))
	n.live(first, "1.0.0", deploy.Green)
}

func (n *nodeExample) url() string { return fmt.Sprintf("https://127.0.0.1:%d", n.port) }

// traffic is the load of users: kept connections over TLS, and WebSockets.
func (n *nodeExample) traffic() *load.Runner {
	n.t.Helper()
	return n.load(load.Options{URL: n.url(), Host: nodeHost, RootCAs: n.roots, Rate: 300, WebSockets: 5})
}

// answered fails the test unless a new connection is answered by the release.
func (n *nodeExample) answered(tag string) {
	n.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: n.roots, ServerName: nodeHost}}
	n.answeredBy(&http.Client{Transport: transport, Timeout: patience}, n.url(), tag)
}

// The Compose file and the site are as they were.
func TestNodeAPI_TheSiteIsServedUnchanged(t *testing.T) {
	t.Parallel()
	n := newNode(t, false)
	n.deploy()
	t.Run("loses nothing", n.flips)
}

// The engine would run the health command for the first time after the whole
// interval. With one of an hour, what is said about it can only come from a run
// of the gate's own.
func TestNodeAPI_TheSiteWithOneChangedLine(t *testing.T) {
	t.Parallel()
	n := newNode(t, true)
	put(t, n.path("docker-compose.yml"), "interval: 10s", "interval: 1h")
	n.deploy()
	if got := n.engineHealth("green"); got != container.Starting {
		t.Errorf("the engine says %q: it was waited for", got)
	}
	t.Run("loses nothing", n.flips)
	t.Run("rejects what fails its health command", n.failsItsCommand)
}

func (n *nodeExample) flips(t *testing.T) {
	n.t = t
	n.answered("1.0.0")
	traffic := n.traffic()
	n.live(n.bump("1.1.0"), "1.1.0", deploy.Blue)
	n.live(n.bump("1.0.0"), "1.0.0", deploy.Green)
	n.live(n.bump("1.1.0"), "1.1.0", deploy.Blue)
	n.answered("1.1.0")
	report := traffic.Stop()
	t.Logf("three flips under TLS: %s", report)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	if report.Tag("1.0.0") == 0 || report.Tag("1.1.0") == 0 || len(report.Sessions) == 0 {
		t.Errorf("the load saw too little to prove anything: %s", report)
	}
}

func (n *nodeExample) failsItsCommand(t *testing.T) {
	n.t = t
	n.release("1.2.0", "/usr/bin/curl")             // the server is as good as before
	put(t, n.path("tandem.yaml"), gateLimit, "10s") // all of it passes, because curl never comes
	s := n.phase(n.bump("1.2.0"), deploy.PhaseHeld)
	for _, want := range []string{"health command", "curl", "executable file not found"} {
		if !strings.Contains(s.Message, want) {
			t.Errorf("the status does not say %q: %s", want, s.Message)
		}
	}
	if strings.Contains(s.Message, "/health:") || strings.Contains(s.Message, "/health answered") {
		t.Errorf("the answer over HTTP was fine, but the status blames it: %s", s.Message)
	}
	n.answered("1.1.0")
}

// engineHealth is what the engine says about the api of one color.
func (n *nodeExample) engineHealth(color string) container.HealthStatus {
	n.t.Helper()
	for _, c := range n.inspect() {
		if c.Name == "/"+n.App+"-"+color+"-api-1" && c.State.Health != nil {
			return c.State.Health.Status
		}
	}
	n.t.Fatalf("there is no api with a health check in %s", color)
	return ""
}
