package appfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/reconciler/deploy"
)

func appAt(dir, name string, routes ...deploy.Route) deploy.App {
	return deploy.App{Dir: dir, File: dir + "/tandem.yaml", Name: name, Routes: routes}
}

func routeOn(name string, blue, green int) deploy.Route {
	return deploy.Route{Name: name, Ports: deploy.Ports{Blue: blue, Green: green}}
}

func upstreamOf(app, route, upstream string) deploy.App {
	return appAt(app, app, deploy.Route{Name: route, Upstream: upstream})
}

func nameFault(file, text string) deploy.Faults {
	return deploy.Faults{{File: file, Line: 0, Path: "app", Text: text}}
}

// Of a name or a port that several apps want, the one that had it before keeps it,
// wherever its file stands; where nobody knows which that is, none of them gets it.
func TestCollisions_WhatIsKnownKeepsItsPlace(t *testing.T) {
	const elsewhere = "; give one of them another name: until then what is live stays, and neither is deployed anew"
	shop, copied := appAt("shop", "shop", routeOn("api", 3001, 3002)), appAt("archive/shop-2025", "shop", routeOn("api", 3001, 3002))
	shop.Tree, copied.Tree = "new", "old"
	portsOf := func(file, other string) deploy.Faults {
		return deploy.Faults{
			{File: file, Line: 0, Path: "routes.api.ports.blue", Text: "3001 is routes.api.ports.blue in " + other + ", too; take another port"},
			{File: file, Line: 0, Path: "routes.api.ports.green", Text: "3002 is routes.api.ports.green in " + other + ", too; take another port"},
		}
	}
	newcomer := map[string]deploy.Faults{copied.File: append(nameFault(copied.File,
		"shop is the app in shop/tandem.yaml, which keeps the name; give this one another name"), portsOf(copied.File, shop.File)...)}
	both := map[string]deploy.Faults{
		copied.File: append(nameFault(copied.File, "shop is the app in shop/tandem.yaml as well"+elsewhere), portsOf(copied.File, shop.File)...),
		shop.File:   append(nameFault(shop.File, "shop is the app in archive/shop-2025/tandem.yaml as well"+elsewhere), portsOf(shop.File, copied.File)...),
	}
	a, b := appAt("a", "a", routeOn("api", 3001, 3003)), appAt("b", "b", routeOn("web", 3004, 3001))
	portOfA := map[string]deploy.Faults{"a/tandem.yaml": {{File: "a/tandem.yaml", Line: 0, Path: "routes.api.ports.blue", Text: "3001 is routes.web.ports.green in b/tandem.yaml, too; take another port"}}}
	for _, c := range []struct {
		name    string
		apps    []deploy.App
		origins map[string]Origin
		want    map[string]deploy.Faults
	}{
		{"none", []deploy.App{appAt("a", "a", routeOn("api", 1, 2)), appAt("b", "b", routeOn("api", 3, 4))}, nil, map[string]deploy.Faults{}},
		{"the directory is known", []deploy.App{copied, shop}, map[string]Origin{"shop": {Dir: "shop"}}, newcomer},
		{"only what is live is known", []deploy.App{copied, shop}, map[string]Origin{"shop": {Tree: "new"}}, newcomer},
		{"moved, and copied, with one commit", []deploy.App{copied, shop}, map[string]Origin{"shop": {Dir: "services/shop", Tree: "new"}}, newcomer},
		{"the directory counts more than what is live", []deploy.App{copied, shop}, map[string]Origin{"shop": {Dir: "shop", Tree: "old"}}, newcomer},
		{"nothing is known", []deploy.App{shop, copied}, nil, both},
		{"neither is where it was", []deploy.App{shop, copied}, map[string]Origin{"shop": {Dir: "store", Tree: "other"}}, both},
		{"a port of an app that is known", []deploy.App{a, b}, map[string]Origin{"b": {Dir: "b"}}, portOfA},
		{"a port of one of two that are known", []deploy.App{a, b}, map[string]Origin{"a": {Dir: "a", Ports: []int{3003}}, "b": {Dir: "b", Ports: []int{3004, 3001}}}, portOfA},
		{
			"a port that two want, and nobody had", []deploy.App{a, b}, map[string]Origin{"a": {Dir: "a"}, "b": {Dir: "b"}},
			map[string]deploy.Faults{
				"a/tandem.yaml": portOfA["a/tandem.yaml"],
				"b/tandem.yaml": {{File: "b/tandem.yaml", Line: 0, Path: "routes.web.ports.green", Text: "3001 is routes.api.ports.blue in a/tandem.yaml, too; take another port"}},
			},
		},
		{"an upstream that two sites pass to", []deploy.App{upstreamOf("a", "api", "app_backend"), upstreamOf("b", "web", "App_Backend"), upstreamOf("c", "web", "other")}, map[string]Origin{"b": {Dir: "b"}},
			map[string]deploy.Faults{"a/tandem.yaml": {{File: "a/tandem.yaml", Line: 0, Path: "routes.api.upstream", Text: "app_backend is routes.web.upstream in b/tandem.yaml, too; the site of each passes to a name of its own"}}}},
		{"an upstream that two sites pass to, and nobody had", []deploy.App{upstreamOf("a", "api", "x"), upstreamOf("b", "web", "x")}, nil,
			map[string]deploy.Faults{
				"a/tandem.yaml": {{File: "a/tandem.yaml", Line: 0, Path: "routes.api.upstream", Text: "x is routes.web.upstream in b/tandem.yaml, too; the site of each passes to a name of its own"}},
				"b/tandem.yaml": {{File: "b/tandem.yaml", Line: 0, Path: "routes.web.upstream", Text: "x is routes.api.upstream in a/tandem.yaml, too; the site of each passes to a name of its own"}},
			}},
		{"ports and names that could not be read", []deploy.App{appAt("a", "", routeOn("api", 0, 0)), appAt("b", "", routeOn("api", 0, 0))}, nil, map[string]deploy.Faults{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Collisions(c.apps, c.origins)); diff != "" {
				t.Errorf("collisions (-want +got):\n%s", diff)
			}
		})
	}
}

// An app takes over no Compose project that is another one's.
func TestCollisions_AProjectIsOneApps(t *testing.T) {
	adopting := func(name, project string) deploy.App {
		app := appAt(name, name)
		app.Adopt = project
		return app
	}
	for _, c := range []struct {
		project string
		bad     bool
	}{{"old", false}, {"bank-green", true}, {"bank-shared", true}, {"ledger", true}, {"bank", false}} {
		others := []deploy.App{appAt("bank", "bank"), adopting("books", "ledger")}
		got := Collisions(append(others, adopting("shop", c.project)), nil)["shop/tandem.yaml"]
		if (len(got) == 1 && got[0].Path == "adopt") != c.bad || !c.bad && len(got) > 0 {
			t.Errorf("adopt: %s gives %v", c.project, got)
		}
	}
}
