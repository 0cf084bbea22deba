package guard_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	moby "github.com/moby/moby/client"

	"tandem/compose/guard"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// hostile is one way from a container to the host, or to somebody else's things.
type hostile struct {
	name string
	spec func(o *moby.ContainerCreateOptions)
	// atCreate says that the engine writes this down for a harmless container, too, or
	// that it does not make such a container at all.
	atCreate bool
}

func onHost(change func(h *container.HostConfig)) func(*moby.ContainerCreateOptions) {
	return func(o *moby.ContainerCreateOptions) { change(o.HostConfig) }
}

// waysToTheHost are more than any rule for a Compose file knows of.
func waysToTheHost(app deploy.App, of tb.Foreign) []hostile {
	yes := true
	mask := func(h *container.HostConfig) { h.MaskedPaths = []string{} }
	bare := func(h *container.HostConfig) { h.ReadonlyPaths = []string{} }
	bind := func(text string) func(*moby.ContainerCreateOptions) {
		return onHost(func(h *container.HostConfig) { h.Binds = []string{text} })
	}
	mounted := func(m mount.Mount) func(*moby.ContainerCreateOptions) {
		return onHost(func(h *container.HostConfig) { h.Mounts = []mount.Mount{m} })
	}
	return []hostile{
		{name: "privileged", spec: onHost(func(h *container.HostConfig) { h.Privileged = true })},
		{name: "all capabilities", spec: onHost(func(h *container.HostConfig) { h.CapAdd = []string{"ALL"} })},
		{name: "one capability", spec: onHost(func(h *container.HostConfig) { h.CapAdd = []string{"NET_ADMIN"} })},
		{name: "a device", spec: onHost(func(h *container.HostConfig) {
			h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "rwm"}}
		})},
		{name: "all devices", spec: onHost(func(h *container.HostConfig) { h.DeviceCgroupRules = []string{"a *:* rwm"} })},
		{name: "a graphics card", atCreate: true, spec: onHost(func(h *container.HostConfig) {
			h.DeviceRequests = []container.DeviceRequest{{Driver: "nvidia", Count: -1}}
		})},
		{name: "the root directory", spec: bind("/:/host")},
		{name: "a directory of settings, read-only", spec: bind("/etc:/x:ro")},
		{name: "a directory, the other way", spec: mounted(mount.Mount{Type: mount.TypeBind, Source: "/var", Target: "/x"})},
		{name: "the socket of Docker", spec: bind("/var/run/docker.sock:/s")},
		{name: "the directory of the socket", spec: bind("/run:/x")},
		{name: "a link in the app's files", spec: bind(filepath.Join(app.Root, "link") + ":/x:ro")},
		{name: "a way out of the app's files", spec: bind(app.Root + "/../..:/x:ro")},
		{name: "the app's files, to be written to", spec: bind(app.Root + ":/x")},
		{name: "the app's files, with mounts that pass", spec: bind(app.Root + ":/x:ro,rshared")},
		{name: "the app's files, to be written to, the other way", spec: mounted(mount.Mount{Type: mount.TypeBind, Source: app.Root, Target: "/x"})},
		{name: "the host's network", spec: onHost(func(h *container.HostConfig) { h.NetworkMode = "host" })},
		{name: "the host's processes", spec: onHost(func(h *container.HostConfig) { h.PidMode = "host" })},
		{name: "the host's ipc", spec: onHost(func(h *container.HostConfig) { h.IpcMode = "host" })},
		{name: "the host's name", spec: onHost(func(h *container.HostConfig) { h.UTSMode = "host" })},
		{name: "the host's users", spec: onHost(func(h *container.HostConfig) { h.UsernsMode = "host" })},
		{name: "the host's cgroups", atCreate: true, spec: onHost(func(h *container.HostConfig) { h.CgroupnsMode = "host" })},
		{name: "the cgroup at the top", spec: onHost(func(h *container.HostConfig) { h.CgroupParent = "/" })},
		{name: "no filter of system calls", spec: onHost(func(h *container.HostConfig) { h.SecurityOpt = []string{"seccomp=unconfined"} })},
		{name: "no profile", spec: onHost(func(h *container.HostConfig) { h.SecurityOpt = []string{"apparmor=unconfined"} })},
		{name: "no label", spec: onHost(func(h *container.HostConfig) { h.SecurityOpt = []string{"label=disable"} })},
		{name: "all of /proc", spec: onHost(func(h *container.HostConfig) { mask(h); bare(h) })},
		{name: "the kernel's settings", spec: onHost(bare)},
		{name: "a foreign network namespace", spec: func(o *moby.ContainerCreateOptions) {
			o.HostConfig.NetworkMode, o.NetworkingConfig = container.NetworkMode("container:"+of.Container), nil
			o.Config.ExposedPorts = nil
		}},
		{name: "a foreign process namespace", spec: onHost(func(h *container.HostConfig) { h.PidMode = container.PidMode("container:" + of.Container) })},
		{name: "foreign files", spec: onHost(func(h *container.HostConfig) { h.VolumesFrom = []string{of.Container} })},
		{name: "a foreign environment", spec: onHost(func(h *container.HostConfig) { h.NetworkMode, h.Links = "bridge", []string{of.Container + ":x"} })},
		{name: "the network of everybody", spec: onHost(func(h *container.HostConfig) { h.NetworkMode = "bridge" })},
		{name: "no word about the network", spec: onHost(func(h *container.HostConfig) { h.NetworkMode = "" })},
		{name: "a foreign network", spec: onHost(func(h *container.HostConfig) { h.NetworkMode = container.NetworkMode(of.Network) })},
		{name: "a foreign volume", spec: bind(of.Volume + ":/x")},
		{name: "a volume of the app that shows the host", spec: bind(of.Shown + ":/x")},
		{name: "a volume that is made to show the host", spec: mounted(mount.Mount{
			Type: mount.TypeVolume, Source: app.Project(deploy.Blue) + "_new", Target: "/x",
			VolumeOptions: &mount.VolumeOptions{DriverConfig: &mount.Driver{Name: "local", Options: map[string]string{"type": "none", "o": "bind", "device": "/etc"}}},
		})},
		{name: "a port for everybody", spec: onHost(func(h *container.HostConfig) {
			h.PortBindings = network.PortMap{network.MustParsePort("3000/tcp"): {{HostIP: netip.IPv4Unspecified(), HostPort: "0"}}}
		})},
		{name: "a port without an address", spec: onHost(func(h *container.HostConfig) {
			h.PortBindings = network.PortMap{network.MustParsePort("3000/tcp"): {{HostPort: "0"}}}
		})},
		{name: "all ports", spec: onHost(func(h *container.HostConfig) { h.PublishAllPorts = true })},
		{name: "a setting of the host", atCreate: true, spec: onHost(func(h *container.HostConfig) { h.Sysctls = map[string]string{"vm.overcommit_memory": "1"} })},
		{name: "another runtime", atCreate: true, spec: onHost(func(h *container.HostConfig) { h.Runtime = "sysbox" })},
		{name: "a log that is sent", spec: onHost(func(h *container.HostConfig) {
			h.LogConfig = container.LogConfig{Type: "syslog", Config: map[string]string{"syslog-address": "udp://127.0.0.1:9"}}
		})},
		{name: "a log with the environment", atCreate: true, spec: onHost(func(h *container.HostConfig) {
			h.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"env": "PATH"}}
		})},
		{name: "device files", spec: onHost(func(h *container.HostConfig) { h.Tmpfs = map[string]string{"/x": "dev"} })},
		{name: "the host's programs die first", spec: onHost(func(h *container.HostConfig) { h.OomScoreAdj = -900 })},
		{name: "never short of memory", spec: onHost(func(h *container.HostConfig) { h.OomKillDisable, h.Memory = &yes, 64<<20 })},
		{name: "before all others", spec: onHost(func(h *container.HostConfig) { h.Ulimits = []*container.Ulimit{{Name: "rtprio", Soft: 9, Hard: 9}} })},
		{name: "another volume driver", spec: onHost(func(h *container.HostConfig) { h.VolumeDriver = "sshfs" })},
		{name: "what a newer engine has for a place in a network", atCreate: true, spec: func(o *moby.ContainerCreateOptions) {
			o.NetworkingConfig.EndpointsConfig[string(o.HostConfig.NetworkMode)].DriverOpts = map[string]string{"com.docker.network.endpoint.tomorrow": "1"}
		}},
		{name: "the name of another stack", spec: func(o *moby.ContainerCreateOptions) {
			o.NetworkingConfig.EndpointsConfig[string(o.HostConfig.NetworkMode)].Aliases = []string{"blog-blue-web-1"}
		}},
	}
}

