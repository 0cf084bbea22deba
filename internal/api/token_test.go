package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everything is each request that the server knows, the webhook aside.
var everything = []struct{ method, path string }{
	{"GET", "/healthz"}, {"GET", "/readyz"}, {"GET", "/metrics"}, {"GET", "/api/v1/apps"}, {"GET", "/api/v1/apps/shop"},
	{"POST", "/api/v1/apps/shop/retry"}, {"POST", "/api/v1/apps/shop/pause"}, {"POST", "/api/v1/apps/shop/resume"},
}

// request asks as the outside would, and tells the answer and what was done.
func request(o Options, d *desk, method, path string, header http.Header) (code int, done []string) {
	o.Control, o.Metrics = d, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	if o.Log == nil {
		o.Log = quiet()
	}
	r := httptest.NewRequest(method, path, nil)
	r.Host = "deploy.example.com"
	r.Header = header
	w := httptest.NewRecorder()
	routes(o).ServeHTTP(w, r)
	return w.Code, d.asked()
}

func TestToken_WhereThereIsOneNothingIsAnsweredWithout(t *testing.T) {
	file := secretFile(t, "s3cret-token\n")
	for name, c := range map[string]struct {
		says string
		want bool
	}{
		"the token":             {"Bearer s3cret-token", true},
		"nothing":               {"", false},
		"another":               {"Bearer s3cret-tokem", false},
		"its beginning":         {"Bearer s3cret", false},
		"more than it":          {"Bearer s3cret-token2", false},
		"an empty one":          {"Bearer ", false},
		"without the scheme":    {"s3cret-token", false},
		"as a password":         {"Basic czNjcmV0LXRva2VuOg==", false},
		"with the file's break": {"Bearer s3cret-token\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range everything {
				header := http.Header{"X-Tandem": {"1"}}
				if c.says != "" {
					header["Authorization"] = []string{c.says}
				}
				code, done := request(Options{TokenFile: file}, &desk{statuses: shopAndBlog()}, e.method, e.path, header)
				if well := code == 200 || code == 204; well != c.want || !c.want && (code != 401 || done != nil) {
					t.Errorf("%s %s answered %d and did %q, want it answered: %v", e.method, e.path, code, done, c.want)
				}
			}
		})
	}
}

// A page of another site may guess the address, but not the header.
func TestToken_DoesNotOpenTheDoorToWebPages(t *testing.T) {
	file := secretFile(t, "s3cret-token")
	for name, header := range map[string]http.Header{
		"without X-Tandem": {"Authorization": {"Bearer s3cret-token"}},
		"with an origin":   {"Authorization": {"Bearer s3cret-token"}, "X-Tandem": {"1"}, "Origin": {"https://evil.example"}},
		"from another site": {
			"Authorization": {"Bearer s3cret-token"}, "X-Tandem": {"1"}, "Sec-Fetch-Site": {"cross-site"},
		},
	} {
		code, done := request(Options{TokenFile: file}, &desk{statuses: shopAndBlog()}, "POST", "/api/v1/apps/shop/pause", header)
		if code != 403 || done != nil {
			t.Errorf("%s: answered %d and did %q, want 403", name, code, done)
		}
	}
}

func TestToken_OneThatCannotBeReadOpensNothing(t *testing.T) {
	var out bytes.Buffer
	for name, path := range map[string]string{"empty": secretFile(t, "\n"), "not there": filepath.Join(t.TempDir(), "none")} {
		for _, e := range everything {
			header := http.Header{"X-Tandem": {"1"}, "Authorization": {"Bearer "}}
			o := Options{TokenFile: path, Log: slog.New(slog.NewTextHandler(&out, nil))}
			if code, done := request(o, &desk{statuses: shopAndBlog()}, e.method, e.path, header); code != 503 || done != nil {
				t.Errorf("%s: %s %s answered %d and did %q, want 503", name, e.method, e.path, code, done)
			}
		}
	}
	if !strings.Contains(out.String(), "the API answers nobody") {
		t.Errorf("the log does not say why:\n%s", &out)
	}
}

func TestToken_TheWebhookHasItsOwnProof(t *testing.T) {
	d := &desk{}
	h := routes(Options{Control: d, TokenFile: secretFile(t, "s3cret-token"), SecretFile: secretFile(t, "hook"), Log: quiet()})
	if code, woken := deliver(h, d, push, http.Header{"X-Gitlab-Token": {"hook"}}); code != 202 || woken != 1 {
		t.Errorf("with the hook's secret: answered %d and woke %d times", code, woken)
	}
	if code, woken := deliver(h, d, push, http.Header{"Authorization": {"Bearer s3cret-token"}}); code != 401 || woken != 0 {
		t.Errorf("with the API's token: answered %d and woke %d times", code, woken)
	}
}

func TestToken_TheClientSendsWhatItsFileHoldsNow(t *testing.T) {
	file := secretFile(t, "first")
	d := &desk{statuses: shopAndBlog()}
	addr := serve(t, Options{Control: d, TokenFile: file}).Addr()
	if _, err := NewClient(addr).Statuses(t.Context()); err == nil || !strings.Contains(err.Error(), "api.token_file") {
		t.Errorf("without a token: %v, want to be told of api.token_file", err)
	}
	c := NewClient(addr).WithToken(file)
	for _, token := range []string{"first", "second\n"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.Pause(t.Context(), "shop"); err != nil {
			t.Errorf("token %q: %v", token, err)
		}
	}
	if diff := cmp.Diff([]string{"pause shop", "pause shop"}, d.asked()); diff != "" {
		t.Errorf("asked of the agent (-want +got):\n%s", diff)
	}
	if err := NewClient(addr).WithToken(filepath.Join(t.TempDir(), "none")).Pause(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "read API token") {
		t.Errorf("with a file that is not there: %v", err)
	}
}
