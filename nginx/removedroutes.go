package nginx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"tandem/reconciler/deploy"
)

// A site names what tandem's files define. Were a route's variable gone with the route,
// Nginx could not load anything any more, no other app's files either. So a route that
// the app has no more is kept as long as the site uses it, and a person is told.

// removedRoute is a route that the app has no more and the site still uses.
type removedRoute struct {
	name string
	to   string // the route that it leads to; its own name where the app has none on the same ports
	uses []use
}

// backendName is the route's name in the group that an app with one route has in reload
// mode, whatever the route is called.
const backendName = "backend"

// What generated files say of the routes that they have.
var (
	removedLine = regexp.MustCompile(`(?m)^# Kept for the site: ([a-z0-9-]+) leads to ([a-z0-9-]+)$`)
	probeLine   = regexp.MustCompile(`(?m)^location /[a-z0-9-]+/([a-z0-9-]+)/ \{$`)
)

func (k removedRoute) line() string {
	return "# Kept for the site: " + k.name + " leads to " + k.to + "\n"
}

// routeHistory is what is known of the routes that an app had.
type routeHistory struct {
	app    deploy.App
	routes []string          // that the files have
	leads  map[string]string // of those kept: to which route
	conf   string
}

func (p *Proxy) routeHistory(app deploy.App) (routeHistory, error) {
	g := routeHistory{app: app, leads: map[string]string{}}
	var texts [2]string
	for i, name := range []string{app.Name + confirmFile, app.Name + confFile} {
		text, err := p.readOwn(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return g, err
		}
		texts[i] = string(text)
	}
	g.conf = texts[1]
	for _, m := range removedLine.FindAllStringSubmatch(g.conf, -1) {
		g.leads[m[1]] = m[2]
	}
	for _, m := range probeLine.FindAllStringSubmatch(texts[0], -1) {
		g.routes = append(g.routes, m[1])
	}
	return g, nil
}

func (g routeHistory) has(route string) bool { return hasRoute(g.app, route) }

func hasRoute(app deploy.App, route string) bool {
	return slices.ContainsFunc(app.Routes, func(r deploy.Route) bool { return r.Name == route })
}

// gone are the routes that the files or a stack have, and the app has not.
func (g routeHistory) gone(mode string) []removedRoute {
	names := map[string]bool{}
	for _, name := range g.routes {
		names[name] = true
	}
	for _, f := range g.app.FormerRoutes {
		names[f.Name] = true
	}
	if strings.Contains(g.conf, "\nupstream "+upstreamName(g.app.Name, backendName, deploy.NoColor)+" {\n") {
		names[backendName] = mode == SwitchReload && len(g.app.Routes) > 1
	}
	var all []removedRoute
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if names[name] && !g.has(name) {
			all = append(all, removedRoute{name: name, to: g.successor(name)})
		}
	}
	return all
}

// successor is the route of the app that leads to the same ports, or the name itself.
func (g routeHistory) successor(name string) string {
	if _, known := g.leads[name]; name == backendName && !known && len(g.routes) == 1 {
		name = g.routes[0] // that was the only route
	}
	for range len(g.leads) + len(g.app.FormerRoutes) + 1 { // each leads on once at the most
		next := g.leads[name]
		for _, f := range g.app.FormerRoutes {
			i := slices.IndexFunc(g.app.Routes, func(r deploy.Route) bool { return f.Name == name && r.Ports == f.Ports })
			if i >= 0 {
				next = g.app.Routes[i].Name
			}
		}
		if g.has(name) || next == "" {
			break
		}
		name = next
	}
	return name
}

// removedRoutes finds the routes to be kept. Where Nginx's configuration cannot be read nobody
// knows whether the site uses them, and all are.
func (p *Proxy) removedRoutes(ctx context.Context, app deploy.App, w appDiff) ([]removedRoute, error) {
	g, err := p.routeHistory(app)
	if err != nil {
		return nil, err
	}
	gone := g.gone(p.mode)
	if len(gone) == 0 || w.environment.stopped != "" {
		return gone, nil
	}
	configuration, err := p.testSince(ctx, w.called)
	if err != nil {
		return gone, ctx.Err()
	}
	var used []removedRoute
	for _, k := range gone {
		k.uses = append(usesOfRoute(configuration, app.Name, k.name), w.usesOfWritten(configuration, k.name)...)
		if len(k.uses) > 0 {
			used = append(used, k)
		}
	}
	return used, nil
}

