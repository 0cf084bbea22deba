package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"
	moby "github.com/moby/moby/client"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// guard is the engine as the Compose SDK sees it, for the containers of one stack.
// Everything that makes or starts something passes here: the request is judged before
// it is sent, and the container that the engine made of it before it is started. One
// that this host's policy does not allow is removed.
type guard struct {
	*moby.Client
	rules  project.HostRules
	scope  scope
	client *Client
	output hookOutput
}

var _ moby.APIClient = (*guard)(nil)

// guarded returns the engine for making and starting containers of one of the app's
// projects. For a project of no app it makes and starts nothing.
func (c *Client) guarded(app deploy.App, projectName string) *guard {
	g := &guard{Client: c.sdkEngine, rules: c.rules(), client: c}
	if app.Name != "" {
		g.scope = scope{app: app.Name, project: projectName, projects: []string{projectName, app.SharedProject()}, roots: []string{app.Root}}
	}
	if c.trees != "" && app.Name != "" {
		// A container that is healed came from the files of an earlier commit.
		g.scope.roots = append(g.scope.roots, filepath.Join(c.trees, app.Name))
	}
	return g
}

// notAllowedError says what this host does not let a container have.
type notAllowedError struct{ what string }

func (e *notAllowedError) Error() string { return e.what }

func (g *guard) check(who string, all []trouble) error {
	if text := (judge{HostRules: g.rules}).refuse(all); text != "" {
		return &notAllowedError{fmt.Sprintf("the container %s is not started, because this host does not allow what it asks for: %s", who, text)}
	}
	return nil
}

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

// ContainerCreate judges what is asked for, and asks.
func (g *guard) ContainerCreate(ctx context.Context, o moby.ContainerCreateOptions) (moby.ContainerCreateResult, error) {
	fail := func(err error) (moby.ContainerCreateResult, error) { return moby.ContainerCreateResult{}, err }
	switch {
	case g.scope.app == "":
		return fail(errors.New("no container is made here"))
	case o.Config == nil || o.HostConfig == nil:
		return fail(fmt.Errorf("create container %s: it has no configuration", o.Name))
	case o.Name != "" && !project.IsName(o.Name):
		return fail(&notAllowedError{fmt.Sprintf("the container %q %s", o.Name, project.NameRule)})
	}
	j := judge{HostRules: g.rules, scope: g.scope}
	all := slices.Concat(j.host(o.HostConfig), j.paths(o.HostConfig, false), j.others(o.HostConfig), j.requested(o.HostConfig))
	if o.NetworkingConfig != nil {
		all = append(all, j.networks(o.HostConfig.NetworkMode, o.NetworkingConfig.EndpointsConfig)...)
	}
	if err := g.check(o.Name, all); err != nil {
		return fail(err)
	}
	if err := g.ownLabels(ctx, &o); err != nil {
		return fail(err)
	}
	if o.NetworkingConfig != nil {
		apart := *o.NetworkingConfig
		apart.EndpointsConfig = maps.Clone(apart.EndpointsConfig)
		for name, e := range apart.EndpointsConfig {
			var err error
			if apart.EndpointsConfig[name], err = g.named(ctx, name, e); err != nil {
				return fail(err)
			}
		}
		o.NetworkingConfig = &apart
	}
	return g.Client.ContainerCreate(ctx, o)
}

// ownLabels takes the meaning from the labels that the image brings, by which
// containers are found: the engine gives a container those of its image that the
// request does not set.
func (g *guard) ownLabels(ctx context.Context, o *moby.ContainerCreateOptions) error {
	image, err := g.ImageInspect(ctx, o.Config.Image)
	if cerrdefs.IsNotFound(err) {
		return nil // creating the container will say so
	}
	if err != nil {
		return fmt.Errorf("look for image %s: %w", o.Config.Image, err)
	}
	if image.Config == nil {
		return nil
	}
	config := *o.Config
	config.Labels = maps.Clone(config.Labels)
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	for key := range image.Config.Labels {
		if _, set := config.Labels[key]; !set && project.ReservedLabel(key) != "" {
			config.Labels[key] = ""
		}
	}
	o.Config = &config
	return nil
}

// ContainerStart judges the container as the engine made it, and starts it. One that is
// not allowed is removed, unless it runs.
func (g *guard) ContainerStart(ctx context.Context, id string, o moby.ContainerStartOptions) (moby.ContainerStartResult, error) {
	info, err := g.ContainerInspect(ctx, id, moby.ContainerInspectOptions{})
	if err != nil {
		return moby.ContainerStartResult{}, err
	}
	if err := g.inspected(ctx, info.Container); err != nil {
		var refused *notAllowedError
		if errors.As(err, &refused) {
			_, removeErr := g.ContainerRemove(ctx, id, moby.ContainerRemoveOptions{})
			if removeErr != nil && !cerrdefs.IsNotFound(removeErr) && !cerrdefs.IsConflict(removeErr) {
				return moby.ContainerStartResult{}, errors.Join(err, removeErr)
			}
		}
		return moby.ContainerStartResult{}, err
	}
	return g.Client.ContainerStart(ctx, id, o)
}

