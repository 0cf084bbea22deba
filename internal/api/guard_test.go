package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAct_OnlyADeliberateLocalRequestActs(t *testing.T) {
	for name, c := range map[string]struct {
		method, host string
		header       http.Header
		want         int
	}{
		"with the header":            {want: 204, header: http.Header{"X-Tandem": {"1"}}},
		"to localhost":               {want: 204, host: "localhost:8484", header: http.Header{"X-Tandem": {"1"}}},
		"to localhost without port":  {want: 204, host: "LOCALHOST", header: http.Header{"X-Tandem": {"1"}}},
		"to IPv6 loopback":           {want: 204, host: "[::1]:8484", header: http.Header{"X-Tandem": {"1"}}},
		"to bare IPv6 loopback":      {want: 204, host: "[::1]", header: http.Header{"X-Tandem": {"1"}}},
		"from this origin's page":    {want: 204, header: http.Header{"X-Tandem": {"1"}, "Sec-Fetch-Site": {"same-origin"}}},
		"without the header":         {want: 403},
		"with another value":         {want: 403, header: http.Header{"X-Tandem": {"yes"}}},
		"with an origin":             {want: 403, header: http.Header{"X-Tandem": {"1"}, "Origin": {"https://evil.example"}}},
		"with an opaque origin":      {want: 403, header: http.Header{"X-Tandem": {"1"}, "Origin": {"null"}}},
		"with an empty origin":       {want: 403, header: http.Header{"X-Tandem": {"1"}, "Origin": {""}}},
		"from another site":          {want: 403, header: http.Header{"X-Tandem": {"1"}, "Sec-Fetch-Site": {"cross-site"}}},
		"from a sister site":         {want: 403, header: http.Header{"X-Tandem": {"1"}, "Sec-Fetch-Site": {"same-site"}}},
		"to a rebound name":          {want: 403, host: "evil.example:8484", header: http.Header{"X-Tandem": {"1"}}},
		"to a name like localhost":   {want: 403, host: "localhost.evil.example", header: http.Header{"X-Tandem": {"1"}}},
		"to a name like an address":  {want: 403, host: "127.0.0.1.evil.example", header: http.Header{"X-Tandem": {"1"}}},
		"to another address":         {want: 403, host: "192.0.2.7:8484", header: http.Header{"X-Tandem": {"1"}}},
		"to the unspecified address": {want: 403, host: "0.0.0.0:8484", header: http.Header{"X-Tandem": {"1"}}},
		"to no host":                 {want: 403, host: "-", header: http.Header{"X-Tandem": {"1"}}},
		"by GET":                     {want: 405, method: "GET", header: http.Header{"X-Tandem": {"1"}}},
		"by a form's preflight":      {want: 405, method: "OPTIONS"},
	} {
		for _, verb := range []string{"retry", "pause", "resume"} {
			t.Run(name+"/"+verb, func(t *testing.T) {
				d := &desk{statuses: shopAndBlog()}
				r := httptest.NewRequest(orElse(c.method, "POST"), "/api/v1/apps/shop/"+verb, nil)
				r.Host = orElse(c.host, "127.0.0.1:8484")
				if c.host == "-" {
					r.Host = ""
				}
				for k, v := range c.header {
					r.Header[k] = v
				}
				w := httptest.NewRecorder()
				routes(Options{Control: d, Log: quiet()}).ServeHTTP(w, r)

				if w.Code != c.want {
					t.Errorf("answered %d, want %d: %s", w.Code, c.want, w.Body)
				}
				var want []string
				if c.want == 204 {
					want = []string{verb + " shop"}
				}
				if diff := cmp.Diff(want, d.asked()); diff != "" {
					t.Errorf("asked of the agent (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestStatus_IsNotToldToARebindingPage(t *testing.T) {
	metrics := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, path := range []string{"/api/v1/apps", "/api/v1/apps/shop", "/metrics", "/healthz", "/readyz"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = "evil.example"
		w := httptest.NewRecorder()
		routes(Options{Control: &desk{statuses: shopAndBlog()}, Metrics: metrics, Log: quiet()}).ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("GET %s answered %d, want 403: %s", path, w.Code, w.Body)
		}
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
