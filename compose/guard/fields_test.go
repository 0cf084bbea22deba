package guard_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	moby "github.com/moby/moby/client"

	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// fields says of each field of a type who looks at it: "judged NAME" names a case of
// project/testdata/refused, or a way to the host of guard_test.go, that is refused for it;
// anything else is why nobody needs to look.
type fields map[string]string

const (
	extension = "harmless: x- keys, for the file alone"
	limits    = "harmless: takes away from the container"
	inside    = "harmless: about the inside of the container"
	unused    = "ignored: Compose does nothing with it on an engine without Swarm"
	later     = "harmless: what it says is looked at where it is used"
)

// composeFields are what a Compose file can say. A version of the library with another
// field fails the test, until somebody has looked at what it does to a host.
func composeFields() map[reflect.Type]fields {
	service := fields{
		"Name": "judged names-in-the-shared-file", "Profiles": later, "Annotations": "judged asks-more-of-the-host", "Attach": unused,
		"Build": "judged build", "Develop": "ignored: for docker compose watch alone", "BlkioConfig": limits, "CapAdd": "judged capabilities", "CapDrop": limits,
		"CgroupParent": "judged asks-more-of-the-host", "Cgroup": "judged host-namespaces", "CPUCount": limits, "CPUPercent": limits, "CPUPeriod": limits, "CPUQuota": limits,
		"CPURTPeriod": "judged priority", "CPURTRuntime": "judged priority", "CPUS": limits, "CPUSet": limits, "CPUShares": limits, "Command": inside,
		"Configs": "judged config-external", "ContainerName": "judged alias-of-another-stack", "CredentialSpec": "judged asks-more-of-the-host", "DependsOn": "judged depends-on-nothing",
		"Deploy": "judged asks-more-of-the-host", "DeviceCgroupRules": "judged asks-more-of-the-host", "Devices": "judged devices", "DNS": inside, "DNSOpts": inside, "DNSSearch": inside,
		"Dockerfile": "ignored: a key of the first version, which the schema refuses", "DomainName": "judged names-in-the-shared-file", "Entrypoint": inside, "Provider": "judged provider",
		"Environment": inside, "EnvFiles": "judged env-file-outside", "Expose": inside, "Extends": "judged extends-remote", "ExternalLinks": "judged external-links",
		"ExtraHosts": inside, "GroupAdd": inside, "Gpus": "judged gpus", "Hostname": "judged names-in-the-shared-file", "HealthCheck": inside, "Image": "judged image-with-an-unset-variable",
		"Init": inside, "Ipc": "judged host-namespaces", "Isolation": "judged priority", "Labels": "judged own-label", "LabelFiles": "harmless: in git, and its labels are judged when it was read",
		"CustomLabels": "harmless: not of the file", "Links": "harmless: among the services of the file; the names are judged", "Logging": "judged log-options",
		"LogDriver": "ignored: a key of the first version", "LogOpt": "ignored: a key of the first version", "MemLimit": limits, "MemReservation": limits, "MemSwapLimit": limits, "MemSwappiness": limits,
		"MacAddress": "judged fixed-addresses", "Models": "judged asks-more-of-the-host", "Net": "ignored: a key of the first version", "NetworkMode": "judged network-mode-host",
		"Networks": "judged alias-of-another-stack", "OomKillDisable": "judged priority", "OomScoreAdj": "judged priority", "Pid": "judged host-namespaces", "PidsLimit": limits,
		"Platform": "harmless: which image is taken", "Ports": "judged address-for-everybody", "Privileged": "judged privileged", "PullPolicy": "harmless: when an image is pulled", "ReadOnly": "judged copied-into-a-read-only-container",
		"Restart": inside, "Runtime": "judged runtime", "Scale": "judged scale-with-a-port", "Secrets": "judged secret-file-outside", "SecurityOpt": "judged security-options", "ShmSize": inside,
		"StdinOpen": inside, "StopGracePeriod": inside, "StopSignal": inside, "StorageOpt": "judged priority", "Sysctls": "judged asks-more-of-the-host", "Tmpfs": "judged priority", "Tty": inside,
		"Ulimits": "judged priority", "UseAPISocket": "judged api-socket", "User": inside, "UserNSMode": "judged host-namespaces", "Uts": "judged host-namespaces",
		"VolumeDriver": "ignored: a key of the first version; judged all the same", "Volumes": "judged mount-absolute", "VolumesFrom": "judged volumes-from-a-foreign-container", "WorkingDir": inside,
		"PreStart": "judged hook-with-a-strange-image", "PostStart": "judged privileged-hook", "PreStop": "judged privileged-hook", "Extensions": extension,
	}
	object := fields{
		"Name": "judged names-of-secrets-and-configs", "File": "judged secret-file-outside", "Environment": later, "Content": inside, "marshallContent": "harmless: not of the file",
		"External": "judged config-external", "Labels": unused, "Driver": unused, "DriverOpts": unused, "TemplateDriver": unused, "Extensions": extension,
	}
	return map[reflect.Type]fields{
		reflect.TypeFor[types.ServiceConfig](): service, reflect.TypeFor[types.SecretConfig](): object, reflect.TypeFor[types.ConfigObjConfig](): object,
		reflect.TypeFor[types.VolumeConfig](): {
			"Name": "judged names-that-are-paths", "Driver": "judged volume-below-the-release", "DriverOpts": "judged volumes-of-this-host-in-disguise", "External": "judged external-of-others",
			"Labels": "judged labels-in-other-places", "CustomLabels": "harmless: not of the file", "Extensions": extension,
		},
		reflect.TypeFor[types.NetworkConfig](): {
			"Name": "judged names-of-networks", "Driver": "judged network-macvlan", "DriverOpts": "judged network-options", "Ipam": "judged network-options", "External": "judged external-of-others",
			"Internal": limits, "Attachable": unused, "Labels": "judged network-options", "CustomLabels": "harmless: not of the file", "EnableIPv4": inside, "EnableIPv6": inside, "Extensions": extension,
		},
		reflect.TypeFor[types.DeployConfig](): {
			"Mode": unused, "Replicas": "judged scale-with-a-port", "Labels": unused, "UpdateConfig": unused, "RollbackConfig": unused, "Resources": "judged asks-more-of-the-host", "RestartPolicy": inside,
			"Placement": unused, "EndpointMode": unused, "Extensions": extension,
		},
		reflect.TypeFor[types.Resource](): {
			"NanoCPUs": limits, "MemoryBytes": limits, "Pids": limits, "Devices": "judged asks-more-of-the-host", "GenericResources": unused, "Extensions": extension,
		},
		reflect.TypeFor[types.ServiceNetworkConfig](): {
			"Aliases": "judged alias-of-another-stack", "DriverOpts": "judged endpoint-options", "GatewayPriority": inside, "InterfaceName": inside, "Ipv4Address": "judged fixed-addresses", "Ipv6Address": "judged fixed-addresses",
			"LinkLocalIPs": "judged fixed-addresses", "MacAddress": "judged fixed-addresses", "Priority": inside, "Extensions": extension,
		},
		reflect.TypeFor[types.ServicePortConfig](): {
			"Name": unused, "Mode": unused, "HostIP": "judged address-for-everybody", "Target": inside, "Published": "judged ports-of-two-services-collide", "Protocol": "judged route-published-over-udp",
			"AppProtocol": unused, "Extensions": extension,
		},
		reflect.TypeFor[types.ServiceVolumeConfig](): {
			"Type": "judged mount-propagation", "Source": "judged mount-absolute", "Target": "judged datastores-on-one-volume", "ReadOnly": "judged mounts-that-may-be-written", "Consistency": unused, "Bind": "judged mount-propagation",
			"Volume": "judged labels-in-other-places", "Tmpfs": inside, "Image": inside, "Extensions": extension,
		},
		reflect.TypeFor[types.ServiceVolumeBind](): {
			"SELinux": "harmless: for what is in git; elsewhere it needs the policy", "Propagation": "judged mount-propagation", "CreateHostPath": "harmless: only where the policy allows the path",
			"Recursive": "harmless: what is in git has no mounts in it, and is read-only", "Extensions": extension,
		},
		reflect.TypeFor[types.ServiceVolumeVolume](): {"Labels": "judged labels-in-other-places", "NoCopy": inside, "Subpath": "harmless: within the volume, which the engine sees to", "Extensions": extension},
		reflect.TypeFor[types.ServiceVolumeTmpfs]():  {"Size": inside, "Mode": inside, "Extensions": extension},
		reflect.TypeFor[types.ServiceVolumeImage]():  {"SubPath": inside, "Extensions": extension},
		reflect.TypeFor[types.LoggingConfig]():       {"Driver": "judged log-options", "Options": "judged log-options", "Extensions": extension},
		reflect.TypeFor[types.IPAMConfig](): {
			"Driver": "judged network-options", "Config": "judged subnet-of-others", "Options": "judged network-options", "Extensions": extension,
		},
		reflect.TypeFor[types.ServiceHook](): {
			"Command": inside, "Image": "judged hook-with-a-strange-image", "User": inside, "Privileged": "judged privileged-hook", "WorkingDir": inside, "Environment": inside, "PerReplica": unused, "Extensions": extension,
		},
	}
}

