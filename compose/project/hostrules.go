package project

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
)

// beyondContainer checks what a service asks of the host beyond a container.
func (c *checker) beyondContainer(name string, s types.ServiceConfig) {
	if s.Privileged {
		c.ask(policy.AllowPrivileged, at(name, "privileged"), "a privileged container is root on this host")
	}
	for key, hooks := range hooksOf(s) {
		if slices.ContainsFunc(hooks, func(h types.ServiceHook) bool { return h.Privileged }) {
			c.ask(policy.AllowPrivileged, at(name, key), "a privileged command is root on this host")
		}
	}
	c.namespaces(name, s)
	if len(s.CapAdd) > 0 {
		c.ask(policy.AllowCapabilities, at(name, "cap_add"), "the container asks for more rights than usual (%s)", strings.Join(s.CapAdd, ", "))
	}
	c.devices(name, s)
	c.priority(name, s)
	for _, option := range s.SecurityOpt {
		if !slices.Contains(policy.HarmlessSecurityOptions, option) {
			c.ask(policy.AllowSecurityOptions, at(name, "security_opt"), "security_opt %s takes protection from this host", option)
		}
	}
	for _, key := range sortedKeys(s.StorageOpt) {
		if !slices.Contains(policy.HarmlessStorageOptions, key) {
			c.ask(policy.AllowSecurityOptions, at(name, "storage_opt", key), "what the storage option %s does to this host is not known", key)
		}
	}
	if len(s.Annotations) > 0 {
		c.ask(policy.AllowSecurityOptions, at(name, "annotations"), "annotations change how the container's runtime works")
	}
	if s.CredentialSpec != nil {
		c.ask(policy.AllowSecurityOptions, at(name, "credential_spec"), "credential_spec gives credentials of this host")
	}
	c.sysctls(name, s)
	if s.UseAPISocket {
		c.ask(policy.AllowDockerSocket, at(name, "use_api_socket"), "whoever has the Docker socket is root on this host")
	}
	if s.Provider != nil {
		c.ask(policy.AllowHostPrograms, at(name, "provider"), "the provider %q is a program of this host", s.Provider.Type)
	}
	if s.Runtime != "" {
		c.ask(policy.AllowHostPrograms, at(name, "runtime"), "the runtime %q is a program of this host, and may give devices of it", s.Runtime)
	}
	if len(s.Models) > 0 {
		c.ask(policy.AllowHostPrograms, at(name, "models"), "models are run by a program of this host")
	}
	if s.Isolation != "" && s.Isolation != "default" {
		c.ask(policy.AllowHostPrograms, at(name, "isolation"), "the isolation %q is not one of Docker's on Linux", s.Isolation)
	}
	if s.VolumeDriver != "" && s.VolumeDriver != "local" {
		c.ask(policy.AllowHostPrograms, at(name, "volume_driver"), "the volume driver %s is a program of this host, and may show any file of it", s.VolumeDriver)
	}
	if l := s.Logging; l != nil {
		if text := policy.LoggerRisk(l.Driver, l.Options); text != "" {
			c.ask(policy.AllowHostPrograms, at(name, "logging"), "%s", text)
		}
	}
	for _, mount := range s.Tmpfs {
		if _, options, _ := strings.Cut(mount, ":"); policy.UnknownTmpfsOption(options) != "" {
			c.ask(policy.AllowSecurityOptions, at(name, "tmpfs", "~"+mount), "what the option %s does in a file system in memory is not known", policy.UnknownTmpfsOption(options))
		}
	}
}

// priority checks what puts a container before everything else on this host.
func (c *checker) priority(name string, s types.ServiceConfig) {
	const text = "this host would rather end its own programs than this container"
	switch {
	case s.OomScoreAdj < 0:
		c.ask(policy.AllowPrivileged, at(name, "oom_score_adj"), text)
	case s.OomKillDisable:
		c.ask(policy.AllowPrivileged, at(name, "oom_kill_disable"), text)
	}
	if s.CPURTPeriod != 0 || s.CPURTRuntime != 0 {
		c.ask(policy.AllowPrivileged, at(name, "cpu_rt_runtime"), "a container with real-time priority runs before this host's own programs")
	}
	for _, limit := range []string{"rtprio", "nice"} {
		if _, set := s.Ulimits[limit]; set {
			c.ask(policy.AllowPrivileged, at(name, "ulimits", limit), "with more than the usual priority a container runs before this host's own programs")
		}
	}
}

func (c *checker) sysctls(name string, s types.ServiceConfig) {
	for _, key := range sortedKeys(s.Sysctls) {
		if !policy.IsNamespacedSysctl(key) || s.NetworkMode == "host" && strings.HasPrefix(key, "net.") {
			c.ask(policy.AllowPrivileged, at(name, "sysctls", key), "%s is a setting of the whole host", key)
		}
	}
}

// ownModes are the values by which a container has a namespace of its own. Another
// service of the same file may be named besides, with "service:".
var ownModes = map[string][]string{
	"network_mode": {"", "none"},
	"pid":          {""},
	"ipc":          {"", "none", "private", "shareable"},
	"uts":          {""},
	"userns_mode":  {""},
	"cgroup":       {"", "private"},
}

