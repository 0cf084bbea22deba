package project

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// externals checks what the file takes from outside of its own project.
func (c *Checker) externals() {
	for _, key := range SortedKeys(c.Project.Networks) {
		if n := c.Project.Networks[key]; bool(n.External) && IsName(n.Name) { // else resourceNames tells
			c.external([]string{"networks", key, "external"}, "network", n.Name)
		}
	}
	for _, key := range SortedKeys(c.Project.Volumes) {
		if v := c.Project.Volumes[key]; bool(v.External) && IsName(v.Name) {
			c.external([]string{"volumes", key, "external"}, "volume", v.Name)
		}
	}
	for _, name := range c.Project.ServiceNames() {
		for _, link := range c.Project.Services[name].ExternalLinks {
			target, alias, _ := strings.Cut(link, ":")
			if alias != "" {
				c.named(At(name, "external_links"), "alias", alias)
			}
			c.external(At(name, "external_links"), "container", target)
		}
	}
}

// external adds a fault unless the thing is the app's own or this host lets it have it.
func (c *Checker) external(path []string, kind, name string) {
	switch {
	case kind == "network" && (name == "host" || name == "none"): // resources has its say about the host's
	case !IsName(name):
		c.named(path, kind, name)
	case kind == "network" && ownNetworkOf(c.app, name).Valid():
		c.Fault(path, "the network %s is of the %s stack alone, and the other one would be in it: remove it, or take a network of the shared stack", name, ownNetworkOf(c.app, name))
	case c.Allowed.AllowsExternal(name), c.free[External{kind, name}], strings.HasPrefix(name, c.app.SharedProject()+"_"):
	case !c.declared(kind, name):
		c.Fault(path, "the %s %s is no part of this app, and others are in it: remove it, or let this host's policy.allow list \"%s:%s\"", kind, name, AllowExternal, name)
	case c.free == nil: // the engine was not asked for its labels, and is before the app is deployed
	default:
		c.Fault(path, "the %s %s is no part of this app: let this host's policy.allow list \"%s:%s\", or, where there is none yet, make it with the label (docker %s create --label %s=%s %s)",
			kind, name, AllowExternal, name, kind, LabelApp, c.app.Name, name)
	}
}

// declared tells whether the file declares the network or volume as an external one, which
// its label may set aside for the app.
func (c *Checker) declared(kind, name string) bool {
	return !slices.Contains(EngineNetworks, name) && slices.Contains(externalsOf([]*types.Project{c.Project}), External{kind, name})
}

// External names one thing that the engine has already.
type External struct{ Kind, Name string }

// externalsOf are the networks and volumes that the projects take from outside, each once.
func externalsOf(projects []*types.Project) []External {
	var all []External
	for _, p := range projects {
		if p == nil {
			continue
		}
		for _, key := range SortedKeys(p.Networks) {
			if n := p.Networks[key]; bool(n.External) {
				all = append(all, External{"network", n.Name})
			}
		}
		for _, key := range SortedKeys(p.Volumes) {
			if v := p.Volumes[key]; bool(v.External) {
				all = append(all, External{"volume", v.Name})
			}
		}
	}
	slices.SortFunc(all, func(a, b External) int { return strings.Compare(a.Kind+a.Name, b.Kind+b.Name) })
	return slices.Compact(all)
}
