package nginx_test

import (
	"strings"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// closed is the app before a stack of it has passed its gate.
func closed(app deploy.App) deploy.App {
	routes := make([]deploy.Route, len(app.Routes))
	copy(routes, app.Routes)
	for i := range routes {
		routes[i].Access = deploy.Accesses{}
	}
	app.Routes = routes
	return app
}

func TestSite_AnyUseOfARouteCounts(t *testing.T) {
	const include = "include %DIR%/shop.server; "
	rigs := map[string]*rig{}
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		rigs[mode] = newRig(t, rigOptions{bare: true, mode: mode})
		rigs[mode].write(t)
	}
	for _, c := range []struct {
		name, mode, http, server string
		used                     bool
	}{
		{"nothing", nginx.SwitchFlip, "", include, false},
		{"the site's own upstream", nginx.SwitchFlip, "upstream shop_api { server 127.0.0.1:1; }", include + "location / { proxy_pass http://shop_api; }", false},
		{"a comment", nginx.SwitchFlip, "", include + "\n# proxy_pass http://$shop_api;\nlocation / { return 204; # $shop_api\n}", false},
		{"another variable", nginx.SwitchFlip, "", include + "set $shop_api_v2 x;", false},
		{"proxy_pass", nginx.SwitchFlip, "", include + "location / { proxy_pass http://$shop_api; }", true},
		{"proxy_pass with a path and braces", nginx.SwitchFlip, "", include + "location / { proxy_pass 'http://${shop_api}/x'; }", true},
		{"grpc_pass", nginx.SwitchFlip, "", include + "location / { grpc_pass $shop_api; }", true},
		{"fastcgi_pass", nginx.SwitchFlip, "", include + "location / { fastcgi_pass $shop_api; }", true},
		{"uwsgi_pass", nginx.SwitchFlip, "", include + "location / { uwsgi_pass $shop_api; }", true},
		{"another variable's value", nginx.SwitchFlip, "", include + "set $backend $shop_api;", true},
		{"a map", nginx.SwitchFlip, "map $uri $backend { default $shop_api; }", include, true},
		{"reload, nothing", nginx.SwitchReload, "", "location / { return 204; }", false},
		{"reload, a log's name", nginx.SwitchReload, "", "access_log %DIR%/shop_api.log; location / { return 204; }", false},
		{"reload, the route's group", nginx.SwitchReload, "", "location / { proxy_pass http://shop_api; }", true},
		{"reload, the app's group with a path", nginx.SwitchReload, "", "location / { proxy_pass http://shop_backend/x; }", true},
		{"reload, a variable with the group", nginx.SwitchReload, "", "set $b shop_backend; location / { return 204; }", true},
		{"reload, the variable", nginx.SwitchReload, "", include + "location / { proxy_pass http://$shop_api; }", true},
	} {
		r := rigs[c.mode]
		r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\n" + c.http, Server: c.server})
		r.restart(t) // one that has not waited for anything
		if err := r.site(t, r.app); c.used && err != nil || !c.used && !isReason(err, deploy.NotIncluded) {
			t.Errorf("%s: got %v, want used: %t", c.name, err, c.used)
		}
	}
}

// A site that is changed is in force once a request has come to the app.
func TestSite_AChangedSiteCountsOnceRequestsCome(t *testing.T) {
	const inHTTP, own = "include %DIR%/*.conf;", "include %DIR%/shop.server; location / { return 204; }"
	r := newRig(t, rigOptions{bare: true})
	r.write(t)
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP, Server: own})
	r.prepare(t)
	wantReason(t, r.site(t, r.app), deploy.NotIncluded, `"proxy_pass http://$shop_api;"`, "in the place of the site's own", "include "+r.dir+"/shop.server;")
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP, Server: usualServer})
	wantReason(t, r.site(t, r.app), deploy.NotIncluded, "reload Nginx")
	if err := r.nginx.ReloadAndWait(t.Context()); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "a site that is in force", func() error {
		get(t, r.nginx.URL())
		return r.site(t, r.app)
	})
}

func TestSite_ANginxThatNobodyReloadsIsReloaded(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	r.write(t)
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: "include %DIR%/shop.server; location / { return 204; }"})
	r.prepare(t)
	wantReason(t, r.site(t, r.app), deploy.NotIncluded)
	r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: usualServer})
	tb.Until(t, patience, "a site that is in force", func() error { return r.site(t, r.app) })
	r.wantTraffic(t, deploy.Blue)
}

// Nothing is proven yet, so whoever follows the words leaves people where they are.
func TestSite_BeforeTheGateTheSitesOwnProxyPassStays(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		r := newRig(t, rigOptions{bare: true, mode: mode})
		app := closed(r.app)
		wantKept := func(err error) {
			t.Helper()
			wantReason(t, err, deploy.NotIncluded, "leave all else of the site as it is")
			if strings.Contains(err.Error(), "write \"proxy_pass") {
				t.Errorf("%s: %v", mode, err)
			}
		}
		_, err := r.proxy.Prepare(t.Context(), app)
		wantKept(err)
		wantReason(t, err, deploy.NotIncluded, "include "+r.dir+"/*.conf;")
		if mode == nginx.SwitchFlip {
			wantReason(t, err, deploy.NotIncluded, "include "+r.dir+"/shop.server;")
		}
		r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;"})
		if _, err = r.proxy.Prepare(t.Context(), app); mode == nginx.SwitchFlip {
			wantKept(err)
			wantReason(t, err, deploy.NotIncluded, "include "+r.dir+"/shop.server;")
			r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;", Server: "include %DIR%/shop.server;"})
			_, err = r.proxy.Prepare(t.Context(), app)
		}
		if err != nil {
			t.Fatal(err)
		}
		wantKept(r.site(t, app))
	}
}

// The site has a group of its own with the name that it passes to, and keeps that name.
func TestSite_AGroupOfTheSameNameIsLeftUntilTheAppIsProven(t *testing.T) {
	const own = "upstream shop_backend { server 127.0.0.1:1; }\n"
	const site = "location / { proxy_pass http://shop_backend; }"
	for name, includes := range map[string]string{"before tandem": "", "with the line for another app": "include %DIR%/*.conf;\n"} {
		for _, color := range deploy.Colors() {
			t.Run(name+", "+string(color), func(t *testing.T) {
				r := newRig(t, rigOptions{bare: true, mode: nginx.SwitchReload})
				r.configure(t, testbed.NginxConfig{HTTP: includes + own, Server: site})
				if _, err := r.proxy.Prepare(t.Context(), closed(r.app)); true {
					wantReason(t, err, deploy.NotIncluded, "shop_backend", "leave all else of the site as it is")
				}
				if err := r.proxy.Flip(t.Context(), r.app, color); !isReason(err, deploy.NotIncluded) {
					t.Fatal(err)
				}
				if live, _ := r.proxy.Live(t.Context(), r.app); live != color {
					t.Errorf("the files would make %s live, want %s", live, color)
				}
				_, err := r.proxy.Prepare(t.Context(), r.app)
				wantReason(t, err, deploy.NotIncluded, "shop_backend", "take ")
				r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\n", Server: site})
				r.prepare(t)
				if err := r.site(t, r.app); err != nil {
					t.Error(err)
				}
				r.wantTraffic(t, color)
			})
		}
	}
}

// site asks for the site, and has it loaded where that is due, as the Runner does.
func (r *rig) site(t *testing.T, app deploy.App) error {
	t.Helper()
	reload, err := r.proxy.Site(t.Context(), app)
	if reload {
		return r.proxy.LoadSite(t.Context(), app)
	}
	return err
}
