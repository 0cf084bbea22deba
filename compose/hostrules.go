package compose

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// hostRules checks what a service asks of the host beyond a container.
func (c *checker) hostRules(name string, s types.ServiceConfig) {
	if s.Privileged {
		c.ask(AllowPrivileged, at(name, "privileged"), "a privileged container is root on this host")
	}
	for key, hooks := range map[string][]types.ServiceHook{"pre_start": s.PreStart, "post_start": s.PostStart, "pre_stop": s.PreStop} {
		if slices.ContainsFunc(hooks, func(h types.ServiceHook) bool { return h.Privileged }) {
			c.ask(AllowPrivileged, at(name, key), "a privileged command is root on this host")
		}
	}
	c.namespaces(name, s)
	if len(s.CapAdd) > 0 {
		c.ask(AllowCapabilities, at(name, "cap_add"), "the container asks for more rights than usual (%s)", strings.Join(s.CapAdd, ", "))
	}
	c.devices(name, s)
	for _, option := range s.SecurityOpt {
		// This one only takes rights away.
		if option != "no-new-privileges" && option != "no-new-privileges:true" {
			c.ask(AllowSecurityOptions, at(name, "security_opt"), "security_opt %s takes protection from this host", option)
		}
	}
	if s.UseAPISocket {
		c.ask(AllowDockerSocket, at(name, "use_api_socket"), "whoever has the Docker socket is root on this host")
	}
	if s.Provider != nil {
		c.ask(AllowHostPrograms, at(name, "provider"), "the provider %q is a program of this host", s.Provider.Type)
	}
	if s.Runtime != "" {
		c.ask(AllowHostPrograms, at(name, "runtime"), "the runtime %q is a program of this host, and may give devices of it", s.Runtime)
	}
	if len(s.Models) > 0 {
		c.ask(AllowHostPrograms, at(name, "models"), "models are run by a program of this host")
	}
}

func (c *checker) namespaces(name string, s types.ServiceConfig) {
	modes := []struct{ key, value string }{
		{"network_mode", s.NetworkMode}, {"pid", s.Pid}, {"ipc", s.Ipc}, {"uts", s.Uts}, {"userns_mode", s.UserNSMode}, {"cgroup", s.Cgroup},
	}
	for _, m := range modes {
		switch {
		case m.value == "host" && m.key == "network_mode":
			c.ask(AllowHostNamespaces, at(name, m.key), "on the host's network both colors would listen on the same ports")
		case m.value == "host":
			c.ask(AllowHostNamespaces, at(name, m.key), "%s: host shares the host's own", m.key)
		case strings.HasPrefix(m.value, types.ContainerPrefix):
			c.ask(AllowHostNamespaces, at(name, m.key), "%s: %s shares that of a container outside the stack", m.key, m.value)
		}
	}
	for _, from := range s.VolumesFrom {
		if strings.HasPrefix(from, types.ContainerPrefix) && !c.allowed.allows(AllowHostMounts) {
			c.ask(AllowHostMounts, at(name, "volumes_from"), "%s has the files of a container outside the stack", from)
		}
	}
}

func (c *checker) devices(name string, s types.ServiceConfig) {
	const text = "the container asks for devices of this host"
	switch {
	case len(s.Devices) > 0:
		c.ask(AllowDevices, at(name, "devices"), text)
	case len(s.DeviceCgroupRules) > 0:
		c.ask(AllowDevices, at(name, "device_cgroup_rules"), text)
	case len(s.Gpus) > 0:
		c.ask(AllowDevices, at(name, "gpus"), text)
	case s.Deploy != nil && s.Deploy.Resources.Reservations != nil && len(s.Deploy.Resources.Reservations.Devices) > 0:
		c.ask(AllowDevices, at(name, "deploy", "resources", "reservations", "devices"), text)
	}
}

// gatewayMode begins the options (…_ipv4, …_ipv6) that decide who can reach a
// bridge network from outside.
const gatewayMode = "com.docker.network.bridge.gateway_mode"

// resources checks the networks that the services use: one can be the host's.
func (c *checker) resources() {
	for _, key := range sortedKeys(c.project.Networks) {
		n := c.project.Networks[key]
		switch {
		case n.Name == "host" || n.Driver == "host":
			c.ask(AllowHostNamespaces, []string{"networks", key}, "this is the host's own network")
		case n.Driver == "macvlan" || n.Driver == "ipvlan":
			c.ask(AllowPublish, []string{"networks", key, "driver"}, "a %s network is open to the network that this host is in", n.Driver)
		}
		for _, option := range sortedKeys(n.DriverOpts) {
			mode := n.DriverOpts[option]
			if strings.HasPrefix(option, gatewayMode) && mode != "nat" && mode != "isolated" {
				c.ask(AllowPublish, []string{"networks", key, "driver_opts", option}, "in the mode %s every port of the containers is open, published or not", mode)
			}
		}
	}
}