// usesOfRoute finds where a person's configuration has the variable of a route, or one of
// its groups.
func usesOfRoute(configuration, app, route string) []use {
	found := uses(configuration, Variable(app, route))
	group := upstreamName(app, route, deploy.NoColor)
	groups := regexp.MustCompile(`(?m)^upstream (` + regexp.QuoteMeta(group) + `(?:_\w+)?) \{$`)
	for _, m := range groups.FindAllStringSubmatch(configuration, -1) {
		found = append(found, uses(configuration, m[1])...)
	}
	return found
}

// withRemoved adds the removed routes to a site and its app. One leads where the stack of each
// color has it; else where the route leads that has its ports now; else nowhere.
func (p *Proxy) withRemoved(ctx context.Context, s site, v environment, app deploy.App, all []removedRoute) (site, deploy.App, error) {
	s.removed = all
	own := len(app.Routes)
	app.Routes = slices.Clone(app.Routes)
	for _, k := range all {
		b, r := backend{route: k.name}, deploy.Route{Name: k.name}
		for _, c := range deploy.Colors() {
			from, access := s.routes[:own], app.Routes[:own]
			to := slices.IndexFunc(access, func(r deploy.Route) bool { return r.Name == k.to })
			if f := formerOf(app, c, k.name, k.to); f != nil && (to < 0 || f.Name == k.name) {
				only := f.Of
				only.Routes = []deploy.Route{f.Route}
				there, err := p.backends(ctx, s, v, only)
				if err != nil {
					return s, app, err
				}
				from, access, to = there, only.Routes, 0
			}
			if to < 0 {
				continue
			}
			if c == deploy.Blue {
				b.blue, r.Access.Blue = from[to].blue, access[to].Access.Blue
			} else {
				b.green, r.Access.Green = from[to].green, access[to].Access.Green
			}
		}
		s.routes, app.Routes = append(s.routes, b), append(app.Routes, r)
	}
	return s, app, nil
}

// formerOf is the first of the routes that the stack of the color has; nil: none.
func formerOf(app deploy.App, c deploy.Color, names ...string) *deploy.FormerRoute {
	for _, name := range names {
		for _, f := range app.FormerRoutes {
			if f.Color == c && f.Name == name {
				return &f
			}
		}
	}
	return nil
}

// outdated tells which lines of the site name what the app has no more.
func (w appDiff) outdated(app deploy.App) error {
	var lines []string
	for _, k := range w.removed {
		if len(k.uses) == 0 {
			continue // nobody could look
		}
		lines = append(lines, k.words(app, w.nameUsed(k)))
	}
	lines = append(lines, w.outdatedUpstreams(app)...)
	if len(lines) == 0 {
		return nil
	}
	return &deploy.RouterError{Reason: deploy.SiteOutdated, Detail: strings.Join(lines, "; ")}
}

// nameUsed is the upstream of the site that led to the route; empty: it had none.
func (w appDiff) nameUsed(k removedRoute) string {
	for _, u := range w.written {
		if u.route == k.name && slices.ContainsFunc(k.uses, func(at use) bool { return strings.Contains(at.text, u.name) }) {
			return u.name
		}
	}
	return ""
}

// words tell what to write in the place of a removed route. upstream is the site's own name for it.
func (k removedRoute) words(app deploy.App, upstream string) string {
	name := func(route string) string {
		if upstream != "" {
			i := slices.IndexFunc(app.Routes, func(r deploy.Route) bool { return r.Name == route })
			if i < 0 {
				return upstream
			}
			return targetsOf(app)[i]
		}
		for _, u := range k.uses {
			if strings.Contains(u.text, "$") && len(uses("\n"+u.text, Variable(app.Name, k.name))) > 0 {
				return Variable(app.Name, route)
			}
		}
		return upstreamName(app.Name, route, deploy.NoColor)
	}
	what := fmt.Sprintf("%s has no route %s any more, and the site still uses it (%s): ", app.Name, k.name, described(k.uses))
	if k.name == backendName && !hasRoute(app, k.name) {
		what = fmt.Sprintf("%s has more than one route now, and the site still uses %s (%s): ", app.Name, name(k.name), described(k.uses))
	}
	if hasRoute(app, k.to) {
		return what + fmt.Sprintf("write %s in the place of %s, and reload Nginx. Until then both lead there", name(k.to), name(k.name))
	}
	others := make([]string, len(app.Routes))
	for i, r := range app.Routes {
		others[i] = name(r.Name)
	}
	return what + fmt.Sprintf("take the line out, or write %s in the place of %s, and reload Nginx. "+
		"Until then that leads to the stacks that still have the route, and answers 502 where none has", strings.Join(others, " or "), name(k.name))
}
