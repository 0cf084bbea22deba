package guard

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"
	moby "github.com/moby/moby/client"

	"tandem/compose/policy"
)

// facts is what the engine says of the things that a container names.
type facts struct {
	runtime    string                 // the engine's own choice, where a container names none
	cgroups    container.CgroupnsMode // the same for the cgroup namespace
	logger     string                 // the same for the log driver
	containers map[string]string      // container, as it was named -> its Compose project; nil: nobody asked
	networks   map[string]network.Inspect
	gone       map[string]bool // networks that were removed since the container was made
	volumes    map[string]volume.Volume
	anonymous  map[string]bool // volumes without a name, which the engine made for this container
}

// facts asks the engine for everything that the container names.
func (g *Engine) facts(ctx context.Context, info container.InspectResponse) (facts, error) {
	h := info.HostConfig
	f := facts{
		containers: map[string]string{}, networks: map[string]network.Inspect{}, gone: map[string]bool{}, volumes: map[string]volume.Volume{}, anonymous: map[string]bool{},
	}
	_, quiet := policy.HarmlessLoggers[h.LogConfig.Type]
	if h.Runtime != "" && h.Runtime != "runc" || h.CgroupnsMode.IsHost() || !quiet {
		about, err := g.Info(ctx, moby.InfoOptions{})
		if err != nil {
			return f, err
		}
		f.runtime, f.logger, f.cgroups = about.Info.DefaultRuntime, about.Info.LoggingDriver, "private"
		if !slices.Contains(about.Info.SecurityOptions, "name=cgroupns") {
			f.cgroups = "host"
		}
	}
	for _, other := range namedContainers(info) {
		about, err := g.ContainerInspect(ctx, other, moby.ContainerInspectOptions{})
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return f, err
		}
		f.containers[other] = about.Container.Config.Labels[api.ProjectLabel]
	}
	names := slices.Sorted(maps.Keys(info.NetworkSettings.Networks))
	if h.NetworkMode.IsUserDefined() {
		names = append(names, string(h.NetworkMode))
	}
	for _, n := range names {
		if _, done := f.networks[n]; done || !policy.IsName(n) {
			continue
		}
		about, err := g.Client.NetworkInspect(ctx, n, moby.NetworkInspectOptions{})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return f, err
		}
		f.gone[n] = err != nil
		f.networks[n] = about.Network
	}
	return f, g.volumeFacts(ctx, info, f)
}

// volumeFacts asks for the volumes. One without a name of its own, which no request
// names either, was made for this container.
func (g *Engine) volumeFacts(ctx context.Context, info container.InspectResponse, f facts) error {
	asked := map[string]bool{}
	for _, b := range info.HostConfig.Binds {
		source, _, _ := strings.Cut(b, ":")
		asked[source] = true
	}
	for _, m := range info.HostConfig.Mounts {
		asked[m.Source] = true
	}
	// Compose hands the volumes without a name on from a container of the shared stack
	// to the one that takes its place.
	inherits := g.scope.project == g.scope.shared
	for _, m := range info.Mounts {
		if m.Name == "" || !policy.IsName(m.Name) {
			continue
		}
		about, err := g.Client.VolumeInspect(ctx, m.Name, moby.VolumeInspectOptions{})
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		f.volumes[m.Name] = about.Volume
		f.anonymous[m.Name] = namelessVolume.MatchString(m.Name) && about.Volume.Labels[api.ProjectLabel] == "" && (inherits || !asked[m.Name] || len(info.HostConfig.VolumesFrom) > 0)
	}
	return nil
}

// namelessVolume is what the engine calls a volume that nobody gave a name.
var namelessVolume = regexp.MustCompile(`^[0-9a-f]{64}$`)

// namedContainers are the other containers that a container has something of.
func namedContainers(info container.InspectResponse) []string {
	h := info.HostConfig
	var names []string
	for _, mode := range []string{string(h.NetworkMode), string(h.PidMode), string(h.IpcMode)} {
		if id, ok := strings.CutPrefix(mode, "container:"); ok {
			names = append(names, id)
		}
	}
	links := h.Links
	for _, e := range info.NetworkSettings.Networks {
		if e != nil {
			links = append(links[:len(links):len(links)], e.Links...)
		}
	}
	for _, text := range slices.Concat(h.VolumesFrom, links) {
		id, _, _ := strings.Cut(strings.TrimPrefix(text, "/"), ":")
		names = append(names, id)
	}
	return slices.DeleteFunc(names, func(id string) bool { return !policy.IsName(id) })
}
