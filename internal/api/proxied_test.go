package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// proxied are headers that say that somebody else asks.
func proxied() []http.Header {
	return []http.Header{
		{"X-Forwarded-For": {"203.0.113.7"}},
		{"X-Forwarded-For": {""}},
		{"X-Forwarded-Proto": {"https"}},
		{"X-Forwarded-Host": {"shop.example.com"}},
		{"X-Forwarded-Something": {"new"}},
		{"Forwarded": {"for=203.0.113.7"}},
		{"Via": {"1.1 proxy"}},
		{"X-Real-Ip": {"203.0.113.7"}},
		{"X-Real-Ip": {"127.0.0.1"}},
		{"Cf-Connecting-Ip": {"203.0.113.7"}},
		{"True-Client-Ip": {"203.0.113.7"}},
		{"X-Client-Ip": {"203.0.113.7"}},
	}
}

// askedThrough is what the interface answers to a request with the headers; what a
// local request needs besides is there.
func askedThrough(o Options, method, path string, proxy, more http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "127.0.0.1:8484"
	r.Header.Set("X-Tandem", "1")
	for _, h := range []http.Header{proxy, more} {
		for k, v := range h {
			r.Header[k] = v
		}
	}
	w := httptest.NewRecorder()
	routes(o).ServeHTTP(w, r)
	return w
}

func TestProxied_ARequestForSomebodyElseIsNotLocal(t *testing.T) {
	metrics := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, e := range everything {
		local := askedThrough(Options{Control: &desk{statuses: shopAndBlog()}, Metrics: metrics, Log: quiet()}, e.method, e.path, nil, nil)
		if local.Code >= 300 {
			t.Fatalf("%s %s: a local request is answered %d", e.method, e.path, local.Code)
		}
		for _, h := range proxied() {
			d := &desk{statuses: shopAndBlog()}
			w := askedThrough(Options{Control: d, Metrics: metrics, Log: quiet()}, e.method, e.path, h, nil)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "a proxy asks for somebody else") || len(d.asked()) > 0 {
				t.Errorf("%s %s with %v: answered %d: %s; the agent was asked %v", e.method, e.path, h, w.Code, w.Body, d.asked())
			}
		}
	}
}

func TestProxied_TheTokenAndTheWebhookAreGoodThroughAProxy(t *testing.T) {
	for _, h := range proxied() {
		o := Options{Control: &desk{statuses: shopAndBlog()}, TokenFile: secretFile(t, "s3cret-token\n"), SecretFile: secretFile(t, "hook\n"), Log: quiet()}
		known := http.Header{"Authorization": {"Bearer s3cret-token"}}
		if w := askedThrough(o, "POST", "/api/v1/apps/shop/pause", h, known); w.Code != http.StatusNoContent {
			t.Errorf("with the token and %v: answered %d: %s", h, w.Code, w.Body)
		}
		if w := askedThrough(o, "GET", "/api/v1/apps", h, nil); w.Code != http.StatusUnauthorized {
			t.Errorf("without the token and with %v: answered %d: %s", h, w.Code, w.Body)
		}
		if w := askedThrough(o, "POST", "/hooks/git", h, http.Header{"X-Gitlab-Token": {"hook"}}); w.Code != http.StatusAccepted {
			t.Errorf("the webhook with %v: answered %d: %s", h, w.Code, w.Body)
		}
	}
}
