package guard

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"tandem/compose/policy"
	"tandem/compose/project"
)

// judge looks at a container as the engine has it, or is asked to make it, and says
// what of it this host's policy does not allow. It is the second look: the first is at
// the Compose file, and a rule that was forgotten there is caught here. What is not
// known to be harmless is refused.
type judge struct {
	policy.Host
	scope   scope
	created facts // what the engine says of the things that a container names; zero before it is created
}

// scope says whose containers are made.
type scope struct {
	app      string
	project  string   // the Compose project whose containers they are
	shared   string   // that of the shared stack
	projects []string // those whose networks and volumes they may use: project, and the app's shared one
	roots    []string // directories of this host with the app's files from git
}

// trouble is one thing that a container asks of this host. allow is the name of the
// policy that allows it, "" if none does.
type trouble struct{ allow, text string }

// host judges what stands in the engine's HostConfig, the mounts aside.
func (j judge) host(h *container.HostConfig) []trouble {
	var all []trouble
	add := func(bad bool, allow, text string, args ...any) {
		if bad {
			all = append(all, trouble{allow, fmt.Sprintf(text, args...)})
		}
	}
	add(h.Privileged, policy.AllowPrivileged, "it is privileged, which is root on this host")
	add(len(h.CapAdd) > 0, policy.AllowCapabilities, "it has more rights than usual (%s)", strings.Join(h.CapAdd, ", "))
	add(len(h.Devices)+len(h.DeviceCgroupRules)+len(h.DeviceRequests) > 0, policy.AllowDevices, "it has devices of this host")
	add(h.ContainerIDFile != "", "", "the engine is to write the file %s", h.ContainerIDFile)
	add(len(h.Annotations) > 0, policy.AllowSecurityOptions, "it has annotations, which change how the container's runtime works")
	add(h.CgroupParent != "" || h.Cgroup != "", policy.AllowHostNamespaces, "it is in the cgroup %s%s", h.CgroupParent, h.Cgroup)
	add(!slices.Contains([]container.CgroupnsMode{"", "private", j.created.cgroups}, h.CgroupnsMode), policy.AllowHostNamespaces, "its cgroup namespace is %s", h.CgroupnsMode)
	add(h.UTSMode != "", policy.AllowHostNamespaces, "its uts namespace is %s", h.UTSMode)
	add(h.UsernsMode != "", policy.AllowHostNamespaces, "its user namespace is %s", h.UsernsMode)
	add(!j.ownNamespace(string(h.PidMode), ""), policy.AllowHostNamespaces, "its process namespace is %s", h.PidMode)
	add(!j.ownNamespace(string(h.IpcMode), "", "none", "private", "shareable"), policy.AllowHostNamespaces, "its ipc namespace is %s", h.IpcMode)
	add(h.VolumeDriver != "" && h.VolumeDriver != "local", policy.AllowHostPrograms, "it has the volume driver %s", h.VolumeDriver)
	add(!slices.Contains([]container.Isolation{"", "default"}, h.Isolation), policy.AllowHostPrograms, "its isolation is %s", h.Isolation)
	add(!slices.Contains([]string{"", "runc", j.created.runtime}, h.Runtime), policy.AllowHostPrograms, "its runtime is %s", h.Runtime)
	add(h.PublishAllPorts, policy.AllowPublish, "it publishes all its ports")
	add(h.OomScoreAdj < 0 || h.OomKillDisable != nil && *h.OomKillDisable, policy.AllowPrivileged, "this host would rather end its own programs")
	add(h.CPURealtimePeriod != 0 || h.CPURealtimeRuntime != 0, policy.AllowPrivileged, "it has real-time priority")
	for _, u := range h.Ulimits {
		add(u != nil && slices.Contains([]string{"rtprio", "nice"}, u.Name), policy.AllowPrivileged, "it has more than the usual priority (%s)", ulimitName(u))
	}
	for _, option := range h.SecurityOpt {
		add(!slices.Contains(policy.HarmlessSecurityOptions, option), policy.AllowSecurityOptions, "the security option %s takes protection away", option)
	}
	for _, key := range slices.Sorted(maps.Keys(h.StorageOpt)) {
		add(!slices.Contains(policy.HarmlessStorageOptions, key), policy.AllowSecurityOptions, "it has the storage option %s", key)
	}
	for _, key := range slices.Sorted(maps.Keys(h.Sysctls)) {
		add(!policy.IsNamespacedSysctl(key) || h.NetworkMode.IsHost(), policy.AllowPrivileged, "it changes %s of the whole host", key)
	}
	for _, target := range slices.Sorted(maps.Keys(h.Tmpfs)) {
		add(policy.UnknownTmpfsOption(h.Tmpfs[target]) != "", policy.AllowSecurityOptions, "its tmpfs has the option %s", policy.UnknownTmpfsOption(h.Tmpfs[target]))
	}
	logger := policy.LoggerRisk(h.LogConfig.Type, h.LogConfig.Config)
	if j.inspected() {
		// The engine has written down its own driver and options by now, where the
		// container named none.
		logger = policy.LoggerRisk(h.LogConfig.Type, nil)
		if h.LogConfig.Type == j.created.logger {
			logger = ""
		}
	}
	add(logger != "", policy.AllowHostPrograms, "%s", logger)
	for port, bindings := range h.PortBindings {
		for _, b := range bindings {
			add(!b.HostIP.IsLoopback() && !j.Policy.AllowsAddress(b.HostIP.String()), policy.AllowPublish, "port %s is published on %s", port, address(b))
		}
	}
	return all
}

