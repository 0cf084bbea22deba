package project

import (
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// This file takes the services out of the colored stacks that tandem.yaml puts elsewhere,
// and what leads to them.

// sharedProject is the stack of the services that exist once.
func (x *projection) sharedProject() *types.Project {
	p := *x.plain
	p.Services = types.Services{}
	for _, name := range x.App.SharedServices {
		s := x.plain.Services[name]
		s.DependsOn = maps.Clone(s.DependsOn)
		for _, needed := range sortedKeys(s.DependsOn) {
			if !slices.Contains(x.App.SharedServices, needed) {
				delete(s.DependsOn, needed)
				x.note(at(name, "depends_on", needed), "left out, because the shared service %s is there before %s", name, needed)
			}
		}
		s.Links = x.linksWithin(name, s.Links, x.App.SharedServices)
		p.Services[name] = s
		x.ofNoColor(name, s)
	}
	return p.WithoutUnnecessaryResources()
}

// ofNoColor adds a fault where a shared service would be another one for each release or
// color: its container would be replaced at every deploy.
func (x *projection) ofNoColor(name string, s types.ServiceConfig) {
	tree, err := treeOf(&types.Project{Services: types.Services{name: s}})
	if err != nil {
		x.fault(at(name), "%v", err)
		return
	}
	for word, variable := range map[string]string{plainTag: "TAG", plainColor: "COLOR"} {
		if path := pathOfText(tree, word, nil); path != nil {
			x.fault(path, "${%s} is another one for each release or color, and %s is shared: it would be replaced at every deploy. Write a fixed value", variable, name)
		}
	}
}

// pathOfText is the path of a value in tree that has the text in it; nil: there is none.
func pathOfText(v any, text string, path []string) []string {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, text) {
			return path
		}
	case []any:
		for _, item := range v {
			if found := pathOfText(item, text, path); found != nil {
				return found
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if found := pathOfText(v[key], text, append(path[:len(path):len(path)], key)); found != nil {
				return found
			}
		}
	}
	return nil
}

// leaveOut removes ignored and shared services from both colors.
func (x *projection) leaveOut() {
	gone := map[string]string{} // service -> why
	for _, name := range x.App.Ignore {
		gone[name] = "is not run (ignore: in tandem.yaml)"
	}
	for _, name := range x.App.SharedServices {
		gone[name] = "is shared, and is up before the stack is started"
	}
	for _, p := range x.colored {
		for name := range gone {
			delete(p.Services, name)
		}
	}
	x.eachColored(func(_ deploy.Color, name string, s types.ServiceConfig) types.ServiceConfig {
		s.DependsOn = maps.Clone(s.DependsOn)
		for _, needed := range sortedKeys(s.DependsOn) {
			if why := gone[needed]; why != "" {
				delete(s.DependsOn, needed)
				x.note(at(name, "depends_on", needed), "left out, because %s %s", needed, why)
			}
		}
		s.Links = x.linksWithin(name, s.Links, x.colored[deploy.Blue].ServiceNames())
		for _, other := range namespacesOf(s) {
			if why := gone[other]; why != "" {
				x.fault(at(name), "%s shares something with %s, which %s: remove what names it, or let tandem.yaml put both in the same place", name, other, why)
			}
		}
		return s
	})
}

// linksWithin keeps the links to services of the same project. The others are in a network
// with it, where they are found by their names; a second name is given to them there.
func (x *projection) linksWithin(name string, links, within []string) []string {
	var kept []string
	for _, link := range links {
		target, alias, _ := strings.Cut(link, ":")
		if slices.Contains(within, target) {
			kept = append(kept, link)
			continue
		}
		if s, ok := x.sharedService(target); ok && alias != "" && alias != target {
			for key := range s.Networks {
				place := types.ServiceNetworkConfig{}
				if s.Networks[key] != nil {
					place = *s.Networks[key]
				}
				if !slices.Contains(place.Aliases, alias) {
					place.Aliases = append(slices.Clone(place.Aliases), alias)
				}
				s.Networks[key] = &place
			}
		}
		x.note(at(name, "links"), "the link to %s is left out: a shared service is found by its name, and what is not run not at all", link)
	}
	return kept
}

func (x *projection) sharedService(name string) (types.ServiceConfig, bool) {
	if x.shared == nil {
		return types.ServiceConfig{}, false
	}
	s, ok := x.shared.Services[name]
	return s, ok
}

// namespacesOf are the services whose namespace or volumes a service has, links aside.
func namespacesOf(s types.ServiceConfig) []string {
	s.Links = nil
	return linkedServices(s)
}