// engineFields are what the engine can be asked for.
func engineFields() map[reflect.Type]fields {
	return map[reflect.Type]fields{
		reflect.TypeFor[container.HostConfig](): {
			"Binds": "judged the root directory", "ContainerIDFile": "harmless: the engine writes none; refused all the same", "LogConfig": "judged a log that is sent", "NetworkMode": "judged the host's network",
			"PortBindings": "judged a port for everybody", "RestartPolicy": inside, "AutoRemove": inside, "VolumeDriver": "judged another volume driver", "VolumesFrom": "judged foreign files", "ConsoleSize": inside,
			"Annotations": "harmless: refused where the engine knows them", "CapAdd": "judged one capability", "CapDrop": limits, "CgroupnsMode": "judged the host's cgroups", "DNS": inside, "DNSOptions": inside,
			"DNSSearch": inside, "ExtraHosts": inside, "GroupAdd": inside, "IpcMode": "judged the host's ipc", "Cgroup": "harmless: refused where it is set", "Links": "judged a foreign environment",
			"OomScoreAdj": "judged the host's programs die first", "PidMode": "judged the host's processes", "Privileged": "judged privileged", "PublishAllPorts": "judged all ports", "ReadonlyRootfs": limits,
			"SecurityOpt": "judged no filter of system calls", "StorageOpt": "harmless: a size; refused where it is more", "Tmpfs": "judged device files", "UTSMode": "judged the host's name", "UsernsMode": "judged the host's users",
			"ShmSize": inside, "Sysctls": "judged a setting of the host", "Runtime": "judged another runtime", "Isolation": "harmless: of another system; refused where it is set", "Resources": later,
			"Mounts": "judged a directory, the other way", "MaskedPaths": "judged all of /proc", "ReadonlyPaths": "judged the kernel's settings", "Init": inside,
		},
		reflect.TypeFor[container.Resources](): {
			"CPUShares": limits, "Memory": limits, "NanoCPUs": limits, "CgroupParent": "judged the cgroup at the top", "BlkioWeight": limits, "BlkioWeightDevice": limits, "BlkioDeviceReadBps": limits,
			"BlkioDeviceWriteBps": limits, "BlkioDeviceReadIOps": limits, "BlkioDeviceWriteIOps": limits, "CPUPeriod": limits, "CPUQuota": limits, "CPURealtimePeriod": "harmless: refused where it is set",
			"CPURealtimeRuntime": "harmless: refused where it is set", "CpusetCpus": limits, "CpusetMems": limits, "Devices": "judged a device", "DeviceCgroupRules": "judged all devices",
			"DeviceRequests": "judged a graphics card", "MemoryReservation": limits, "MemorySwap": limits, "MemorySwappiness": limits, "OomKillDisable": "judged never short of memory", "PidsLimit": limits,
			"Ulimits": "judged before all others", "CPUCount": limits, "CPUPercent": limits, "IOMaximumIOps": limits, "IOMaximumBandwidth": limits,
		},
		reflect.TypeFor[network.NetworkingConfig](): {"EndpointsConfig": "judged a foreign network"},
		reflect.TypeFor[network.EndpointSettings](): {
			"IPAMConfig": inside, "Links": "judged a foreign environment", "Aliases": "judged the name of another stack", "DriverOpts": "harmless: a name and settings of the container's own network; refused where it is more",
			"GwPriority": inside, "NetworkID": "ignored: the engine's answer", "EndpointID": "ignored: the engine's answer", "Gateway": "ignored: the engine's answer", "IPAddress": "ignored: the engine's answer",
			"MacAddress": inside, "IPPrefixLen": "ignored: the engine's answer", "IPv6Gateway": "ignored: the engine's answer", "GlobalIPv6Address": "ignored: the engine's answer",
			"GlobalIPv6PrefixLen": "ignored: the engine's answer", "DNSNames": "ignored: the engine's answer",
		},
		reflect.TypeFor[mount.Mount](): {
			"Type": "judged a volume that is made to show the host", "Source": "judged a directory, the other way", "Target": inside, "ReadOnly": "judged the app's files, to be written to, the other way", "Consistency": inside,
			"BindOptions": "judged the app's files, with mounts that pass", "VolumeOptions": "judged a volume that is made to show the host", "ImageOptions": inside, "TmpfsOptions": "harmless: sizes; refused where it is more",
			"ClusterOptions": "harmless: refused with its type",
		},
		reflect.TypeFor[mount.BindOptions](): {
			"Propagation": "judged the app's files, with mounts that pass", "NonRecursive": limits, "CreateMountpoint": "harmless: only where the policy allows the path",
			"ReadOnlyNonRecursive": "harmless: what is in git has no mounts in it", "ReadOnlyForceRecursive": limits,
		},
		reflect.TypeFor[mount.VolumeOptions](): {"NoCopy": inside, "Labels": "harmless: set by the file, where they are judged", "Subpath": inside, "DriverConfig": "judged a volume that is made to show the host"},
		reflect.TypeFor[moby.ContainerCreateOptions](): {
			"Config": later, "HostConfig": later, "NetworkingConfig": later, "Platform": inside, "Name": "harmless: held to the grammar of a name", "Image": inside,
		},
		reflect.TypeFor[moby.ExecCreateOptions](): {
			"User": inside, "Privileged": "harmless: refused where it is set", "TTY": inside, "ConsoleSize": inside, "AttachStdin": inside, "AttachStderr": inside, "AttachStdout": inside, "DetachKeys": inside,
			"Env": inside, "WorkingDir": inside, "Cmd": inside,
		},
		reflect.TypeFor[moby.VolumeCreateOptions](): {
			"Name": "judged a volume of the app that shows the host", "Driver": "judged another volume driver", "DriverOpts": "judged a volume of the app that shows the host",
			"Labels": "harmless: set by the SDK, and judged in the file", "ClusterVolumeSpec": "harmless: refused where it is set",
		},
		reflect.TypeFor[moby.NetworkCreateOptions](): {
			"Driver": later, "Scope": unused, "EnableIPv4": inside, "EnableIPv6": inside, "IPAM": later, "Internal": limits, "Attachable": unused, "Ingress": "harmless: refused where it is set",
			"ConfigOnly": "harmless: refused where it is set", "ConfigFrom": "harmless: refused where it is set", "Options": later, "Labels": later,
		},
	}
}