func ulimitName(u *container.Ulimit) string {
	if u == nil {
		return ""
	}
	return u.Name
}

func address(b network.PortBinding) string {
	if !b.HostIP.IsValid() {
		return "all addresses"
	}
	return b.HostIP.String()
}

// ownNamespace tells whether a mode is one of those, or that of a container of the same
// stack.
func (j judge) ownNamespace(mode string, own ...string) bool {
	other, isContainer := strings.CutPrefix(mode, "container:")
	return slices.Contains(own, mode) || isContainer && j.sameStack(other)
}

// sameStack tells whether the container belongs to the same stack. Before a container is
// created, nobody has asked the engine, and the answer is put off until it is started.
func (j judge) sameStack(id string) bool {
	return !j.inspected() || j.created.containers[id] == j.scope.project
}

// inspected tells whether the engine was asked about what it made of a request. It adds
// choices of its own to that, which differ from version to version and are the host's:
// what of them is merely not known is judged in the request alone.
func (j judge) inspected() bool { return j.created.containers != nil }

// hiddenPaths judges the paths of /proc that the engine hides. Without a word about them it
// hides its own list of them.
func (j judge) hiddenPaths(h *container.HostConfig, created bool) []trouble {
	bare := h.MaskedPaths != nil || h.ReadonlyPaths != nil
	if created {
		bare = !h.Privileged && (len(h.MaskedPaths) == 0 || len(h.ReadonlyPaths) == 0)
	}
	if bare {
		return []trouble{{policy.AllowSecurityOptions, "parts of /proc that show this host are not hidden"}}
	}
	return nil
}

// foreignContainers judges what containers of others it names, in links and for their volumes.
func (j judge) foreignContainers(h *container.HostConfig) []trouble {
	var all []trouble
	for _, from := range h.VolumesFrom {
		if id, _, _ := strings.Cut(from, ":"); !j.sameStack(id) {
			all = append(all, trouble{policy.AllowHostMounts, "it has the files of the container " + id})
		}
	}
	for _, link := range h.Links {
		target, _, _ := strings.Cut(link, ":")
		// In a network of Docker's own, a link names a container and nothing else.
		known := h.NetworkMode.IsUserDefined() && policy.IsColorName(j.scope.project, target)
		if target = strings.TrimPrefix(target, "/"); !known && !j.sameStack(target) && !j.Policy.AllowsExternal(target) {
			all = append(all, trouble{policy.AllowExternal + ":" + target, "it is linked to the container " + target})
		}
	}
	return all
}

