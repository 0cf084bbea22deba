package reconciler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Collisions finds what two apps of one revision must not share: a name, a port.
// The app whose directory comes first keeps it; the other is refused. The result
// is keyed by App.File and has no entry for an app that collides with none.
// App.Name may be empty for an app that has faults of its own.
func Collisions(apps []App) map[string]Faults {
	sorted := slices.Clone(apps)
	slices.SortStableFunc(sorted, func(a, b App) int {
		return cmp.Or(strings.Compare(a.Dir, b.Dir), strings.Compare(a.File, b.File))
	})
	c := collisions{names: map[string]App{}, ports: map[int]claim{}, out: map[string]Faults{}}
	for _, app := range sorted {
		c.name(app)
		c.routes(app)
	}
	return c.out
}

type claim struct {
	app  App
	path string
}

type collisions struct {
	names map[string]App
	ports map[int]claim
	out   map[string]Faults
}

func (c *collisions) fault(app App, path, format string, args ...any) {
	c.out[app.File] = append(c.out[app.File], Fault{File: app.File, Path: path, Text: fmt.Sprintf(format, args...)})
}

func (c *collisions) name(app App) {
	if app.Name == "" {
		return
	}
	if first, taken := c.names[app.Name]; taken {
		c.fault(app, "app", "%s is the app in %s already; give this one another name", app.Name, first.File)
		return
	}
	c.names[app.Name] = app
}

func (c *collisions) routes(app App) {
	for _, r := range app.Routes {
		for _, color := range Colors() {
			c.port(app, r.Ports.Of(color), fmt.Sprintf("routes.%s.ports.%s", r.Name, color))
		}
	}
}

// port lets an app that has the same port twice pass: ParseApp refuses that.
func (c *collisions) port(app App, port int, path string) {
	if port == 0 {
		return
	}
	if first, taken := c.ports[port]; taken {
		if first.app.File != app.File {
			c.fault(app, path, "%d is taken by %s in %s already; take another port", port, first.path, first.app.File)
		}
		return
	}
	c.ports[port] = claim{app, path}
}
