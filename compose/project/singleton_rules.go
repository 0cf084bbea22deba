package project

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// This file checks the services that stand aside from the stacks: singletons and
// migrations.

// singletons checks the list of tandem.yaml, and that nothing of the stack waits
// for what does not run in a standby.
func (c *checker) singletons(p *types.Project) {
	for _, name := range c.App.Singletons {
		where := []string{"singletons", "~" + name}
		switch {
		case isMigration(c.App, name):
			c.appFault(where, "%s is a migration, which runs once and ends: list it here or under migrations, not both", name)
		case c.unknown(where, p, name):
		case c.routeTo(name) != "":
			c.appFault(where, "%s answers the route %s, so it must run in both stacks: remove it from singletons, or move what must run once to a service of its own", name, c.routeTo(name))
		}
	}
	for _, name := range p.ServiceNames() {
		if isSingleton(c.App, name) || isMigration(c.App, name) {
			continue
		}
		for _, needed := range sortedKeys(p.Services[name].DependsOn) {
			if isSingleton(c.App, needed) {
				c.fault(at(name, "depends_on", needed), "%s would wait for the singleton %s, which does not run in a standby: remove it from depends_on, or list %s under singletons too", name, needed, name)
			}
		}
	}
}

// migrations checks the two services of tandem.yaml, and that nothing needs them.
func (c *checker) migrations(p *types.Project) {
	for _, kind := range kinds() {
		name, where := c.App.Migrations.Of(kind), []string{"migrations", string(kind)}
		switch {
		case name == "" || c.unknown(where, p, name):
			continue
		case c.routeTo(name) != "":
			c.appFault(where, "%s answers the route %s, and a migration ends: name a service that migrates and exits", name, c.routeTo(name))
		case kind == deploy.ContractMigration && name == c.App.Migrations.Expand:
			c.appFault(where, "%s is the expand migration too, and would run before the release and after it: name another service", name)
		}
		for _, other := range linkedServices(p.Services[name]) {
			c.fault(at(name), "a migration runs while no stack may be there, so it can share nothing with %s: remove what names it", other)
		}
	}
	for _, name := range p.ServiceNames() {
		if !isMigration(c.App, name) {
			c.needsNoMigration(name, p.Services[name])
		}
	}
}

// needsNoMigration lets a service wait for the end of the expand migration: that
// is what its depends_on says in development, and here it is always true.
func (c *checker) needsNoMigration(name string, s types.ServiceConfig) {
	for _, needed := range sortedKeys(s.DependsOn) {
		if needed == c.App.Migrations.Contract {
			c.fault(at(name, "depends_on", needed), "%s would wait for the contract migration %s, which runs when the release is live: remove it from depends_on", name, needed)
		}
	}
	for _, other := range linkedServices(s) {
		if isMigration(c.App, other) {
			c.fault(at(name), "%s shares something with the migration %s, whose container is gone when the stack runs: remove what names it", name, other)
		}
	}
}

// unknown adds a fault when the Compose file has no such active service.
func (c *checker) unknown(where []string, p *types.Project, name string) bool {
	if _, ok := p.Services[name]; ok {
		return false
	}
	names := p.ServiceNames()
	if meant := strictyaml.Suggest(name, names); meant != "" {
		c.appFault(where, "%s has no service %q; did you mean %s?", c.Name(), name, meant)
	} else {
		c.appFault(where, "%s has no service %q: write one of %s", c.Name(), name, strings.Join(names, ", "))
	}
	return true
}

// routeTo returns the route that the service answers, "" for none.
func (c *checker) routeTo(service string) string {
	for _, r := range c.App.Routes {
		if r.Service == service {
			return r.Name
		}
	}
	return ""
}

// linkedServices are the services whose namespace, volumes or links a service uses.
func linkedServices(s types.ServiceConfig) []string {
	var names []string
	for _, mode := range []string{s.NetworkMode, s.Pid, s.Ipc, s.Uts} {
		if name, ok := strings.CutPrefix(mode, types.ServicePrefix); ok {
			names = append(names, name)
		}
	}
	for _, from := range s.VolumesFrom {
		if !strings.HasPrefix(from, types.ContainerPrefix) {
			name, _, _ := strings.Cut(from, ":")
			names = append(names, name)
		}
	}
	for _, link := range s.Links {
		name, _, _ := strings.Cut(link, ":")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