// networks judges which networks the container is in, and how.
func (j judge) networks(mode container.NetworkMode, endpoints map[string]*network.EndpointSettings) []trouble {
	var all []trouble
	switch {
	case mode.IsHost():
		all = append(all, trouble{policy.AllowHostNamespaces, "it is on the host's own network"})
	case mode.IsContainer():
		if !j.sameStack(mode.ConnectedContainer()) {
			all = append(all, trouble{policy.AllowHostNamespaces, "it is on the network of the container " + mode.ConnectedContainer()})
		}
	case mode.IsDefault(), mode.IsBridge():
		all = append(all, j.network("bridge")...)
	case mode.IsNone():
	default:
		all = append(all, j.network(string(mode))...)
	}
	for _, key := range slices.Sorted(maps.Keys(endpoints)) {
		if key != string(mode) && key != "host" && key != "none" && !(key == "bridge" && (mode.IsDefault() || mode.IsBridge())) {
			all = append(all, j.network(key)...)
		}
		all = append(all, j.endpoint(endpoints[key])...)
	}
	return all
}

// endpoint judges a container's place in a network.
func (j judge) endpoint(e *network.EndpointSettings) []trouble {
	if e == nil {
		return nil
	}
	var all []trouble
	if option := policy.UnknownEndpointOption(e.DriverOpts); option != "" && !j.inspected() {
		all = append(all, trouble{policy.AllowHostPrograms, "what the option " + option + " does to this host is not known"})
	}
	for _, alias := range e.Aliases {
		if !policy.IsName(alias) || policy.Impersonates(j.scope.project, alias) {
			all = append(all, trouble{"", fmt.Sprintf("it would answer for %q", alias)})
		}
	}
	for _, link := range e.Links {
		if target, _, _ := strings.Cut(link, ":"); !policy.IsColorName(j.scope.project, target) && !j.sameStack(strings.TrimPrefix(target, "/")) {
			all = append(all, trouble{policy.AllowExternal + ":" + target, "it is linked to the container " + target})
		}
	}
	return all
}

// network judges one network by its name.
func (j judge) network(name string) []trouble {
	switch {
	case !policy.IsName(name):
		return []trouble{{"", fmt.Sprintf("%q is no name of a network", name)}}
	case j.Policy.AllowsExternal(name), !j.inspected():
		return nil
	}
	if j.created.gone[name] {
		return nil // the engine does not start what was in it
	}
	n, known := j.created.networks[name]
	if !known || !j.scope.owns(n.Labels) {
		return []trouble{{policy.AllowExternal + ":" + name, "the network " + name + " is no part of the app"}}
	}
	return slices.DeleteFunc(j.ownNetwork(n), func(t trouble) bool { return t.allow == policy.AllowHostPrograms })
}

// ownNetwork judges what a network of the app's own is made of.
func (j judge) ownNetwork(n network.Inspect) []trouble {
	var all []trouble
	switch {
	case n.Driver == "host":
		all = append(all, trouble{policy.AllowHostNamespaces, "it is on the host's own network"})
	case n.Driver == "macvlan" || n.Driver == "ipvlan":
		all = append(all, trouble{policy.AllowPublish, "it is in the network that this host is in"})
	case !slices.Contains(policy.BuiltinNetworkDrivers, n.Driver):
		all = append(all, trouble{policy.AllowHostPrograms, "its network is made by " + n.Driver})
	}
	for _, option := range slices.Sorted(maps.Keys(n.Options)) {
		if allow, what := policy.NetworkOptionRisk(n.Driver, option, n.Options[option]); what != "" {
			all = append(all, trouble{allow, what})
		}
	}
	return all
}

// owns tells whether labels say that a network or volume is for this app: made by one of
// its own projects, or set aside for it by whoever made it.
func (s scope) owns(labels map[string]string) bool {
	projectName := labels["com.docker.compose.project"]
	return slices.Contains(s.projects, projectName) || projectName == "" && labels[project.LabelApp] == s.app
}

// refusal returns what of all the policy does not allow, as one sentence; "" if it allows
// all of it.
func (j judge) refusal(all []trouble) string {
	var told []string
	for _, t := range all {
		name, _, _ := strings.Cut(t.allow, ":")
		switch {
		case t.allow != "" && j.Policy.Allows(name):
		case t.allow == "":
			told = append(told, t.text)
		default:
			told = append(told, fmt.Sprintf("%s (only with policy.allow: [%q] on this host)", t.text, t.allow))
		}
	}
	return strings.Join(told, "; ")
}