func (g *guard) inspected(ctx context.Context, info container.InspectResponse) error {
	name := strings.TrimPrefix(info.Name, "/")
	if g.scope.app == "" || info.HostConfig == nil || info.Config == nil || info.NetworkSettings == nil {
		return &notAllowedError{"the container " + name + " is not started, because it cannot be told what it is"}
	}
	known, err := g.look(ctx, info)
	if err != nil {
		return err
	}
	j := judge{HostRules: g.rules, scope: g.scope, created: known}
	return g.check(name, slices.Concat(j.host(info.HostConfig), j.paths(info.HostConfig, true), j.others(info.HostConfig),
		j.networks(info.HostConfig.NetworkMode, info.NetworkSettings.Networks), j.mounts(info.Mounts), j.requested(info.HostConfig)))
}

// look asks the engine for everything that the container names.
func (g *guard) look(ctx context.Context, info container.InspectResponse) (facts, error) {
	h := info.HostConfig
	f := facts{
		containers: map[string]string{}, networks: map[string]network.Inspect{}, gone: map[string]bool{}, volumes: map[string]volume.Volume{}, anonymous: map[string]bool{},
	}
	_, quiet := project.HarmlessLoggers[h.LogConfig.Type]
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
		if _, done := f.networks[n]; done || !project.IsName(n) {
			continue
		}
		about, err := g.Client.NetworkInspect(ctx, n, moby.NetworkInspectOptions{})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return f, err
		}
		f.gone[n] = err != nil
		f.networks[n] = about.Network
	}
	return f, g.lookVolumes(ctx, info, f)
}

// lookVolumes asks for the volumes. One without a name of its own, which no request
// names either, was made for this container.
func (g *guard) lookVolumes(ctx context.Context, info container.InspectResponse, f facts) error {
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
	inherits := g.scope.project == g.scope.app+"-"+project.ColorShared
	for _, m := range info.Mounts {
		if m.Name == "" || !project.IsName(m.Name) {
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
	return slices.DeleteFunc(names, func(id string) bool { return !project.IsName(id) })
}

// VolumeCreate makes a volume that the policy allows.
func (g *guard) VolumeCreate(ctx context.Context, o moby.VolumeCreateOptions) (moby.VolumeCreateResult, error) {
	j := judge{HostRules: g.rules, scope: g.scope}
	all := append(j.volume(o.Name, o.Driver), j.volumeOptions(o.Name, o.Driver, o.DriverOpts)...)
	if o.ClusterVolumeSpec != nil {
		all = append(all, trouble{"", "the volume " + o.Name + " is one of a cluster"})
	}
	if err := g.check(o.Name, all); err != nil {
		return moby.VolumeCreateResult{}, err
	}
	return g.Client.VolumeCreate(ctx, o)
}

// VolumeInspect asks for a volume by what is a name of one.
func (g *guard) VolumeInspect(ctx context.Context, name string, o moby.VolumeInspectOptions) (moby.VolumeInspectResult, error) {
	if !project.IsName(name) {
		return moby.VolumeInspectResult{}, &notAllowedError{fmt.Sprintf("the volume %q %s", name, project.NameRule)}
	}
	return g.Client.VolumeInspect(ctx, name, o)
}

// NetworkCreate makes a network that the policy allows.
func (g *guard) NetworkCreate(ctx context.Context, name string, o moby.NetworkCreateOptions) (moby.NetworkCreateResult, error) {
	j := judge{HostRules: g.rules, scope: g.scope}
	all := append(j.network(name), j.made(network.Inspect{Network: network.Network{Driver: o.Driver, Options: o.Options}})...)
	if !j.owned(o.Labels) {
		all = append(all, trouble{"", "the network " + name + " would belong to another project"})
	}
	if o.ConfigFrom != "" || o.ConfigOnly || o.Ingress || slices.Contains(project.PredefinedNetworks, name) {
		all = append(all, trouble{"", "the network " + name + " is one that only the engine's owner makes"})
	}
	if o.IPAM != nil {
		all = append(all, j.addresses(name, *o.IPAM)...)
	}
	if err := g.check(name, all); err != nil {
		return moby.NetworkCreateResult{}, err
	}
	return g.Client.NetworkCreate(ctx, name, o)
}

// NetworkInspect asks for a network by what is a name of one.
func (g *guard) NetworkInspect(ctx context.Context, name string, o moby.NetworkInspectOptions) (moby.NetworkInspectResult, error) {
	if !project.IsName(name) {
		return moby.NetworkInspectResult{}, &notAllowedError{fmt.Sprintf("the network %q %s", name, project.NameRule)}
	}
	return g.Client.NetworkInspect(ctx, name, o)
}

// NetworkConnect connects a container that was not started yet. Whose network that is,
// is judged when it is.
func (g *guard) NetworkConnect(ctx context.Context, name string, o moby.NetworkConnectOptions) (moby.NetworkConnectResult, error) {
	if !project.IsName(name) {
		return moby.NetworkConnectResult{}, &notAllowedError{fmt.Sprintf("the network %q %s", name, project.NameRule)}
	}
	j := judge{HostRules: g.rules, scope: g.scope}
	if err := g.check(o.Container, j.endpoint(o.EndpointConfig)); err != nil {
		return moby.NetworkConnectResult{}, err
	}
	var err error
	if o.EndpointConfig, err = g.named(ctx, name, o.EndpointConfig); err != nil {
		return moby.NetworkConnectResult{}, err
	}
	return g.Client.NetworkConnect(ctx, name, o)
}