// TestGuard_NothingThatReachesTheHostIsStarted hands the engine's layer each way twice:
// as a request, and as a container that is there already, as if no request had been
// judged.
func TestGuard_NothingThatReachesTheHostIsStarted(t *testing.T) {
	b := newBed(t, "guard")
	ctx, raw, guarded := t.Context(), b.raw, b.guarded
	if err := os.Symlink("/", filepath.Join(b.app.Root, "link")); err != nil {
		t.Fatal(err)
	}
	of := tb.ForeignThings(t, b.engine, b.app, b.image+":1")
	ways := waysToTheHost(b.app, of)
	if len(ways) < 30 {
		t.Fatalf("%d ways, want 30 or more", len(ways))
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			asked := b.harmless()
			way.spec(&asked)
			asked.Name += "-asked"
			made, err := guarded.ContainerCreate(ctx, asked)
			if err == nil {
				_, err = guarded.ContainerStart(ctx, made.ID, moby.ContainerStartOptions{})
			}
			if !isNotAllowed(err) {
				t.Errorf("asked for: %v, want a refusal", err)
			}
			b.neverStarted(asked.Name)

			there := b.harmless()
			way.spec(&there)
			there.Name += "-there"
			made, err = raw.ContainerCreate(ctx, there)
			if way.atCreate || err != nil {
				return // the engine has no such container
			}
			if _, err = guarded.ContainerStart(ctx, made.ID, moby.ContainerStartOptions{}); !isNotAllowed(err) {
				t.Errorf("there already: %v, want a refusal", err)
			}
			b.neverStarted(there.Name)
		})
	}
}