func TestFields_EachOfAComposeFileIsJudgedOrKnownToBeHarmless(t *testing.T) {
	everyField(t, composeFields(), func(name string) bool {
		_, err := os.Stat(filepath.Join("../project/testdata/refused", name+".txtar"))
		return err == nil
	})
}

func TestFields_EachOfTheEngineIsJudgedOrKnownToBeHarmless(t *testing.T) {
	var ways []string
	for _, way := range waysToTheHost(deploy.App{Name: "shop"}, tb.Foreign{}) {
		ways = append(ways, way.name)
	}
	everyField(t, engineFields(), func(name string) bool { return slices.Contains(ways, name) })
}

func everyField(t *testing.T, all map[reflect.Type]fields, refused func(string) bool) {
	t.Helper()
	for typ, known := range all {
		for i := range typ.NumField() {
			if name := typ.Field(i).Name; known[name] == "" {
				t.Errorf("%s.%s is new: look at what it does to a host, judge it in rules.go and judge.go, or say here why it is harmless", typ, name)
			}
		}
		for name, verdict := range known {
			if _, exists := typ.FieldByName(name); !exists {
				t.Errorf("%s.%s is no field any more", typ, name)
			}
			if by, judged := strings.CutPrefix(verdict, "judged "); judged && !refused(by) {
				t.Errorf("%s.%s: nothing called %q is refused", typ, name, by)
			}
		}
	}
}
