package probe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// route points at a server; both colors have its port.
func route(t *testing.T, addr string) deploy.Route {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return deploy.Route{
		Name: "api", Ports: deploy.Ports{Blue: n, Green: n},
		Health: deploy.Health{Path: "/health", StatusMin: 200, StatusMax: 299, MaxLatency: 300 * time.Millisecond},
	}
}

func TestProbe_TellsTheStatusOfTheHealthPath(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer server.Close()
	r := route(t, server.Listener.Addr().String())
	p := New().Probe(t.Context(), r, deploy.Green)
	if p.Status != http.StatusTeapot || p.Err != nil {
		t.Fatalf("got %+v, want status 418", p)
	}
	if got := r.Health.Sick(p); got != "/health answered 418, healthy is 200-299" {
		t.Errorf("Sick: got %q", got)
	}
}

func TestProbe_ARedirectIsAnAnswer(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer server.Close()
	if p := New().Probe(t.Context(), route(t, server.Listener.Addr().String()), deploy.Blue); p.Status != http.StatusFound {
		t.Fatalf("got %+v, want status 302", p)
	}
}

func TestProbe_GivesUpOnASlowAnswer(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	r := route(t, server.Listener.Addr().String())
	p := New().Probe(t.Context(), r, deploy.Blue)
	if p.Err == nil || p.Took <= r.Health.MaxLatency {
		t.Fatalf("got %+v, want an error after more than %s", p, r.Health.MaxLatency)
	}
	if got := r.Health.Sick(p); got != "/health took longer than 300ms" {
		t.Errorf("Sick: got %q", got)
	}
}

func TestProbe_NobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := route(t, l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p := New().Probe(context.Background(), r, deploy.Blue)
	if p.Err == nil || p.Status != 0 {
		t.Fatalf("got %+v, want an error and no status", p)
	}
}

func TestProbe_AsksUnderTheSitesNameAndWithItsHeaders(t *testing.T) {
	var got http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = *r
		http.Redirect(w, r, "https://shop.example.com/health", http.StatusMovedPermanently)
	}))
	defer server.Close()
	r := route(t, server.Listener.Addr().String())
	r.Health.Host = "shop.example.com"
	r.Health.Headers = []deploy.Header{{Name: "User-Agent", Value: "check/1"}, {Name: "X-Forwarded-Proto", Value: "https"}}
	p := New().Probe(t.Context(), r, deploy.Blue)
	if got.Host != "shop.example.com" || got.Header.Get("X-Forwarded-Proto") != "https" || got.UserAgent() != "check/1" {
		t.Errorf("asked with Host %q and %v", got.Host, got.Header)
	}
	if p.Host != "shop.example.com" || p.Location != "https://shop.example.com/health" {
		t.Errorf("got %+v", p)
	}
	r.Health.Host = ""
	if p = New().Probe(t.Context(), r, deploy.Blue); p.Host != server.Listener.Addr().String() || got.Host != p.Host {
		t.Errorf("without a name: asked %q, told %q", got.Host, p.Host)
	}
}
