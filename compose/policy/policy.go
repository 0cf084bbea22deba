package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"tandem/internal/lib/rootfile"
)

// The names that policy.allow may list: what a Compose file may ask of the host
// beyond running containers. Three of them can be narrowed: "host-mounts:/srv/media"
// allows that directory and what is in it, "publish:10.0.0.5" that address,
// "external:edge" the network or volume of that name, and "adopt:shop" that project.
const (
	AllowPrivileged      = "privileged"       // privileged: true, sysctls of the whole host, real-time priority, protection from the kernel when memory is short
	AllowHostNamespaces  = "host-namespaces"  // the host's, or a foreign container's, network, pid, ipc, uts, user or cgroup namespace; addresses of others
	AllowCapabilities    = "capabilities"     // cap_add
	AllowDevices         = "devices"          // devices, gpus and device_cgroup_rules
	AllowDockerSocket    = "docker-socket"    // the Docker socket, which is root on the host
	AllowHostMounts      = "host-mounts"      // files of the host outside the app's directory
	AllowSecurityOptions = "security-options" // security_opt that takes protection away, annotations, credential_spec, storage_opt
	AllowPublish         = "publish"          // a port on another address than loopback
	AllowHostPrograms    = "host-programs"    // provider, models, runtime, drivers of volumes, networks and logs, which run a program of the host; options of theirs that nobody has looked at
	AllowAdopt           = "adopt"            // the shared services, volumes and networks of a Compose project that is not the app's
	AllowExternal        = "external"         // networks, volumes and containers that are no part of the app
)

// Names lists what policy.allow may name, without the part after ":".
func Names() []string {
	return []string{
		AllowPrivileged, AllowHostNamespaces, AllowCapabilities, AllowDevices, AllowDockerSocket,
		AllowHostMounts, AllowSecurityOptions, AllowPublish, AllowHostPrograms, AllowExternal, AllowAdopt,
	}
}

// Policy maps what the host allows to what it is narrowed to; no narrowing
// allows all of it.
type Policy map[string][]string

func parse(entries []string) (Policy, error) {
	p := Policy{}
	for _, entry := range entries {
		name, narrow, narrowed := strings.Cut(entry, ":")
		switch {
		case !slices.Contains(Names(), name):
			return nil, fmt.Errorf("unknown name %q: want one of %s", entry, strings.Join(Names(), ", "))
		case !narrowed:
			p[name] = []string{}
			continue
		case name == AllowHostMounts && filepath.IsAbs(narrow):
			narrow = filepath.Clean(narrow)
		case name == AllowPublish && isAddress(narrow):
		case (name == AllowExternal || name == AllowAdopt) && IsName(narrow):
		default:
			return nil, fmt.Errorf("cannot read %q: only %s:/directory, %s:address, %s:name and %s:project have a second part", entry, AllowHostMounts, AllowPublish, AllowExternal, AllowAdopt)
		}
		if all, ok := p[name]; !ok || len(all) > 0 {
			p[name] = append(p[name], narrow)
		}
	}
	return p, nil
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// Allows tells whether the host allows all of what the name stands for.
func (p Policy) Allows(name string) bool {
	narrow, ok := p[name]
	return ok && len(narrow) == 0
}

// AllowsMount tells whether a directory of the host may be mounted.
func (p Policy) AllowsMount(path string) bool {
	return p.Allows(AllowHostMounts) || slices.ContainsFunc(p[AllowHostMounts], func(dir string) bool { return rootfile.Below(dir, path) })
}

// AllowsExternal tells whether a network, volume or container of others may be used.
func (p Policy) AllowsExternal(name string) bool {
	return p.Allows(AllowExternal) || slices.Contains(p[AllowExternal], name)
}

// AllowsAdopt tells whether an app may have what a Compose project has that is not its own.
func (p Policy) AllowsAdopt(project string) bool {
	return p.Allows(AllowAdopt) || slices.Contains(p[AllowAdopt], project)
}

// AllowsAddress tells whether a port may be published on that address.
func (p Policy) AllowsAddress(ip string) bool {
	return p.Allows(AllowPublish) || slices.Contains(p[AllowPublish], ip)
}

// DefaultHost is where Docker listens on a usual machine.
const DefaultHost = "unix:///var/run/docker.sock"

// Host is what a Compose file may ask of this host.
type Host struct {
	Policy Policy
	socket string // path of the Docker socket, if Docker listens on one
	data   string // directory with the data directories of the apps
	apps   string // directory with their host directories
}

// DefaultData is where the data directories of the apps are, if nobody says otherwise.
const DefaultData = "/var/lib/tandem/data"

// NewHost returns what the entries of policy.allow say. dockerHost is that of the Docker
// daemon, whose socket no container may have; empty: DefaultHost. data is the directory
// with the data directories of the apps; empty: DefaultData. A name that means nothing is
// an error.
func NewHost(dockerHost, data string, entries []string) (Host, error) {
	allowed, err := parse(entries)
	socket, _ := strings.CutPrefix(cmp.Or(dockerHost, DefaultHost), "unix://")
	return Host{Policy: allowed, socket: socket, data: filepath.Clean(cmp.Or(data, DefaultData))}, err
}

// DataOf is the data directory of an app, which its containers may write to.
func (h Host) DataOf(app string) string { return filepath.Join(h.data, app) }

// HasData tells whether the path, and what it leads to when links are followed, are in the
// app's data directory.
func (h Host) HasData(app, path, target string) bool {
	dir := h.DataOf(app)
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		real = dir // Docker makes it
	}
	return app != "" && rootfile.Below(dir, path) && rootfile.Below(real, target)
}

// WithApps is the same with the directory that has the host directories of the apps.
func (h Host) WithApps(dir string) Host {
	h.apps = filepath.Clean(dir)
	return h
}

// HasHostFile tells whether the path, and what it leads to when links are followed, are in
// the host directory of the app, whose files its containers may be shown.
func (h Host) HasHostFile(app, path, target string) bool {
	dir := filepath.Join(h.apps, app)
	real, err := filepath.EvalSymlinks(dir)
	return err == nil && h.apps != "" && app != "" && path != dir && rootfile.Below(dir, path) && rootfile.Below(real, target)
}

// HarmlessFiles are files of the host that tell nothing secret: which time it is here. They
// may be mounted to be read.
var HarmlessFiles = []string{"/etc/localtime", "/etc/timezone"}

// HoldsSocket tells whether path is the Docker socket or a directory above it.
func (h Host) HoldsSocket(path string) bool {
	for _, socket := range []string{h.socket, "/run/docker.sock", "/var/run/docker.sock"} {
		if socket != "" && rootfile.Below(path, socket) {
			return true
		}
	}
	return false
}
