package appfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

func TestParseApp_ReadsWhatAPersonDecidesOfTheComposeFile(t *testing.T) {
	app, err := ParseApp(tandemYAML(`
tag: "1.4.2"
compose: [compose.yaml, compose.prod.yaml]
profiles: [production]
shared: [db, redis]
ignore: [traefik]
volumes: {uploads: both, ./thumbs/: each, /srv/media: both}
images: {api: acme/api, web: "registry.example.com:5000/web"}
data: /srv/shop/
adopt: shop_old
routes: {api: {ports: {blue: 3001, green: 3002}, port: 3000, health: /health}}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := deploy.App{
		Compose: app.Compose, Profiles: app.Profiles, SharedServices: app.SharedServices, Ignore: app.Ignore, Volumes: app.Volumes, Images: app.Images, Data: app.Data, Adopt: app.Adopt,
	}
	want := deploy.App{
		Compose: []string{"compose.yaml", "compose.prod.yaml"}, Profiles: []string{"production"}, SharedServices: []string{"db", "redis"}, Ignore: []string{"traefik"},
		Volumes: map[string]deploy.VolumeUse{"uploads": "both", "thumbs": "each", "/srv/media": "both"},
		Images:  map[string]string{"api": "acme/api", "web": "registry.example.com:5000/web"}, Data: "/srv/shop", Adopt: "shop_old",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	if app.Routes[0].Port != 3000 {
		t.Errorf("the route's port is %d, want 3000", app.Routes[0].Port)
	}
}
