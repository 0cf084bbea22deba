package project

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
	"tandem/reconciler/deploy"
)

// Each color has networks of its own, on which its services find each other by their names.
// A network that a shared service is in exists once more, in the shared stack: colored
// services join that as well, and are not known there by the names of their services (see
// package compose, colornames.go). So a shared service is reached by its name, and a
// service of the other color never.

// joined is what the network of the shared stack is called in a colored project.
const joined = "shared_"

// networks projects the networks of both colors.
func (x *projection) networks() {
	for _, key := range sortedKeys(x.colored[deploy.Blue].Networks) {
		x.ownNetwork(key)
	}
	common := x.commonNetworks()
	x.eachColored(func(color deploy.Color, name string, s types.ServiceConfig) types.ServiceConfig {
		p := x.colored[color]
		networks := map[string]*types.ServiceNetworkConfig{}
		for _, key := range sortedKeys(s.Networks) {
			n := p.Networks[key]
			networks[key] = x.place(name, key, s.Networks[key], bool(n.External))
			if other, ok := common[key]; ok {
				networks[joined+key] = nil
				p.Networks[joined+key] = types.NetworkConfig{Name: other, External: true}
			}
		}
		if len(networks) > 0 {
			s.Networks = networks
		}
		if s.Hostname != "" && x.joinsOthers(name, common) && x.sameInBoth(name, func(s types.ServiceConfig) string { return s.Hostname }) {
			x.note(at(name, "hostname"), "left out: on a network with others blue and green would both answer for it. %s is found by its name", name)
			s.Hostname = ""
		}
		return s
	})
}

// commonNetworks are the networks of the file that a shared service is in: key -> what it is
// called in the shared stack.
func (x *projection) commonNetworks() map[string]string {
	common := map[string]string{}
	if x.shared == nil {
		return common
	}
	for _, s := range x.shared.Services {
		for key := range s.Networks {
			if n := x.shared.Networks[key]; !bool(n.External) {
				common[key] = n.Name
			}
		}
	}
	return common
}

// ownNetwork makes a network that the file describes one of each color.
func (x *projection) ownNetwork(key string) {
	blue, green := x.colored[deploy.Blue].Networks[key], x.colored[deploy.Green].Networks[key]
	if bool(blue.External) {
		return
	}
	fixedName := blue.Name == green.Name
	subnet := func(n types.NetworkConfig) string {
		for _, pool := range n.Ipam.Config {
			if pool.Subnet != "" {
				return pool.Subnet
			}
		}
		return ""
	}
	fixedSubnet := subnet(blue) != "" && subnet(blue) == subnet(green)
	for color, p := range x.colored {
		n := p.Networks[key]
		if fixedName {
			n.Name = x.App.Project(color) + "_" + key
		}
		if fixedSubnet {
			n.Ipam = types.IPAMConfig{}
		}
		p.Networks[key] = n
	}
	if fixedName {
		x.note([]string{"networks", key, "name"}, "each color has a network of its own: %s_%s and %s_%s in place of %s",
			x.App.Project(deploy.Blue), key, x.App.Project(deploy.Green), key, blue.Name)
	}
	if fixedSubnet {
		x.note([]string{"networks", key, "ipam"}, "left out, because both colors would claim the subnet %s: Docker chooses", subnet(blue))
	}
}

// place is the place of a colored service in one of its networks, without what only one
// container can have there.
func (x *projection) place(name, key string, n *types.ServiceNetworkConfig, external bool) *types.ServiceNetworkConfig {
	if n == nil {
		return nil
	}
	same := func(of func(*types.ServiceNetworkConfig) string) bool {
		return x.sameInBoth(name, func(s types.ServiceConfig) string {
			if s.Networks[key] == nil {
				return ""
			}
			return of(s.Networks[key])
		})
	}
	kept := *n
	for _, address := range []struct {
		what string
		of   func(*types.ServiceNetworkConfig) *string
	}{
		{"ipv4_address", func(n *types.ServiceNetworkConfig) *string { return &n.Ipv4Address }},
		{"ipv6_address", func(n *types.ServiceNetworkConfig) *string { return &n.Ipv6Address }},
	} {
		if value := *address.of(&kept); value != "" && !external && same(func(n *types.ServiceNetworkConfig) string { return *address.of(n) }) {
			x.note(at(name, "networks", key, address.what), "left out, because blue and green would both want %s: other services find %s by its name", value, name)
			*address.of(&kept) = ""
		}
	}
	if external {
		kept.Aliases = x.ownAliases(name, key, kept.Aliases)
	}
	return &kept
}

// ownAliases leaves out those by which both colors would be known on a network of others.
// What no container may be called stays, for the fault that tells so.
func (x *projection) ownAliases(name, key string, aliases []string) []string {
	var kept []string
	for _, alias := range aliases {
		inBoth := true
		for _, services := range x.written {
			n := services[name].Networks[key]
			inBoth = inBoth && n != nil && slices.ContainsFunc(n.Aliases, func(o string) bool { return strings.EqualFold(o, alias) })
		}
		if !inBoth || policy.Impersonates(x.App.Project(deploy.Blue), alias) || policy.Impersonates(x.App.Project(deploy.Green), alias) {
			kept = append(kept, alias)
			continue
		}
		x.note(at(name, "networks", key, "aliases"), "%s is left out: on a network of others blue and green would both answer for it", alias)
	}
	return kept
}

// joinsOthers tells whether the service is on a network that is not its color's own.
func (x *projection) joinsOthers(name string, common map[string]string) bool {
	p := x.colored[deploy.Blue]
	return slices.ContainsFunc(sortedKeys(x.written[deploy.Blue][name].Networks), func(key string) bool {
		_, shared := common[key]
		return shared || bool(p.Networks[key].External)
	})
}
