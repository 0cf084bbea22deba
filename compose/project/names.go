package project

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"tandem/compose/policy"
)

// named adds a fault unless the text is a name.
func (c *checker) named(path []string, what, name string) {
	if !policy.IsName(name) {
		c.fault(path, "the %s %q %s", what, name, policy.NameRule)
	}
}

// names checks what a service calls things.
func (c *checker) names(service string, s types.ServiceConfig) {
	c.alias(at(service), service)
	optional := map[string]string{"container_name": s.ContainerName, "hostname": s.Hostname, "domainname": s.DomainName}
	for _, key := range sortedKeys(optional) {
		if name := optional[key]; name != "" {
			c.named(at(service, key), key, name)
		}
	}
	if s.ContainerName != "" {
		c.alias(at(service, "container_name"), s.ContainerName)
	}
	for _, link := range s.Links {
		target, alias, _ := strings.Cut(link, ":")
		c.named(at(service, "links"), "service", target)
		if alias != "" {
			c.named(at(service, "links"), "alias", alias)
		}
	}
	for _, key := range sortedKeys(s.Networks) {
		if n := s.Networks[key]; n != nil {
			for _, alias := range n.Aliases {
				c.alias(at(service, "networks", key, "aliases"), alias)
			}
		}
	}
	for _, v := range s.Volumes {
		path := at(service, "volumes", "~"+v.Target)
		switch {
		case v.Type == types.VolumeTypeVolume && v.Source != "":
			c.named(path, "volume", v.Source)
		case v.Type == types.VolumeTypeImage:
			c.imageName(path, v.Source)
		}
	}
	for key, hooks := range hooksOf(s) {
		for _, h := range hooks {
			if h.Image != "" {
				c.imageName(at(service, key), h.Image)
			}
		}
	}
}

func (c *checker) imageName(path []string, name string) {
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		c.fault(path, "%q is no image name (%s): write <repository>:<tag>", name, err)
	}
}

func hooksOf(s types.ServiceConfig) map[string][]types.ServiceHook {
	return map[string][]types.ServiceHook{"pre_start": s.PreStart, "post_start": s.PostStart, "pre_stop": s.PreStop}
}

// alias checks a name by which a service is found in its networks, which are its own
// name, that of its container, and its aliases.
func (c *checker) alias(path []string, name string) {
	c.named(path, "name", name)
	if policy.Impersonates(c.project.Name, name) {
		c.fault(path, "under the name %s the service would answer for a container of another stack: choose another one", name)
	}
}

// resourceNames checks how networks, volumes, secrets and configs are called.
func (c *checker) resourceNames() {
	p := c.project
	for _, key := range sortedKeys(p.Networks) {
		c.resourceName("networks", key, p.Networks[key].Name)
	}
	for _, key := range sortedKeys(p.Volumes) {
		c.resourceName("volumes", key, p.Volumes[key].Name)
	}
	for _, key := range sortedKeys(p.Secrets) {
		c.resourceName("secrets", key, p.Secrets[key].Name)
	}
	for _, key := range sortedKeys(p.Configs) {
		c.resourceName("configs", key, p.Configs[key].Name)
	}
}

func (c *checker) resourceName(kind, key, name string) {
	what := strings.TrimSuffix(kind, "s")
	if !policy.IsName(key) {
		c.fault([]string{kind, key}, "the %s %q %s", what, key, policy.NameRule)
		return
	}
	if name != "" && !policy.IsName(name) {
		c.fault([]string{kind, key, "name"}, "the %s %q %s", what, name, policy.NameRule)
	}
	if kind == "networks" && slices.Contains(policy.PredefinedNetworks, name) && !bool(c.project.Networks[key].External) {
		c.fault([]string{kind, key, "name"}, "%q is a network of Docker's own: choose another name", name)
	}
}
