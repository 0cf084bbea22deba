package compose

import (
	"context"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/moby/moby/api/types/network"
	moby "github.com/moby/moby/client"

	"tandem/compose/project"
)

// Compose lets a container answer for its service's name on every network that it is
// in. On a network that both colors join, half of the live stack's own calls would be
// answered by a stack that has not passed its gate yet. So a colored service has its
// name on the networks of its own stack only. Everywhere it has a second name, with the
// color in it, and a service that joins a network of others finds its own stack's
// services by links to those: Docker looks at a container's links before it asks its
// networks, whatever these are called, and asks no network for a name that is a link.

// withColorNames adds the links to color names to the project of a stack. It is no part
// of the release: what runs need not be deployed again for it.
func withColorNames(p *types.Project) (*types.Project, error) {
	return p.WithServicesTransform(func(name string, s types.ServiceConfig) (types.ServiceConfig, error) {
		if !project.JoinsForeignNetwork(p, s) {
			return s, nil
		}
		for _, other := range p.ServiceNames() {
			if project.HaveCommonNetwork(p.Services[name], p.Services[other]) { // with itself, too: see named
				s.ExternalLinks = append(s.ExternalLinks, project.ColorName(p.Name, other)+":"+other)
			}
		}
		return s, nil
	})
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
		if e != nil && slices.Contains(e.Aliases, o.Service) && !slices.Contains(e.Aliases, project.ColorName(o.labels[api.ProjectLabel], o.Service)) {
			return true
		}
	}
	return false
}

// named is a place in a network under the color name, and without the service's own
// name where others are in the network and the container finds itself by a link. Compose
// gives each place the names of the container and of the service, in this order.
func (g *guard) named(ctx context.Context, name string, e *network.EndpointSettings) (*network.EndpointSettings, error) {
	if e == nil || len(e.Aliases) < 2 || g.scope.project == g.scope.app+"-"+project.ColorShared {
		return e, nil
	}
	service := e.Aliases[1]
	own := project.ColorName(g.scope.project, service)
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
