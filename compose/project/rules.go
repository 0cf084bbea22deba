package project

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"tandem/compose/policy"
	"tandem/compose/project/composefile"
	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// checker collects what is wrong with one Compose file, resolved for one color
// or as the shared stack.
type checker struct {
	*composefile.File
	project *types.Project
	hostRules
	faults deploy.Faults
}

func newChecker(f *composefile.File, p *types.Project, h hostRules) *checker {
	return &checker{File: f, project: p, hostRules: h}
}

// hostRules is what this host says of what a file may ask for.
type hostRules struct {
	policy.Host
	free map[Resource]bool // what exists already and may be used without a word in the policy
}

// check returns everything that makes the file unfit for the colored stack.
func check(f *composefile.File, projects map[deploy.Color]*types.Project, h hostRules) deploy.Faults {
	var all deploy.Faults
	for _, color := range deploy.Colors() {
		c := newChecker(f, projects[color], h)
		if c.tooManyPorts() {
			return c.faults // each is compared with every other
		}
		for _, name := range c.project.ServiceNames() {
			c.service(name, c.project.Services[name])
			c.colored(name, c.project.Services[name])
		}
		c.resources()
		all = append(all, c.faults...)
	}
	c := newChecker(f, projects[deploy.Blue], h)
	c.ports(projects[deploy.Blue], projects[deploy.Green])
	c.fixedAddresses(projects[deploy.Blue], projects[deploy.Green])
	c.commonNames(projects[deploy.Blue], projects[deploy.Green])
	c.routes(projects)
	c.singletons(projects[deploy.Blue])
	c.migrations(projects[deploy.Blue])
	return composefile.SortFaults(append(all, c.faults...))
}

// checkShared returns what is wrong with the shared stack's file. It exists
// once, so fixed ports, names and volumes are its good right.
func checkShared(f *composefile.File, p *types.Project, h hostRules) deploy.Faults {
	c := newChecker(f, p, h)
	for _, name := range p.ServiceNames() {
		c.service(name, p.Services[name])
	}
	c.resources()
	c.volumesOfNone(p)
	c.sharedAddresses()
	c.secretPlaces()
	return composefile.SortFaults(c.faults)
}

// secretPlaces checks that none stands where others can read it.
func (c *checker) secretPlaces() {
	faults, err := misplacedSecrets(c.File, c.project)
	if err != nil {
		c.fault(nil, "%v", err)
	}
	c.faults = append(c.faults, faults...)
}

// fault adds one, at the deepest part of path that the file has.
func (c *checker) fault(path []string, format string, args ...any) {
	name, line := c.Locate(path...)
	c.faults = append(c.faults, deploy.Fault{File: name, Line: line, Path: composefile.PathText(path), Text: plaintext.WithoutEscapes([]byte(c.Secrets.Hide(fmt.Sprintf(format, args...))))})
}

// ask adds a fault unless the host's policy allows what the file wants.
func (c *checker) ask(allow string, path []string, format string, args ...any) {
	if !c.Policy.Allows(allow) {
		c.fault(path, "%s; remove it, or let this host's policy.allow list %q", fmt.Sprintf(format, args...), allow)
	}
}

// at is the path of something below a service of the file.
func at(service string, path ...string) []string {
	return append([]string{"services", service}, path...)
}

// service checks what holds for every service, colored or shared.
func (c *checker) service(name string, s types.ServiceConfig) {
	c.image(name, s)
	c.names(name, s)
	c.beyondContainer(name, s)
	c.endpoints(name, s)
	c.mounts(name, s)
	c.copied(name, s)
	for _, p := range s.Ports {
		c.address(name, p)
	}
	c.reservedLabels(at(name, "labels"), s.Labels)
}

// endpoints checks the service's place in each of its networks.
func (c *checker) endpoints(name string, s types.ServiceConfig) {
	for i, key := range s.NetworksByPriority() {
		n := s.Networks[key]
		if n == nil {
			continue
		}
		if i == 0 && s.MacAddress != "" && n.MacAddress != "" && n.MacAddress != s.MacAddress {
			c.fault(at(name, "mac_address"), "the network %s has another mac_address for it: remove one of them", key)
		}
		if option := policy.UnknownEndpointOption(n.DriverOpts); option != "" {
			c.ask(policy.AllowHostPrograms, at(name, "networks", key, "driver_opts", option), "what the option %s does to this host is not known", option)
		}
	}
}

// reservedLabels adds a fault for each label that is not the app's to set.
func (c *checker) reservedLabels(path []string, labels map[string]string) {
	for _, key := range sortedKeys(labels) {
		if text := ReservedLabel(key); text != "" {
			c.fault(append(path[:len(path):len(path)], key), "%s", text)
		}
	}
}

// ReservedLabel says why a label is not the app's to set, "" if it is.
func ReservedLabel(label string) string {
	switch {
	case strings.HasPrefix(label, "dev.tandem."):
		return "labels that begin with dev.tandem. are set by tandem: choose another name"
	case strings.HasPrefix(label, "com.docker.compose."):
		return "labels that begin with com.docker.compose. are set by Compose, and tell whose a container is: choose another name"
	}
	return ""
}

func (c *checker) image(name string, s types.ServiceConfig) {
	if s.Image == "" {
		if s.Provider == nil {
			c.fault(at(name), "the service has no image: write image: <repository>:${TAG}, or build: and build: true in tandem.yaml")
		}
		return
	}
	if _, err := reference.ParseNormalizedNamed(s.Image); err != nil {
		c.fault(at(name, "image"), "%q is no image name (%s): write <repository>:${TAG}, and check that every variable in it is set", s.Image, err)
	}
}

// colored checks what only a service that runs twice on one host must not have.
func (c *checker) colored(name string, s types.ServiceConfig) {
	published := slices.ContainsFunc(s.Ports, func(p types.ServicePortConfig) bool { return p.Published != "" })
	if n := s.GetScale(); n > 1 && published {
		where := at(name, "deploy", "replicas")
		if s.Scale != nil {
			where = at(name, "scale")
		}
		c.fault(where, "%d containers cannot publish the same port: remove the replicas, or publish no port of %s", n, name)
	}
}

// routes checks that Nginx will find every route where tandem.yaml says.
func (c *checker) routes(projects map[deploy.Color]*types.Project) {
	if len(projects[deploy.Blue].Services) == 0 {
		c.fault([]string{"services"}, "there is no service to run: add one (a service with profiles: counts only if COMPOSE_PROFILES names one of them)")
		return
	}
	for _, r := range c.App.Routes {
		blue, ok := projects[deploy.Blue].Services[r.Service]
		if !ok {
			c.noService(r, projects[deploy.Blue].ServiceNames())
			continue
		}
		c.unreachable(r, blue)
	}
}

// noService says so where the person wrote the name: in tandem.yaml.
func (c *checker) noService(r deploy.Route, names []string) {
	c.appFault([]string{"routes", r.Name, "service"}, "%s has no service %q: write service: with one of %s", c.Name(), r.Service, strings.Join(names, ", "))
}

// appFault adds a fault of tandem.yaml.
func (c *checker) appFault(where []string, format string, args ...any) {
	fault := deploy.Fault{File: c.App.File, Path: composefile.PathText(where), Text: fmt.Sprintf(format, args...)}
	fault.Line = composefile.LineOf(filepath.Join(c.App.Root, path.Base(c.App.File)), c.App.File, where...)
	c.faults = append(c.faults, fault)
}

// sortedKeys are the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
