package compose

import (
	"context"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/moby/moby/api/types/network"
	moby "github.com/moby/moby/client"

	"tandem/reconciler/deploy"
)

// Compose lets a container answer for its service's name on every network that it is
// in. On a network that both colors join, half of the live stack's own calls would be
// answered by a stack that has not passed its gate yet. So a colored service has its
// name on the networks of its own stack only. Everywhere it has a second name, with the
// color in it, and a service that joins a network of others finds its own stack's
// services by links to those: Docker looks at a container's links before it asks its
// networks, whatever these are called, and asks no network for a name that is a link.

// colorName is the name that only this color's containers of the service have. No
// container has one with a dot in it, so it is nobody else's.
func colorName(project, service string) string { return service + "." + project }

// isColorName tells whether a name is one of that project's color names.
func isColorName(project, name string) bool { return strings.HasSuffix(name, "."+project) }

// withColorNames adds the links to color names to the project of a stack. It is no part
// of the release: what runs need not be deployed again for it.
func withColorNames(p *types.Project) (*types.Project, error) {
	return p.WithServicesTransform(func(name string, s types.ServiceConfig) (types.ServiceConfig, error) {
		if !joinsOthers(p, s) {
			return s, nil
		}
		for _, other := range p.ServiceNames() {
			if haveCommonNetwork(p.Services[name], p.Services[other]) { // with itself, too: see named
				s.ExternalLinks = append(s.ExternalLinks, colorName(p.Name, other)+":"+other)
			}
		}
		return s, nil
	})
}

// joinsOthers tells whether the service is on a network that is not its stack's own.
func joinsOthers(p *types.Project, s types.ServiceConfig) bool {
	return slices.ContainsFunc(sortedKeys(s.Networks), func(key string) bool { return bool(p.Networks[key].External) })
}

func haveCommonNetwork(a, b types.ServiceConfig) bool {
	return slices.ContainsFunc(sortedKeys(a.Networks), func(key string) bool { _, ok := b.Networks[key]; return ok })
}

// withNamesAs is withColorNames, unless the stack was made by a tandem that gave no
// color names: what is added to such a stack has to be found by those who are there.
func withNamesAs(present []observed, p *types.Project) (*types.Project, error) {
	if slices.ContainsFunc(present, func(o observed) bool { return o.plainName }) {
		return p, nil
	}
	return withColorNames(p)
}

// hasPlainName tells whether the container answers for its service's name somewhere,
// and has no color name there.
func hasPlainName(o observed, settings *container.NetworkSettings) bool {
	if settings == nil {
		return false
	}
	for _, e := range settings.Networks {
		if e != nil && slices.Contains(e.Aliases, o.Service) && !slices.Contains(e.Aliases, colorName(o.labels[api.ProjectLabel], o.Service)) {
			return true
		}
	}
	return false
}

// named is a place in a network under the color name, and without the service's own
// name where others are in the network and the container finds itself by a link. Compose
// gives each place the names of the container and of the service, in this order.
func (g *guard) named(ctx context.Context, name string, e *network.EndpointSettings) (*network.EndpointSettings, error) {
	if e == nil || len(e.Aliases) < 2 || g.scope.project == g.scope.app+"-"+ColorShared {
		return e, nil
	}
	service := e.Aliases[1]
	own := colorName(g.scope.project, service)
	named := *e
	named.Aliases = append(slices.Clone(e.Aliases), own)
	if !slices.Contains(e.Links, own+":"+service) {
		return &named, nil
	}
	about, err := g.Client.NetworkInspect(ctx, name, moby.NetworkInspectOptions{})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return nil, err
	}
	if about.Network.Labels[api.ProjectLabel] != g.scope.project {
		named.Aliases = slices.DeleteFunc(named.Aliases, func(alias string) bool { return alias == service })
	}
	return &named, nil
}

// commonNames adds a fault for each name that a person gave a service and that both
// colors would answer for on a network which is not their own. Docker's name server
// knows a container by its hostname, too.
func (c *checker) commonNames(blue, green *types.Project) {
	taken := map[string]bool{}
	eachNameAmongOthers(green, func(_ []string, network, name string) { taken[network+" "+strings.ToLower(name)] = true })
	eachNameAmongOthers(blue, func(path []string, network, name string) {
		if taken[network+" "+strings.ToLower(name)] && !impersonates(blue.Name, name) { // of that, a person is told already
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
