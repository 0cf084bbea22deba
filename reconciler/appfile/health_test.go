package appfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

func TestParseApp_ReadsHowABrowserWouldAsk(t *testing.T) {
	app, err := ParseApp(tandemYAML(`tag: "1"
routes:
  api:
    ports: {blue: 3001, green: 3002}
    health:
      path: /health
      host: shop.example.com:8443
      headers: {x-forwarded-proto: https, X-Debug: 1, Accept: "text/html, */*"}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := app.Routes[0].Health
	if got.Host != "shop.example.com:8443" {
		t.Errorf("host: got %q", got.Host)
	}
	want := []deploy.Header{{Name: "Accept", Value: "text/html, */*"}, {Name: "X-Debug", Value: "1"}, {Name: "X-Forwarded-Proto", Value: "https"}}
	if diff := cmp.Diff(want, got.Headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestParseApp_TakesAnyHostThatABrowserCanSay(t *testing.T) {
	for _, host := range []string{"shop.example.com", "localhost", "127.0.0.1:8000", "'[::1]:8000'", "my_app.internal", "''"} {
		_, err := ParseApp(tandemYAML("tag: \"1\"\nroutes: {api: {ports: {blue: 3001, green: 3002}, health: {path: /, host: " + host + "}}}\n"))
		if err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}
