package project

import (
	"net"
	"net/netip"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// fixed is an address that a service is to have in one network, and that only one container
// there can have at a time.
type fixed struct {
	service string
	count   int // containers of the service
	path    []string
	key     string // the network in the file
	network string // its name
	own     bool   // the stack makes it
	what    string // ipv4_address, ipv6_address, link_local_ips or mac_address
	value   string
}

// leased tells whether it is one that the engine looks for in the subnets of the network.
func (f fixed) leased() bool { return f.what == "ipv4_address" || f.what == "ipv6_address" }

// fixedOf lists the fixed addresses of a project.
func fixedOf(p *types.Project) []fixed {
	var all []fixed
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if s.MacAddress != "" {
			all = append(all, ofContainer(p, name))
		}
		for _, key := range sortedKeys(s.Networks) {
			n := s.Networks[key]
			if n == nil {
				continue
			}
			add := func(what, value string) {
				if value != "" {
					f := fixed{service: name, count: s.GetScale(), path: at(name, "networks", key, what), key: key, what: what, value: strings.ToLower(value)}
					f.network, f.own = p.Networks[key].Name, !bool(p.Networks[key].External)
					all = append(all, f)
				}
			}
			add("ipv4_address", n.Ipv4Address)
			add("ipv6_address", n.Ipv6Address)
			for _, ip := range n.LinkLocalIPs {
				add("link_local_ips", ip)
			}
			add("mac_address", n.MacAddress)
		}
	}
	return all
}

// ofContainer is the address of the service itself, which it has in its first network.
func ofContainer(p *types.Project, name string) fixed {
	s := p.Services[name]
	f := fixed{service: name, count: s.GetScale(), path: at(name, "mac_address"), what: "mac_address", value: strings.ToLower(s.MacAddress)}
	if keys := s.NetworksByPriority(); len(keys) > 0 {
		f.key = keys[0]
		f.network, f.own = p.Networks[f.key].Name, !bool(p.Networks[f.key].External)
	} else if !strings.Contains(s.NetworkMode, ":") && s.NetworkMode != "none" {
		f.network = s.NetworkMode // one of Docker's own, in which others are
	}
	return f
}

// fixedAddresses checks the addresses that are the same in both colors. Of what runs in one
// color at a time there is one on a network that both join.
func (c *checker) fixedAddresses(blue, green *types.Project) {
	greens := fixedOf(green)
	for _, b := range c.wellFormed(fixedOf(blue)) {
		once := !b.own && (isSingleton(c.App, b.service) || isMigration(c.App, b.service))
		for _, g := range greens {
			if g.service != b.service || g.what != b.what || g.value != b.value || g.key != b.key || once {
				continue
			}
			switch {
			case b.own && b.leased():
				c.fault(b.path, "blue and green would both want the address %s: remove %s (other services find %s by its name)", b.value, b.what, b.service)
			case !b.own && b.network != "":
				c.fault(b.path, "blue and green would both have the address %s on the network %s, which is not their own: remove %s", b.value, b.network, b.what)
			}
			break
		}
	}
}

// sharedAddresses checks those of the shared stack.
func (c *checker) sharedAddresses() {
	for _, f := range c.wellFormed(fixedOf(c.project)) {
		if !f.leased() || !f.own || c.hasSubnetFor(f) {
			continue
		}
		c.fault(f.path, "the network %s has no subnet with the address %s, and Docker gives no other: remove %s (other services find %s by its name), or write the subnet under networks.%s.ipam.config",
			f.key, f.value, f.what, f.service, f.key)
	}
}

func (c *checker) hasSubnetFor(f fixed) bool {
	ip, _ := netip.ParseAddr(f.value) // well-formed
	for _, pool := range c.project.Networks[f.key].Ipam.Config {
		if subnet, err := netip.ParsePrefix(pool.Subnet); err == nil && subnet.Contains(ip) {
			return true
		}
	}
	return false
}

// wellFormed returns those addresses that are such, and that two containers of one project
// do not want.
func (c *checker) wellFormed(all []fixed) []fixed {
	var good []fixed
	for i, f := range all {
		_, err := netip.ParseAddr(f.value)
		if f.what == "mac_address" {
			_, err = net.ParseMAC(f.value)
		}
		switch other := sameIn(all[:i], f); {
		case err != nil:
			c.fault(f.path, "%q is no address that Docker knows: correct it, or remove %s", f.value, f.what)
		case other != "":
			c.fault(f.path, "%s and %s would both have the address %s: remove one", other, f.service, f.value)
		case f.count > 1:
			c.fault(f.path, "%d containers cannot have the same address: remove %s", f.count, f.what)
		default:
			good = append(good, f)
		}
	}
	return good
}

// sameIn returns the other service that has the address in the same network.
func sameIn(all []fixed, f fixed) string {
	for _, o := range all {
		if o.service != f.service && o.network == f.network && o.network != "" && o.what == f.what && o.value == f.value {
			return o.service
		}
	}
	return ""
}
