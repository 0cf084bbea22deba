package nginx_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// former is a route as the stack of the color still has it.
func former(of deploy.App, route deploy.Route, c deploy.Color) deploy.FormerRoute {
	route.Access = deploy.Accesses{Blue: deploy.AccessOpen}
	if c == deploy.Green {
		route.Access = deploy.Accesses{Green: deploy.AccessOpen}
	}
	return deploy.FormerRoute{Route: route, Color: c, Of: of}
}

// passTo is a site that passes requests on by the names that the mode has.
func passTo(mode string, routes ...string) string {
	var site strings.Builder
	if mode == nginx.SwitchFlip {
		site.WriteString("include %DIR%/shop.server;\n")
	}
	for i, route := range routes {
		path := "/"
		if i > 0 {
			path += route
		}
		fmt.Fprintf(&site, "location %s { proxy_pass http://%s; }\n", path, named(mode, route))
	}
	return site.String()
}

func named(mode, route string) string {
	if mode == nginx.SwitchReload {
		return "shop_" + route
	}
	return nginx.Variable("shop", route)
}

func inBothModes(t *testing.T, test func(t *testing.T, mode string)) {
	t.Helper()
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) { test(t, mode) })
	}
}

// wantOutdated prepares, and is told of the site; Nginx has all that it needs.
func (r *rig) wantOutdated(t *testing.T, words ...string) {
	t.Helper()
	for range 2 {
		_, err := r.proxy.Prepare(t.Context(), r.app)
		wantReason(t, err, deploy.SiteOutdated, words...)
		if err := r.nginx.Test(t.Context()); err != nil {
			t.Errorf("nginx could not be started again: %v", err)
		}
	}
}

func TestPrepare_ARenamedRouteServesTheSiteUntilItIsChanged(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode string) {
		r := newRig(t, rigOptions{mode: mode, server: passTo(mode, "api")})
		r.prepare(t)
		before := r.app
		r.app.Routes = []deploy.Route{r.app.Routes[0]}
		r.app.Routes[0].Name = "web"
		r.app.FormerRoutes = []deploy.FormerRoute{former(before, before.Routes[0], deploy.Blue)}
		old, now := named(mode, "api"), named(mode, "web")
		told := []string{"no route api", r.nginx.Dir + "/nginx.conf:", "proxy_pass http://" + old + ";", "write " + now + " in the place of " + old}
		r.wantOutdated(t, told...)
		r.wantTraffic(t, deploy.Blue)
		r.flip(t, deploy.Green) // a deploy goes on
		r.wantTraffic(t, deploy.Green)

		// No stack of the release before is left, and the agent is started again. Then the
		// route has a third name.
		r.app.FormerRoutes = nil
		r.restart(t)
		r.wantOutdated(t, told...)
		between := r.app
		r.app.Routes = []deploy.Route{r.app.Routes[0]}
		r.app.Routes[0].Name = "front"
		r.app.FormerRoutes = []deploy.FormerRoute{former(between, between.Routes[0], deploy.Green)}
		r.wantOutdated(t, "write "+named(mode, "front")+" in the place of "+old)
		for _, c := range []deploy.Color{deploy.Blue, deploy.Green} {
			r.flip(t, c)
			r.wantTraffic(t, c)
		}

		r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\n", Server: passTo(mode, "front")})
		r.prepare(t)
		r.wantTraffic(t, deploy.Green)
		for _, name := range []string{"shop.conf", "shop.vars"} {
			if text := r.file(t, name); strings.Contains(text, "shop_api") {
				t.Errorf("%s still has the route:\n%s", name, text)
			}
		}
	})
}

func TestPrepare_ARemovedRouteLeadsWhereItLedAndThenNowhere(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode string) {
		r := newRig(t, rigOptions{mode: mode, server: passTo(mode, "api")})
		r.prepare(t)
		admin := newStack(t, deploy.Blue)
		r.app = appWith("shop", r.app.Routes[0], deploy.Route{Name: "admin", Service: "api", Ports: deploy.Ports{Blue: admin.port, Green: admin.port + 1}})
		r.prepare(t)
		r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\n", Server: passTo(mode, "api", "admin")})
		if err := r.nginx.ReloadAndWait(within(t)); err != nil {
			t.Fatal(err)
		}
		before := r.app
		r.app = appWith("shop", before.Routes[0])
		r.app.FormerRoutes = []deploy.FormerRoute{former(before, before.Routes[1], deploy.Blue)}
		r.wantOutdated(t, "no route admin", "/admin { proxy_pass", "take the line out, or write "+named(mode, "api"))
		for _, c := range []deploy.Color{deploy.Blue, deploy.Green, deploy.Blue} {
			r.flip(t, c)
			r.wantTraffic(t, c)
			want := http.StatusOK
			if c == deploy.Green { // its stack does not have the route
				want = http.StatusBadGateway
			}
			wantStatus(t, http.MethodGet, r.nginx.URL()+"/admin", want)
		}
		r.app.FormerRoutes = nil // neither has that of blue any more
		r.wantOutdated(t, "no route admin")
		wantStatus(t, http.MethodGet, r.nginx.URL()+"/admin", http.StatusBadGateway)
		r.configure(t, testbed.NginxConfig{HTTP: "include %DIR%/*.conf;\n", Server: passTo(mode, "api")})
		r.prepare(t)
		if text := r.file(t, "shop.conf"); strings.Contains(text, "admin") {
			t.Errorf("shop.conf still has the route:\n%s", text)
		}
	})
}

// The group shop_backend is that of an app with one route.
func TestPrepare_ASecondRouteDoesNotTakeTheGroupOfTheOnlyOneAway(t *testing.T) {
	r := newRig(t, rigOptions{mode: nginx.SwitchReload, server: passTo(nginx.SwitchReload, "backend")})
	r.prepare(t)
	api := r.app.Routes[0]
	web := api
	web.Name, web.Ports = "web", deploy.Ports{Blue: api.Ports.Blue + 1, Green: api.Ports.Green + 1}
	r.app = appWith("shop", web, api)
	for range 2 {
		r.wantOutdated(t, "more than one route", "proxy_pass http://shop_backend;", "write shop_api in the place of shop_backend")
		r.flip(t, deploy.Green)
		r.wantTraffic(t, deploy.Green)
		r.flip(t, deploy.Blue)
		r.wantTraffic(t, deploy.Blue)
		r.restart(t)
	}
}

func TestRemove_NamesTheLineThatStillUsesTheApp(t *testing.T) {
	r := newRig(t, rigOptions{server: "include %DIR%/shop.serve[r];\nlocation / { proxy_pass http://$shop_api; }"})
	r.prepare(t)
	_, err := r.proxy.Remove(t.Context(), "shop")
	wantReason(t, err, deploy.NginxBroken, "still sends requests to the app shop", r.nginx.Dir+"/nginx.conf:", "location / { proxy_pass http://$shop_api; }")
	r.prepare(t)
	r.wantTraffic(t, deploy.Blue)
}
