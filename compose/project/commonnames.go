package project

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
	"tandem/reconciler/deploy"
)

// JoinsForeignNetwork tells whether the service is on a network that is not its stack's own.
func JoinsForeignNetwork(p *types.Project, s types.ServiceConfig) bool {
	return slices.ContainsFunc(sortedKeys(s.Networks), func(key string) bool { return bool(p.Networks[key].External) })
}

// HaveCommonNetwork tells whether two services are on one network.
func HaveCommonNetwork(a, b types.ServiceConfig) bool {
	return slices.ContainsFunc(sortedKeys(a.Networks), func(key string) bool { _, ok := b.Networks[key]; return ok })
}

// commonNames adds a fault for each name that a person gave a service and that both
// colors would answer for on a network which is not their own. Docker's name server
// knows a container by its hostname, too.
func (c *checker) commonNames(blue, green *types.Project) {
	taken := map[string]bool{}
	eachNameAmongOthers(green, func(_ []string, network, name string) { taken[network+" "+strings.ToLower(name)] = true })
	eachNameAmongOthers(blue, func(path []string, network, name string) {
		if taken[network+" "+strings.ToLower(name)] && !policy.Impersonates(blue.Name, name) { // of that, a person is told already
			c.fault(path, "blue and green would both answer for %q on the network %s, which is not their own: remove it (services of one stack find each other by their names), or write %s-${COLOR}", name, network, name)
		}
	})
}

func eachNameAmongOthers(p *types.Project, do func(path []string, network, name string)) {
	for _, service := range p.ServiceNames() {
		s := p.Services[service]
		for _, key := range sortedKeys(s.Networks) {
			if !bool(p.Networks[key].External) {
				continue
			}
			if s.Hostname != "" {
				do(at(service, "hostname"), p.Networks[key].Name, s.Hostname)
			}
			if n := s.Networks[key]; n != nil {
				for _, alias := range n.Aliases {
					do(at(service, "networks", key, "aliases"), p.Networks[key].Name, alias)
				}
			}
		}
	}
}

// ownNetworkOf returns the color whose stack makes the network of that name.
func ownNetworkOf(app deploy.App, name string) deploy.Color {
	for _, color := range deploy.Colors() {
		if strings.HasPrefix(name, app.Project(color)+"_") {
			return color
		}
	}
	return deploy.NoColor
}
