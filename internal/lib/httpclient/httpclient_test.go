package httpclient

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestClients_TakeARedirectForAnAnswer(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer server.Close()
	for name, client := range map[string]*http.Client{"any": NoRedirects(), "this host's": ThisHost()} {
		answer, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // it was only asked for
		if answer.StatusCode != http.StatusFound {
			t.Errorf("%s: %s", name, answer.Status)
		}
	}
}

func TestThisHost_KeepsNoConnectionAndAsksNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	remotes := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { remotes[r.RemoteAddr] = true }))
	defer server.Close()
	client := ThisHost()
	for range 3 {
		answer, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // it was only asked for
	}
	if transport := client.Transport.(*http.Transport); len(remotes) != 3 || transport.Proxy != nil {
		t.Errorf("%d connections for 3 requests", len(remotes))
	}
}
