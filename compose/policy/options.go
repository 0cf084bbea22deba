package policy

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// This file lists the options that were looked at and found harmless to the host.
// Everything else needs the host's policy: what a newer engine or kernel adds is
// refused until somebody has looked at it. The same lists checkGrowth a Compose file
// (rules.go) and what is handed to the engine (package guard).

// HarmlessLoggers are the log drivers that only write where Docker keeps its logs, and
// the options that each of them may have. The template of a tag is filled in from the
// container, whose environment may hold secrets, and journald would have it as a field.
var HarmlessLoggers = map[string][]string{
	"":          {"max-size", "max-file", "compress", "mode", "max-buffer-size", "tag", "labels", "labels-regex"},
	"json-file": {"max-size", "max-file", "compress", "mode", "max-buffer-size", "tag", "labels", "labels-regex"},
	"local":     {"max-size", "max-file", "compress", "mode", "max-buffer-size"},
	"journald":  {"mode", "max-buffer-size"},
	"none":      {},
}

// LoggerRisk says what of a logging configuration is not harmless, "" if nothing is.
func LoggerRisk(driver string, options map[string]string) string {
	known, quiet := HarmlessLoggers[driver]
	if !quiet {
		return "with the log driver " + driver + " Docker itself opens connections and files of this host"
	}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(known, key) {
			return "what the log option " + key + " does to this host is not known"
		}
	}
	return ""
}

// ownSysctls begin the kernel's settings that each container has for itself.
var ownSysctls = []string{"net.", "fs.mqueue.", "kernel.msg", "kernel.sem", "kernel.shm"}

// IsNamespacedSysctl tells whether a kernel setting is one that each container has for itself.
func IsNamespacedSysctl(key string) bool {
	return slices.ContainsFunc(ownSysctls, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// HarmlessSecurityOptions are the security options that only take rights away.
var HarmlessSecurityOptions = []string{"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"}

// tmpfsOptions are those that say how large a file system in memory is, whose, and
// what it may be used for. "dev" is not among them: it would make device files work.
var tmpfsOptions = []string{
	"rw", "ro", "size", "mode", "uid", "gid", "exec", "noexec", "suid", "nosuid", "nodev",
	"nr_inodes", "nr_blocks", "noatime", "relatime", "nodiratime", "strictatime", "sync", "async",
}

// UnknownTmpfsOption returns the first option that is not known to be harmless, "" if all are.
func UnknownTmpfsOption(options string) string {
	for option := range strings.SplitSeq(options, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(option), "=")
		if name != "" && !slices.Contains(tmpfsOptions, name) {
			return option
		}
	}
	return ""
}

// ownVolumes are the types of file system that hold nothing of this host, and of no
// other one either. nfs and cifs have the kernel of this host talk to whom the file names.
var ownVolumes = []string{"", "tmpfs"}

// NetworkOptionRisk says what an option of a network does to the host, and which name of
// the policy allows it; "" where the option is harmless.
func NetworkOptionRisk(driver, option, value string) (allow, what string) {
	switch option {
	case "com.docker.network.driver.mtu", "com.docker.network.bridge.enable_icc", "com.docker.network.bridge.enable_ip_masquerade",
		"com.docker.network.bridge.inhibit_ipv4", "com.docker.network.container_iface_prefix", "com.docker.network.enable_ipv4", "com.docker.network.enable_ipv6":
		return "", ""
	case "com.docker.network.bridge.host_binding_ipv4":
		if ip, err := netip.ParseAddr(value); err == nil && ip.IsLoopback() {
			return "", ""
		}
		return AllowPublish, "ports would be published on " + value
	case bridgeName:
		return AllowPublish, "the bridge " + value + " may be one of this host, and lead to the network that it is in"
	}
	switch {
	case strings.HasPrefix(option, gatewayMode) && (value == "nat" || value == "isolated"):
		return "", ""
	case strings.HasPrefix(option, gatewayMode):
		return AllowPublish, "in the mode " + value + " every port of the containers is open, published or not"
	case slices.Contains([]string{"macvlan", "ipvlan"}, driver) && slices.Contains([]string{"parent", "macvlan_mode", "ipvlan_mode", "ipvlan_flag"}, option):
		return AllowPublish, "it is open to the network that this host is in"
	case strings.Contains(option, "trusted_host_interfaces"):
		return AllowPublish, "others on " + value + " could reach every port of the containers"
	}
	return AllowHostPrograms, "what the option " + option + " of a network does to this host is not known"
}

// gatewayMode begins the options (…_ipv4, …_ipv6) that decide who can reach a
// bridge network from outside.
const gatewayMode = "com.docker.network.bridge.gateway_mode"

// bridgeName is the option that takes a bridge of the host by its name.
const bridgeName = "com.docker.network.bridge.name"

// BuiltinNetworkDrivers are the networks that Docker makes by itself, on this host alone.
var BuiltinNetworkDrivers = []string{"", "default", "bridge", "none", "null", "host", "macvlan", "ipvlan"}

// UnknownEndpointOption returns the first option of a container's place in a network that is
// not known to be harmless, "" if all are.
func UnknownEndpointOption(options map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(options)) {
		switch key {
		case "com.docker.network.endpoint.ifname":
		case "com.docker.network.endpoint.sysctls":
			for setting := range strings.SplitSeq(options[key], ",") {
				if !strings.HasPrefix(strings.TrimSpace(setting), "net.") {
					return key
				}
			}
		default:
			return key
		}
	}
	return ""
}

// PrivatePropagation are the ways to mount a directory in which no mount that comes later
// passes from one side to the other.
var PrivatePropagation = []string{"", "rprivate", "private"}

// HarmlessStorageOptions bound the size of a container's own file system.
var HarmlessStorageOptions = []string{"size"}

// VolumeOptions is what Docker's own driver makes of the options of a volume.
type VolumeOptions struct {
	Bind    bool // it shows the directory device of this host
	Device  string
	Flags   string // what is handed to the kernel
	Unknown string // the type of file system, or the option, that is not known to be harmless
}

// ParseVolumeOptions reads the options of a volume of the driver "local".
func ParseVolumeOptions(options map[string]string) VolumeOptions {
	v := VolumeOptions{Device: options["device"], Flags: options["o"]}
	// The kernel binds whatever the type says.
	v.Bind = slices.ContainsFunc(strings.Split(v.Flags, ","), func(o string) bool {
		return slices.Contains([]string{"bind", "rbind"}, strings.TrimSpace(o))
	})
	if kind := options["type"]; !slices.Contains(ownVolumes, kind) || kind == "" && v.Device != "" {
		v.Unknown = cmp.Or(kind, v.Device)
	}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains([]string{"type", "device", "o", "size"}, key) {
			v.Unknown = key
		}
	}
	return v
}

// IsPrivateSubnet tells whether the whole subnet is set aside for networks of one's own.
func IsPrivateSubnet(subnet netip.Prefix) bool {
	return slices.ContainsFunc(privateNetworks, func(p netip.Prefix) bool {
		return subnet.Bits() >= p.Bits() && p.Contains(subnet.Addr())
	})
}

var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("2001:db8::/32"),
}
