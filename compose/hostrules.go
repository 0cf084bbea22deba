package compose

import (
	"net/netip"
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
	if len(s.Annotations) > 0 {
		c.ask(AllowSecurityOptions, at(name, "annotations"), "annotations change how the container's runtime works")
	}
	if s.CredentialSpec != nil {
		c.ask(AllowSecurityOptions, at(name, "credential_spec"), "credential_spec gives credentials of this host")
	}
	c.sysctls(name, s)
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
	if l := s.Logging; l != nil && !slices.Contains(quietLoggers, l.Driver) {
		c.ask(AllowHostPrograms, at(name, "logging", "driver"), "with the log driver %s Docker itself opens connections and files of this host", l.Driver)
	}
}

// quietLoggers are the log drivers that only write where Docker keeps its logs.
var quietLoggers = []string{"", "json-file", "local", "journald", "none"}

// ownSysctls begin the kernel's settings that each container has for itself.
var ownSysctls = []string{"net.", "fs.mqueue.", "kernel.msg", "kernel.sem", "kernel.shm"}

func (c *checker) sysctls(name string, s types.ServiceConfig) {
	for _, key := range sortedKeys(s.Sysctls) {
		own := slices.ContainsFunc(ownSysctls, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
		if !own || s.NetworkMode == "host" && strings.HasPrefix(key, "net.") {
			c.ask(AllowPrivileged, at(name, "sysctls", key), "%s is a setting of the whole host", key)
		}
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
	if s.CgroupParent != "" {
		c.ask(AllowHostNamespaces, at(name, "cgroup_parent"), "in the cgroup %s the limits of this host's Docker do not hold", s.CgroupParent)
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

// bridgeName is the option that takes a bridge of the host by its name.
const bridgeName = "com.docker.network.bridge.name"

// ownDrivers are the networks that Docker makes by itself, on this host alone.
var ownDrivers = []string{"", "bridge", "none", "null", "host", "macvlan", "ipvlan"}

// resources checks the networks that the services use: one can be the host's.
func (c *checker) resources() {
	for _, key := range sortedKeys(c.project.Networks) {
		n := c.project.Networks[key]
		switch {
		case n.Name == "host" || n.Driver == "host":
			c.ask(AllowHostNamespaces, []string{"networks", key}, "this is the host's own network")
		case n.Driver == "macvlan" || n.Driver == "ipvlan":
			c.ask(AllowPublish, []string{"networks", key, "driver"}, "a %s network is open to the network that this host is in", n.Driver)
		case !slices.Contains(ownDrivers, n.Driver):
			c.ask(AllowHostPrograms, []string{"networks", key, "driver"}, "the network driver %s is a program of this host", n.Driver)
		}
		for _, option := range sortedKeys(n.DriverOpts) {
			mode := n.DriverOpts[option]
			where := []string{"networks", key, "driver_opts", option}
			switch {
			case strings.HasPrefix(option, gatewayMode) && mode != "nat" && mode != "isolated":
				c.ask(AllowPublish, where, "in the mode %s every port of the containers is open, published or not", mode)
			case option == bridgeName:
				c.ask(AllowPublish, where, "the bridge %s may be one of this host, and lead to the network that it is in", mode)
			}
		}
		c.addresses(key, n.Ipam)
	}
}

// addresses checks the addresses of a network: the host sends whatever is for
// them there, whoever has them elsewhere.
func (c *checker) addresses(key string, ipam types.IPAMConfig) {
	if ipam.Driver != "" && ipam.Driver != "default" {
		c.ask(AllowHostPrograms, []string{"networks", key, "ipam", "driver"}, "the address driver %s is a program of this host", ipam.Driver)
	}
	for _, pool := range ipam.Config {
		subnet, err := netip.ParsePrefix(pool.Subnet)
		if err == nil && !private(subnet) {
			c.ask(AllowHostNamespaces, []string{"networks", key, "ipam"}, "with the subnet %s this host would send to the containers what is for others", pool.Subnet)
		}
	}
}

// private tells whether the whole subnet is set aside for networks of one's own.
func private(subnet netip.Prefix) bool {
	return slices.ContainsFunc(privateNetworks, func(p netip.Prefix) bool {
		return subnet.Bits() >= p.Bits() && p.Contains(subnet.Addr())
	})
}

var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("2001:db8::/32"),
}
