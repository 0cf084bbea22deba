package project

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// Nginx alone is reached from outside. So of what a colored service publishes only the
// ports of its routes stay, on loopback, and those that the file itself tells apart by
// color.

// names leaves out what only one container of this host can be called.
func (x *projection) names() {
	x.eachColored(func(_ deploy.Color, name string, s types.ServiceConfig) types.ServiceConfig {
		if s.ContainerName != "" && x.sameInBoth(name, func(s types.ServiceConfig) string { return s.ContainerName }) {
			x.note(at(name, "container_name"), "left out, because blue and green cannot both be called %s: they are %s-%s-1 and %s-%s-1",
				s.ContainerName, x.App.Project(deploy.Blue), name, x.App.Project(deploy.Green), name)
			s.ContainerName = ""
		}
		return s
	})
}

// sharedPorts tells which ports of shared services nobody but this host reaches any more.
func (x *projection) sharedPorts() {
	for _, name := range x.shared.ServiceNames() {
		for _, p := range x.shared.Services[name].Ports {
			if p.HostIP == "" {
				x.note(at(name, "ports", "~"+strconv.Itoa(int(p.Target))), "%s is published on 127.0.0.1 alone, and not on all interfaces as by Compose", portText(p))
			}
		}
	}
}

// ports projects the ports of both colors.
func (x *projection) ports() {
	targets := map[string]int{} // route -> port in the container
	for _, r := range x.App.Routes {
		if s, ok := x.colored[deploy.Blue].Services[r.Service]; ok {
			targets[r.Name] = x.target(r, s)
		}
	}
	kept := map[string]map[deploy.Color][]types.ServicePortConfig{}
	for _, name := range x.colored[deploy.Blue].ServiceNames() {
		kept[name] = x.ownPorts(name, targets)
	}
	x.eachColored(func(color deploy.Color, name string, s types.ServiceConfig) types.ServiceConfig {
		s.Ports = kept[name][color]
		for _, r := range x.App.Routes {
			target, published := targets[r.Name], r.Ports.Of(color)
			if r.Service != name || target == 0 || hasNamespaceOfOthers(s) || ContainerPort(s, published) != 0 {
				continue
			}
			s.Ports = append(s.Ports, types.ServicePortConfig{
				Mode: "ingress", HostIP: loopback, Target: uint32(target), Published: strconv.Itoa(published), Protocol: "tcp",
			})
		}
		if n := s.GetScale(); n > 1 && x.routeTo(name) != "" && len(s.Ports) > 0 {
			x.note(replicasOf(s), "1 in place of %d: they cannot publish the same port, and Nginx asks that one", n)
			one := 1
			if s.Scale = &one; s.Deploy != nil {
				deploy := *s.Deploy // the file's own is looked at again
				deploy.Replicas, s.Deploy = &one, &deploy
			}
		}
		return s
	})
}

// replicasOf is the path that says how many containers a service has.
func replicasOf(s types.ServiceConfig) []string {
	if s.Scale != nil {
		return at(s.Name, "scale")
	}
	return at(s.Name, "deploy", "replicas")
}

// hasNamespaceOfOthers tells whether the container publishes no port, because its network is
// not its own: a fault of its own tells that.
func hasNamespaceOfOthers(s types.ServiceConfig) bool {
	return s.NetworkMode != "" && s.NetworkMode != "bridge" && s.NetworkMode != "default"
}

// ownPorts are the ports of a service that the file publishes elsewhere in each color.
func (x *projection) ownPorts(name string, targets map[string]int) map[deploy.Color][]types.ServicePortConfig {
	blue, green := x.colored[deploy.Blue].Services[name], x.colored[deploy.Green].Services[name]
	kept := map[deploy.Color][]types.ServicePortConfig{}
	keep := func(color deploy.Color, mine, others []types.ServicePortConfig) {
		for _, p := range mine {
			both := slices.ContainsFunc(others, func(o types.ServicePortConfig) bool {
				return o.Published == p.Published && o.Target == p.Target && o.Protocol == p.Protocol
			})
			if p.Published == "" && !x.leadsTo(name, p, targets) || p.Published != "" && !both { // Docker chooses one that is free
				kept[color] = append(kept[color], p)
			} else if color == deploy.Blue {
				x.noPort(name, p, targets)
			}
		}
	}
	keep(deploy.Blue, blue.Ports, green.Ports)
	keep(deploy.Green, green.Ports, blue.Ports)
	return kept
}

// leadsTo tells whether a route leads to the port.
func (x *projection) leadsTo(name string, p types.ServicePortConfig, targets map[string]int) bool {
	return slices.ContainsFunc(x.App.Routes, func(r deploy.Route) bool { return r.Service == name && targets[r.Name] == int(p.Target) })
}

// noPort tells what becomes of a port that is the same in both colors.
func (x *projection) noPort(name string, p types.ServicePortConfig, targets map[string]int) {
	text := fmt.Sprintf("%d is not published: other services reach %s:%d without", p.Target, name, p.Target)
	for _, r := range x.App.Routes {
		if r.Service == name && targets[r.Name] == int(p.Target) {
			text = fmt.Sprintf("%d is published on 127.0.0.1, where Nginx reaches the route %s: at %d in blue, and at %d in green", p.Target, r.Name, r.Ports.Blue, r.Ports.Green)
			if r.PortsChosen {
				text = fmt.Sprintf("%d is published on 127.0.0.1, where Nginx reaches the route %s: at a port of its own in each color, which the agent chooses once", p.Target, r.Name)
			}
		}
	}
	x.note(at(name, "ports", "~"+strconv.Itoa(int(p.Target))), "%s", text)
}

// target finds the port on which the service of a route listens.
func (x *projection) target(r deploy.Route, s types.ServiceConfig) int {
	if r.Port != 0 {
		return r.Port
	}
	if port := ContainerPort(s, r.Ports.Blue); port != 0 {
		return port
	}
	var found []int
	for _, p := range s.Ports {
		if p.Protocol == "tcp" || p.Protocol == "" {
			found = append(found, int(p.Target))
		}
	}
	if len(found) == 0 {
		for _, text := range s.Expose {
			number, protocol, _ := strings.Cut(text, "/")
			if port, err := strconv.Atoi(number); err == nil && protocol != "udp" {
				found = append(found, port)
			}
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	switch {
	case len(found) == 1:
		return found[0]
	case len(found) > 1:
		x.appFault([]string{"routes", r.Name, "port"}, "%s has the ports %s: write the one that answers the route, such as port: %d", r.Service, joinInts(found), found[0])
	case !hasNamespaceOfOthers(s):
		x.appFault([]string{"routes", r.Name, "port"}, "%s neither publishes nor exposes a port in %s: write the one on which it listens, such as port: 3000", r.Service, x.Name())
	}
	return 0
}

func joinInts(numbers []int) string {
	var words []string
	for _, n := range numbers {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ", ")
}
