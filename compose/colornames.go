package compose

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"

	"tandem/compose/policy"
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
			if project.HaveCommonNetwork(p.Services[name], p.Services[other]) { // with itself, too: see package guard
				s.ExternalLinks = append(s.ExternalLinks, policy.ColorName(p.Name, other)+":"+other)
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
		if e != nil && slices.Contains(e.Aliases, o.Service) && !slices.Contains(e.Aliases, policy.ColorName(o.labels[api.ProjectLabel], o.Service)) {
			return true
		}
	}
	return false
}
