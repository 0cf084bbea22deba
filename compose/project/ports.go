package project

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

// address checks on which address of the host a port is published. One without
// an address is published on loopback: see finalize.
func (c *checker) address(service string, p types.ServicePortConfig) {
	if p.HostIP == "" {
		return
	}
	ip, err := netip.ParseAddr(p.HostIP)
	if err == nil && (ip.IsLoopback() || c.Policy.AllowsAddress(p.HostIP)) {
		return
	}
	c.fault(at(service, "ports", "~"+p.HostIP), "port %d is published on %s, where others than this host's Nginx can reach it: "+
		"remove the address, or let this host's policy.allow list \"%s:%s\"", p.Target, p.HostIP, policy.AllowPublish, p.HostIP)
}

// tooManyPorts tells whether it publishes more, and adds a fault if it does.
func (c *checker) tooManyPorts() bool {
	n := 0
	for _, name := range c.project.ServiceNames() {
		if n += len(c.project.Services[name].Ports); n > composefile.MaxPorts {
			c.fault(at(name, "ports"), "with these the file publishes more than %d ports: publish those that are needed", composefile.MaxPorts)
			return true
		}
	}
	return false
}

// claim is one port of the host that a service of a color publishes.
type claim struct {
	service string
	types.ServicePortConfig
}

func claims(p *types.Project) []claim {
	var all []claim
	for _, name := range p.ServiceNames() {
		for _, port := range p.Services[name].Ports {
			if port.Published != "" {
				all = append(all, claim{name, port})
			}
		}
	}
	return all
}

// clash tells whether two containers cannot publish both.
func (a claim) clash(b claim) bool {
	addresses := a.HostIP == b.HostIP || IsWildcard(a.HostIP) || IsWildcard(b.HostIP)
	return a.Published == b.Published && a.Protocol == b.Protocol && addresses
}

// IsWildcard tells whether an address is all addresses of this host.
func IsWildcard(ip string) bool { return ip == "0.0.0.0" || ip == "::" }

func (a claim) path() []string { return at(a.service, "ports", "~"+strconv.Itoa(int(a.Target))) }

// ports checks that no two containers of the two colors publish the same port.
func (c *checker) ports(blue, green *types.Project) {
	blues, greens := claims(blue), claims(green)
	for i, b := range blues {
		for _, other := range blues[i+1:] {
			if b.clash(other) {
				c.fault(other.path(), "services %s and %s both publish port %s: give each its own", b.service, other.service, b.Published)
			}
		}
		for _, g := range greens {
			switch {
			case !b.clash(g):
			default:
				c.fault(b.path(), "%s publishes port %s in blue, and %s publishes it in green: give each its own", b.service, b.Published, g.service)
			}
		}
	}
}

// ContainerPort returns the port in the container that is published on the host's
// port, 0 if none is.
func ContainerPort(s types.ServiceConfig, port int) int {
	for _, p := range s.Ports {
		if p.Published == strconv.Itoa(port) && p.Protocol == "tcp" {
			return int(p.Target)
		}
	}
	return 0
}

// unreachable adds a fault where the route's port cannot be reached at 127.0.0.1, where
// Nginx and the gate ask, whatever is published.
func (c *checker) unreachable(r deploy.Route, s types.ServiceConfig) {
	ports := fmt.Sprintf(`ports: ["${%s}:%s"]`, r.Variable(), likelyTarget(s))
	other, isService := strings.CutPrefix(s.NetworkMode, types.ServicePrefix)
	switch {
	case s.GetScale() == 0:
		c.fault(at(r.Service, "scale"), "there is no container to answer the route %q: remove scale: 0 and replicas: 0", r.Name)
	case isService:
		c.fault(at(r.Service, "network_mode"), "%s is on the network of %s, and publishes no port for the route %q: write %s under services.%s and service: %s for the route in tandem.yaml; or remove network_mode",
			r.Service, other, r.Name, ports, other, other)
	case s.NetworkMode == "host", s.NetworkMode == "none", strings.HasPrefix(s.NetworkMode, types.ContainerPrefix):
		c.fault(at(r.Service, "network_mode"), "with network_mode: %s no port is published, and the route %q needs one: remove network_mode, and write %s", s.NetworkMode, r.Name, ports)
	case c.walled(s):
		c.fault(at(r.Service, "networks"), "of %s no port is published, because each of its networks is internal, macvlan or ipvlan, and the route %q needs one: add another network (networks: [default, …])", r.Service, r.Name)
	default:
		c.elsewhere(r, s)
	}
}

// walled tells whether the service is only in networks from which Docker publishes nothing.
func (c *checker) walled(s types.ServiceConfig) bool {
	for key := range s.Networks {
		n := c.project.Networks[key]
		if bool(n.External) || !n.Internal && !slices.Contains([]string{"macvlan", "ipvlan"}, n.Driver) {
			return false
		}
	}
	return len(s.Networks) > 0
}

// elsewhere adds a fault where the route's port is published at other addresses only.
func (c *checker) elsewhere(r deploy.Route, s types.ServiceConfig) {
	var there []types.ServicePortConfig
	for _, p := range s.Ports {
		if p.Published != strconv.Itoa(r.Ports.Blue) || p.Protocol != "tcp" {
			continue
		}
		if ReachableOnLoopback(p.HostIP) {
			return
		}
		there = append(there, p)
	}
	for _, p := range there {
		c.fault(at(r.Service, "ports", "~"+p.HostIP), "the port of route %q is published on %s, and Nginx and the gate ask 127.0.0.1: write \"${%s}:%d\"", r.Name, p.HostIP, r.Variable(), p.Target)
	}
}

// likelyTarget guesses, for a message, on which port the service listens.
func likelyTarget(s types.ServiceConfig) string {
	switch {
	case len(s.Ports) > 0:
		return strconv.Itoa(int(s.Ports[0].Target))
	case len(s.Expose) > 0:
		return s.Expose[0]
	default:
		return "<port in the container>"
	}
}
