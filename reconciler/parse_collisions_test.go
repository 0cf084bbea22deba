package reconciler

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func appAt(dir, name string, routes ...Route) App {
	return App{Dir: dir, File: dir + "/tandem.yaml", Name: name, Routes: routes}
}

func routeOn(name string, blue, green int) Route {
	return Route{Name: name, Ports: Ports{Blue: blue, Green: green}}
}

func nameFault(file, text string) Faults { return Faults{{file, 0, "app", text}} }

// Of a name or a port that several apps want, the one that had it before keeps it,
// wherever its file stands; where nobody knows which that is, none of them gets it.
func TestCollisions_WhatIsKnownKeepsItsPlace(t *testing.T) {
	const elsewhere = "; give one of them another name: until then what is live stays, and neither is deployed anew"
	shop, copied := appAt("shop", "shop", routeOn("api", 3001, 3002)), appAt("archive/shop-2025", "shop", routeOn("api", 3001, 3002))
	shop.Tree, copied.Tree = "new", "old"
	portsOf := func(file, other string) Faults {
		return Faults{
			{file, 0, "routes.api.ports.blue", "3001 is routes.api.ports.blue in " + other + ", too; take another port"},
			{file, 0, "routes.api.ports.green", "3002 is routes.api.ports.green in " + other + ", too; take another port"},
		}
	}
	newcomer := map[string]Faults{copied.File: append(nameFault(copied.File,
		"shop is the app in shop/tandem.yaml, which keeps the name; give this one another name"), portsOf(copied.File, shop.File)...)}
	both := map[string]Faults{
		copied.File: append(nameFault(copied.File, "shop is the app in shop/tandem.yaml as well"+elsewhere), portsOf(copied.File, shop.File)...),
		shop.File:   append(nameFault(shop.File, "shop is the app in archive/shop-2025/tandem.yaml as well"+elsewhere), portsOf(shop.File, copied.File)...),
	}
	a, b := appAt("a", "a", routeOn("api", 3001, 3003)), appAt("b", "b", routeOn("web", 3004, 3001))
	portOfA := map[string]Faults{"a/tandem.yaml": {{"a/tandem.yaml", 0, "routes.api.ports.blue", "3001 is routes.web.ports.green in b/tandem.yaml, too; take another port"}}}
	for _, c := range []struct {
		name    string
		apps    []App
		origins map[string]Origin
		want    map[string]Faults
	}{
		{"none", []App{appAt("a", "a", routeOn("api", 1, 2)), appAt("b", "b", routeOn("api", 3, 4))}, nil, map[string]Faults{}},
		{"the directory is known", []App{copied, shop}, map[string]Origin{"shop": {Dir: "shop"}}, newcomer},
		{"only what is live is known", []App{copied, shop}, map[string]Origin{"shop": {Tree: "new"}}, newcomer},
		{"moved, and copied, with one commit", []App{copied, shop}, map[string]Origin{"shop": {Dir: "services/shop", Tree: "new"}}, newcomer},
		{"the directory counts more than what is live", []App{copied, shop}, map[string]Origin{"shop": {Dir: "shop", Tree: "old"}}, newcomer},
		{"nothing is known", []App{shop, copied}, nil, both},
		{"neither is where it was", []App{shop, copied}, map[string]Origin{"shop": {Dir: "store", Tree: "other"}}, both},
		{"a port of an app that is known", []App{a, b}, map[string]Origin{"b": {Dir: "b"}}, portOfA},
		{"a port of one of two that are known", []App{a, b}, map[string]Origin{"a": {Dir: "a", Ports: []int{3003}}, "b": {Dir: "b", Ports: []int{3004, 3001}}}, portOfA},
		{
			"a port that two want, and nobody had", []App{a, b}, map[string]Origin{"a": {Dir: "a"}, "b": {Dir: "b"}},
			map[string]Faults{
				"a/tandem.yaml": portOfA["a/tandem.yaml"],
				"b/tandem.yaml": {{"b/tandem.yaml", 0, "routes.web.ports.green", "3001 is routes.api.ports.blue in a/tandem.yaml, too; take another port"}},
			},
		},
		{"ports and names that could not be read", []App{appAt("a", "", routeOn("api", 0, 0)), appAt("b", "", routeOn("api", 0, 0))}, nil, map[string]Faults{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Collisions(c.apps, c.origins)); diff != "" {
				t.Errorf("collisions (-want +got):\n%s", diff)
			}
		})
	}
}