func TestGuard_StartsWhatIsHarmless(t *testing.T) {
	b := newBed(t, "harmless")
	tb.ForeignThings(t, b.engine, b.app, b.image+":1")
	ctx, guarded := t.Context(), b.guarded
	o := b.harmless()
	o.HostConfig.Binds = []string{b.app.Root + ":/files:ro", b.app.SharedProject() + "_data:/data"}
	o.HostConfig.SecurityOpt = []string{"no-new-privileges"}
	o.HostConfig.Tmpfs = map[string]string{"/x": "size=1m"}
	o.HostConfig.Sysctls = map[string]string{"net.core.somaxconn": "64"}
	o.HostConfig.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m"}}
	o.HostConfig.PortBindings = network.PortMap{network.MustParsePort("3000/tcp"): {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: "0"}}}
	made, err := guarded.ContainerCreate(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guarded.ContainerStart(ctx, made.ID, moby.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestGuard_ShowsTheFilesOfTheAppsOwnHostDirectoryAndNothingElseOfIt(t *testing.T) {
	b := newBed(t, "hostdir")
	own, other := filepath.Join(b.apps, b.app.Name), filepath.Join(b.apps, "another")
	for _, dir := range []string{own, other} {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "pem"), []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(other, "pem"), filepath.Join(own, "link")); err != nil {
		t.Fatal(err)
	}
	for bind, allowed := range map[string]bool{
		filepath.Join(own, "pem") + ":/x:ro": true, filepath.Join(own, "pem") + ":/x": false, filepath.Join(own, "link") + ":/x:ro": false,
		filepath.Join(other, "pem") + ":/x:ro": false, own + ":/x:ro": false, b.apps + ":/x:ro": false,
	} {
		o := b.harmless()
		o.Name += fmt.Sprintf("-%x", len(bind)*7+strings.Count(bind, "o"))
		o.HostConfig.Binds = []string{bind}
		made, err := b.guarded.ContainerCreate(t.Context(), o)
		if err == nil {
			_, err = b.guarded.ContainerStart(t.Context(), made.ID, moby.ContainerStartOptions{})
		}
		if allowed && err != nil || !allowed && !isNotAllowed(err) {
			t.Errorf("%s: %v", bind, err)
		}
	}
}

// TestGuard_MakesNothingForNobody is for stops, which have no app at hand.
func TestGuard_MakesNothingForNobody(t *testing.T) {
	b := newBed(t, "nobody")
	o := b.harmless()
	nobody := guard.New(b.raw, b.host, guard.Hooks{}, deploy.App{}, b.app.Project(deploy.Blue))
	if _, err := nobody.ContainerCreate(t.Context(), o); err == nil {
		t.Error("a container was made for no app")
	}
	made, err := b.raw.ContainerCreate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.ContainerStart(t.Context(), made.ID, moby.ContainerStartOptions{}); !isNotAllowed(err) {
		t.Errorf("started for no app: %v", err)
	}
}

// harmless is a container of the blue stack as Compose would ask for it.
func (b *bed) harmless() moby.ContainerCreateOptions {
	b.t.Helper()
	labels := map[string]string{"com.docker.compose.project": b.app.Project(deploy.Blue)}
	net := b.app.Project(deploy.Blue) + "_default"
	_, err := b.raw.NetworkInspect(b.t.Context(), net, moby.NetworkInspectOptions{})
	if cerrdefs.IsNotFound(err) {
		_, err = b.raw.NetworkCreate(b.t.Context(), net, moby.NetworkCreateOptions{Labels: labels})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return moby.ContainerCreateOptions{
		Name: b.app.Project(deploy.Blue) + "-api-1",
		Config: &container.Config{
			Image: b.image + ":1", Labels: labels, ExposedPorts: network.PortSet{network.MustParsePort("3000/tcp"): {}},
		},
		HostConfig:       &container.HostConfig{NetworkMode: container.NetworkMode(net)},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{net: {Aliases: []string{"api"}}}},
	}
}

// neverStarted makes sure that the container of the name is gone, or is none that ever ran.
func (b *bed) neverStarted(name string) {
	b.t.Helper()
	info, err := b.raw.ContainerInspect(b.t.Context(), name, moby.ContainerInspectOptions{})
	if cerrdefs.IsNotFound(err) {
		return
	}
	if err != nil {
		b.t.Error(err)
		return
	}
	state := info.Container.State
	b.t.Errorf("%s is still there, %s", name, state.Status)
	if !slices.Contains([]container.ContainerState{"created"}, state.Status) {
		b.t.Errorf("%s was started", name)
	}
}
