package deploy

import (
	"strings"
	"testing"
	"time"
)

// answeredTo is the answer of an app to a question of the gate.
func answeredTo(h Health, status int, location string) Probe {
	return Probe{Status: status, Took: time.Millisecond, Host: h.HostAt(3001), Location: location}
}

func TestSick_NamesTheKeyThatMendsIt(t *testing.T) {
	plain := Health{Path: "/health", StatusMin: 200, StatusMax: 299, MaxLatency: time.Second}
	named := plain
	named.Host = "shop.example.com"
	https := named
	https.Headers = []Header{{"X-Forwarded-Proto", "https"}}
	tenant := plain
	tenant.Path, tenant.StatusMax, tenant.Headers = "/up?a={b}", 204, []Header{{"X-Tenant", "a b"}}
	for _, c := range []struct {
		name     string
		health   Health
		status   int
		location string
		want     string
	}{
		{"a stranger's name", plain, 400, "", "/health answered 400 to Host 127.0.0.1:3001, healthy is 200-299; if it wants the site's name, write health: {path: /health, host: <the site's name>}"},
		{"a name of another certificate", plain, 421, "", "write health: {path: /health, host: <the site's name>}"},
		{"nobody may", plain, 403, "", "write health: {path: /health, host: <the site's name>}"},
		{"another name than the site's", named, 400, "", "to Host shop.example.com, healthy is 200-299; if that is not the site's name, mend health.host"},
		{"https of the same name", plain, 301, "https://127.0.0.1:3001/health", "it leads to https; write health: {path: /health, headers: {X-Forwarded-Proto: https}}"},
		{"https of the site", plain, 308, "https://shop.example.com/health", "it leads to https; write health: {path: /health, host: shop.example.com, headers: {X-Forwarded-Proto: https}}"},
		{"https, and the name is known", named, 302, "https://shop.example.com/health", "write health: {path: /health, host: shop.example.com, headers: {X-Forwarded-Proto: https}}"},
		{"https for ever", https, 301, "https://shop.example.com/health", "although it was told X-Forwarded-Proto: https"},
		{"the site's name", plain, 301, "http://www.example.com/health", "write health: {path: /health, host: www.example.com}"},
		{"another path", plain, 301, "/health/?token=t0ken", "it leads to /health/, which may be the path to ask for"},
		{"what is there already is kept", tenant, 301, "https://127.0.0.1/", "write health: {path: '/up?a={b}', status: 200-204, headers: {X-Tenant: 'a b', X-Forwarded-Proto: https}}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.health.Sick(answeredTo(c.health, c.status, c.location))
			if !strings.Contains(got, c.want) || strings.Contains(got, "t0ken") {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestSick_SaysNoMoreOfOtherAnswers(t *testing.T) {
	h := Health{Path: "/health", StatusMin: 200, StatusMax: 299, MaxLatency: time.Second}
	for _, p := range []Probe{answeredTo(h, 500, ""), answeredTo(h, 404, ""), answeredTo(h, 301, ""), answeredTo(h, 302, "https://a b/"), answeredTo(h, 302, "/health"), {Status: 400}} {
		if got, want := h.Sick(p), "/health answered "+itoa(p.Status)+", healthy is 200-299"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestHealth_IsAnotherQuestionWithAnotherNameOrHeader(t *testing.T) {
	a := Health{Path: "/health", Host: "a.example.com", Headers: []Header{{"X-A", "1"}}}
	if !a.SameQuestion(a) {
		t.Error("the same is another")
	}
	for _, b := range []Health{{Path: "/", Host: a.Host, Headers: a.Headers}, {Path: a.Path, Headers: a.Headers}, {Path: a.Path, Host: a.Host}, {Path: a.Path, Host: a.Host, Headers: []Header{{"X-A", "2"}}}} {
		if a.SameQuestion(b) {
			t.Errorf("%+v is the same", b)
		}
	}
}
