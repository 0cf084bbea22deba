package project

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
)

// externals checks what the file takes from outside of its own project.
func (c *checker) externals() {
	for _, key := range sortedKeys(c.project.Networks) {
		if n := c.project.Networks[key]; bool(n.External) && policy.IsName(n.Name) { // else resourceNames tells
			c.external([]string{"networks", key, "external"}, "network", n.Name)
		}
	}
	for _, key := range sortedKeys(c.project.Volumes) {
		if v := c.project.Volumes[key]; bool(v.External) && policy.IsName(v.Name) {
			c.external([]string{"volumes", key, "external"}, "volume", v.Name)
		}
	}
	for _, name := range c.project.ServiceNames() {
		for _, link := range c.project.Services[name].ExternalLinks {
			target, alias, _ := strings.Cut(link, ":")
			if alias != "" {
				c.named(at(name, "external_links"), "alias", alias)
			}
			c.external(at(name, "external_links"), "container", target)
		}
	}
}

// external adds a fault unless the thing is the app's own or this host lets it have it.
func (c *checker) external(path []string, kind, name string) {
	switch {
	case kind == "network" && (name == "host" || name == "none"): // resources has its say about the host's
	case !policy.IsName(name):
		c.named(path, kind, name)
	case kind == "network" && ownNetworkOf(c.App, name).Valid():
		c.fault(path, "the network %s is of the %s stack alone, and the other one would be in it: remove it, or take a network of the shared stack", name, ownNetworkOf(c.App, name))
	case c.Policy.AllowsExternal(name), c.free[Resource{kind, name}], strings.HasPrefix(name, c.App.SharedProject()+"_"):
	case !c.declared(kind, name):
		c.fault(path, "the %s %s is no part of this app, and others are in it: remove it, or let this host's policy.allow list \"%s:%s\"", kind, name, policy.AllowExternal, name)
	case c.free == nil: // the engine was not asked for its labels, and is before the app is deployed
	default:
		c.fault(path, "the %s %s is no part of this app: let this host's policy.allow list \"%s:%s\", or, where there is none yet, make it with the label (docker %s create --label %s=%s %s)",
			kind, name, policy.AllowExternal, name, kind, LabelApp, c.App.Name, name)
	}
}

// declared tells whether the file declares the network or volume as an external one, which
// its label may set aside for the app.
func (c *checker) declared(kind, name string) bool {
	return !slices.Contains(policy.PredefinedNetworks, name) && slices.Contains(externalsOf([]*types.Project{c.project}), Resource{kind, name})
}

// Resource names one thing of the engine, of the kind "network" or "volume".
type Resource struct{ Kind, Name string }

// externalsOf are the networks and volumes that the projects take from outside, each once.
func externalsOf(projects []*types.Project) []Resource {
	var all []Resource
	for _, p := range projects {
		if p == nil {
			continue
		}
		for _, key := range sortedKeys(p.Networks) {
			if n := p.Networks[key]; bool(n.External) {
				all = append(all, Resource{"network", n.Name})
			}
		}
		for _, key := range sortedKeys(p.Volumes) {
			if v := p.Volumes[key]; bool(v.External) {
				all = append(all, Resource{"volume", v.Name})
			}
		}
	}
	slices.SortFunc(all, func(a, b Resource) int { return strings.Compare(a.Kind+a.Name, b.Kind+b.Name) })
	return slices.Compact(all)
}