func (c *checker) namespaces(name string, s types.ServiceConfig) {
	modes := map[string]string{
		"network_mode": s.NetworkMode, "pid": s.Pid, "ipc": s.Ipc, "uts": s.Uts, "userns_mode": s.UserNSMode, "cgroup": s.Cgroup,
	}
	for _, key := range sortedKeys(modes) {
		mode, path := modes[key], at(name, key)
		other, isService := strings.CutPrefix(mode, types.ServicePrefix)
		_, exists := c.project.Services[other]
		switch {
		case slices.Contains(ownModes[key], mode), isService && exists:
		case mode == "host" && key == "network_mode":
			c.ask(policy.AllowHostNamespaces, path, "on the host's network both colors would listen on the same ports")
		case mode == "host":
			c.ask(policy.AllowHostNamespaces, path, "%s: host shares the host's own", key)
		case strings.HasPrefix(mode, types.ContainerPrefix):
			c.ask(policy.AllowHostNamespaces, path, "%s: %s shares that of a container outside the stack", key, mode)
		case key == "network_mode":
			// Compose hands it to the engine, for which it is the name of a network.
			c.external(path, "network", cmp.Or(strings.TrimPrefix(mode, "default"), "bridge"))
		default:
			c.fault(path, "%s: %q is nothing that Docker has: remove it", key, mode)
		}
	}
	if s.CgroupParent != "" {
		c.ask(policy.AllowHostNamespaces, at(name, "cgroup_parent"), "in the cgroup %s the limits of this host's Docker do not hold", s.CgroupParent)
	}
	for _, from := range s.VolumesFrom {
		if strings.HasPrefix(from, types.ContainerPrefix) && !c.Policy.Allows(policy.AllowHostMounts) {
			c.ask(policy.AllowHostMounts, at(name, "volumes_from"), "%s has the files of a container outside the stack", from)
		}
	}
}

func (c *checker) devices(name string, s types.ServiceConfig) {
	const text = "the container asks for devices of this host"
	switch {
	case len(s.Devices) > 0:
		c.ask(policy.AllowDevices, at(name, "devices"), text)
	case len(s.DeviceCgroupRules) > 0:
		c.ask(policy.AllowDevices, at(name, "device_cgroup_rules"), text)
	case len(s.Gpus) > 0:
		c.ask(policy.AllowDevices, at(name, "gpus"), text)
	case s.Deploy != nil && s.Deploy.Resources.Reservations != nil && len(s.Deploy.Resources.Reservations.Devices) > 0:
		c.ask(policy.AllowDevices, at(name, "deploy", "resources", "reservations", "devices"), text)
	}
}

// resources checks the networks that the services use: one can be the host's. Those
// that exist already are not the app's to describe.
func (c *checker) resources() {
	c.resourceNames()
	c.externals()
	for _, key := range sortedKeys(c.project.Networks) {
		n := c.project.Networks[key]
		switch {
		case n.Name == "host" || n.Driver == "host":
			c.ask(policy.AllowHostNamespaces, []string{"networks", key}, "this is the host's own network")
		case n.Driver == "macvlan" || n.Driver == "ipvlan":
			c.ask(policy.AllowPublish, []string{"networks", key, "driver"}, "a %s network is open to the network that this host is in", n.Driver)
		case !slices.Contains(policy.BuiltinNetworkDrivers, n.Driver):
			c.ask(policy.AllowHostPrograms, []string{"networks", key, "driver"}, "the network driver %s is a program of this host", n.Driver)
		}
		for _, option := range sortedKeys(n.DriverOpts) {
			if allow, what := policy.NetworkOptionRisk(n.Driver, option, n.DriverOpts[option]); what != "" {
				c.ask(allow, []string{"networks", key, "driver_opts", option}, "%s", what)
			}
		}
		c.reservedLabels([]string{"networks", key, "labels"}, n.Labels)
		c.addresses(key, n.Ipam)
	}
	for _, key := range sortedKeys(c.project.Volumes) {
		c.reservedLabels([]string{"volumes", key, "labels"}, c.project.Volumes[key].Labels)
	}
}

// addresses checks the addresses of a network: the host sends whatever is for
// them there, whoever has them elsewhere.
func (c *checker) addresses(key string, ipam types.IPAMConfig) {
	if ipam.Driver != "" && ipam.Driver != "default" {
		c.ask(policy.AllowHostPrograms, []string{"networks", key, "ipam", "driver"}, "the address driver %s is a program of this host", ipam.Driver)
	}
	for _, option := range sortedKeys(ipam.Options) {
		c.ask(policy.AllowHostPrograms, []string{"networks", key, "ipam", "options", option}, "what the option %s of an address driver does to this host is not known", option)
	}
	for _, pool := range ipam.Config {
		if subnet, err := netip.ParsePrefix(pool.Subnet); pool.Subnet != "" && (err != nil || !policy.IsPrivateSubnet(subnet)) {
			c.ask(policy.AllowHostNamespaces, []string{"networks", key, "ipam"}, "with the subnet %s this host would send to the containers what is for others", pool.Subnet)
		}
	}
}
