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

func TestCollisions_TheLaterDirectoryIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		apps []App
		want map[string]Faults
	}{
		{"none", []App{appAt("a", "a", routeOn("api", 1, 2)), appAt("b", "b", routeOn("api", 3, 4))}, map[string]Faults{}},
		{
			"one name twice, whatever the order they come in",
			[]App{appAt("y", "shop"), appAt("x", "shop")},
			map[string]Faults{"y/tandem.yaml": {{"y/tandem.yaml", 0, "app", "shop is the app in x/tandem.yaml already; give this one another name"}}},
		},
		{
			"a port of another app's other color",
			[]App{appAt("a", "a", routeOn("api", 3001, 3002)), appAt("b", "b", routeOn("web", 3003, 3001))},
			map[string]Faults{"b/tandem.yaml": {{
				"b/tandem.yaml", 0, "routes.web.ports.green",
				"3001 is taken by routes.api.ports.blue in a/tandem.yaml already; take another port",
			}}},
		},
		{
			"one port wanted by three",
			[]App{appAt("a", "a", routeOn("api", 1, 2)), appAt("b", "b", routeOn("api", 1, 3)), appAt("c", "c", routeOn("api", 4, 1))},
			map[string]Faults{
				"b/tandem.yaml": {{"b/tandem.yaml", 0, "routes.api.ports.blue", "1 is taken by routes.api.ports.blue in a/tandem.yaml already; take another port"}},
				"c/tandem.yaml": {{"c/tandem.yaml", 0, "routes.api.ports.green", "1 is taken by routes.api.ports.blue in a/tandem.yaml already; take another port"}},
			},
		},
		{
			"ports and names that could not be read", []App{appAt("a", "", routeOn("api", 0, 0)), appAt("b", "", routeOn("api", 0, 0))},
			map[string]Faults{},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Collisions(c.apps)); diff != "" {
				t.Errorf("collisions (-want +got):\n%s", diff)
			}
		})
	}
}
