package nginx_test

import (
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// TestPrepare_TheLineForASecondAppInOneServerBlockIsOneThatWorks does what the messages
// say, the first of them in the way that is told not to work.
func TestPrepare_TheLineForASecondAppInOneServerBlockIsOneThatWorks(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	pear, several := appWith("pear", r.app.Routes...), "include "+r.dir+"/tandem.server;"
	_, err := r.proxy.Prepare(t.Context(), pear)
	wantReason(t, err, deploy.NotIncluded, "include "+r.dir+"/pear.server;", several, "in the place of", r.dir+"/shop.server")

	const inHTTP, location = "include %DIR%/*.conf;", "location /pear { proxy_pass http://$pear_api; }"
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP, Server: usualServer + "include %DIR%/pear.server;" + location})
	for range 2 {
		_, err = r.proxy.Prepare(t.Context(), pear)
		wantReason(t, err, deploy.NginxBroken, "directive is duplicate", several, "in the place of")
	}

	r.configure(t, testbed.NginxConfig{HTTP: inHTTP, Server: several + "location / { proxy_pass http://$shop_api; }" + location})
	for _, app := range []deploy.App{pear, r.app} {
		if _, err := r.proxy.Prepare(t.Context(), app); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.proxy.Flip(t.Context(), pear, deploy.Green); err != nil {
		t.Fatal(err)
	}
	if shop, pear := get(t, r.nginx.URL()+"/"), get(t, r.nginx.URL()+"/pear"); shop != "blue" || pear != "green" {
		t.Errorf("shop is %s and pear is %s", shop, pear)
	}
}

func TestPrepare_ADirectiveOfTheSiteThatAnAppsFileHasTooIsExplained(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.write(t)
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: "open_file_cache max=10;\n" + usualServer})
	_, err := r.proxy.Prepare(t.Context(), r.app)
	wantReason(t, err, deploy.NginxBroken, "directive is duplicate", "moves into the locations")
}

func TestPrepare_SeveralAppsShareAServerBlock(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	pear, shop := r.app, r.app
	pear.Name = "my-pear"
	pear.Routes = []deploy.Route{{Name: "a-b", Ports: deploy.Ports{Blue: r.app.Routes[0].Ports.Blue, Green: r.app.Routes[0].Ports.Green}, Access: r.app.Routes[0].Access}}
	for _, app := range []deploy.App{shop, pear} {
		if _, err := r.proxy.Prepare(t.Context(), app); !isReason(err, deploy.NotIncluded) {
			t.Fatal(err)
		}
	}
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: `include %DIR%/tandem.server;
location /shop { proxy_pass http://$shop_api; }
location /pear { proxy_pass http://` + nginx.Variable("my-pear", "a-b") + `; }`})
	for _, app := range []deploy.App{shop, pear} {
		if _, err := r.proxy.Prepare(t.Context(), app); err != nil {
			t.Fatal(err)
		}
	}
	r.app = pear
	r.flip(t, deploy.Green)
	if shop, pear := get(t, r.nginx.URL()+"/shop"), get(t, r.nginx.URL()+"/pear"); shop != "blue" || pear != "green" {
		t.Errorf("shop is %s and pear %s, want blue and green", shop, pear)
	}
	r.app = shop
	r.wantLive(t, deploy.Blue)
}
