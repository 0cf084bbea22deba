package appfile

import (
	"slices"
	"strings"
	"time"

	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// maxRoutes bounds what one file can make Nginx load.
const maxRoutes = 32

const portsExample = "ports: {blue: 3001, green: 3002}"

func (p appParser) routes() {
	n := p.root.Get("routes")
	if !n.Present() {
		n.Fault("is missing; write at least one, such as routes: {api: {health: /health}}")
	}
	if !n.Mapping() {
		return
	}
	ports, upstreams := map[int]strictyaml.Node{}, map[string]strictyaml.Node{}
	count := 0
	for name, route := range n.Entries() {
		if count++; count == maxRoutes+1 {
			route.Fault("one route too many; an app has %d at most", maxRoutes)
		}
		if r, ok := p.route(route, name, ports); ok {
			p.upstream(route.Get("upstream"), &r.Upstream, upstreams)
			p.app.Routes = append(p.app.Routes, r)
		}
	}
	if count == 0 {
		n.Fault("is empty; write at least one route, such as api: {health: /health}")
	}
	slices.SortFunc(p.app.Routes, func(a, b deploy.Route) int { return strings.Compare(a.Name, b.Name) })
}

// route returns false when there is not even a name to go by. ports holds what
// the routes before it took.
func (p appParser) route(n strictyaml.Node, name string, ports map[int]strictyaml.Node) (deploy.Route, bool) {
	r := deploy.Route{Name: name, Service: name, Health: deploy.Health{StatusMin: 200, StatusMax: 299, MaxLatency: 200 * time.Millisecond}}
	named := p.goodName(n, name)
	if n.Mapping("service", "port", "ports", "upstream", "health") {
		p.service(n.Get("service"), &r.Service)
		switch port := n.Get("port"); {
		case port.IsMapping():
			port.Fault("want the port in the container; did you mean ports?")
		case port.Present():
			port.Int(&r.Port, 1, 65535)
		}
		p.ports(n.Get("ports"), &r.Ports, ports)
		p.health(n.Get("health"), &r.Health)
	}
	return r, named
}

// ports reads those of a route. None at all are chosen later: see deploy.PortTable.
func (p appParser) ports(n strictyaml.Node, to *deploy.Ports, taken map[int]strictyaml.Node) {
	if !n.Present() || !n.Mapping(string(deploy.Blue), string(deploy.Green)) {
		return
	}
	if !n.Get(string(deploy.Blue)).Present() && !n.Get(string(deploy.Green)).Present() {
		return
	}
	for _, c := range []struct {
		color deploy.Color
		to    *int
	}{{deploy.Blue, &to.Blue}, {deploy.Green, &to.Green}} {
		port := n.Get(string(c.color))
		if !port.Present() {
			port.Fault("is missing; each color needs a port of its own: %s; or remove ports, and tandem chooses both", portsExample)
		}
		if !port.Int(c.to, 1, 65535) {
			continue
		}
		if what, own := p.own[*c.to]; own {
			port.Fault("%d is tandem's own port: %s. A site that leads there would show it to everybody; take another one", *c.to, what)
		}
		switch first, twice := taken[*c.to]; {
		case twice && first.Path == n.Get(string(c.color.Other())).Path:
			port.Fault("%d is %s's port already; give %s another one", *c.to, c.color.Other(), c.color)
		case twice:
			port.Fault("%d is taken by %s already (line %d); give %s another one", *c.to, first.Path, first.Line, c.color)
		default:
			taken[*c.to] = port
		}
	}
}
