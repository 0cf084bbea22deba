package guard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	moby "github.com/moby/moby/client"

	"tandem/compose/policy"
	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// Engine is the engine as the Compose SDK sees it, for the containers of one stack.
// Everything that makes or starts something passes here: the request is judged before
// it is sent, and the container that the engine made of it before it is started. One
// that this host's policy does not allow is removed.
type Engine struct {
	*moby.Client
	scope scope
	hooks Hooks
	host  policy.Host
	runs  hookRuns
}

var _ moby.APIClient = (*Engine)(nil)

// New returns the engine for making and starting containers of one of the app's Compose
// projects. For a project of no app it makes and starts nothing. roots are directories
// with the app's files from git, beside app.Root: a container that is healed came from
// the files of an earlier commit.
func New(engine *moby.Client, host policy.Host, hooks Hooks, app deploy.App, projectName string, roots ...string) *Engine {
	g := &Engine{Client: engine, host: host, hooks: hooks}
	if app.Name != "" {
		g.scope = scope{
			app: app.Name, project: projectName, shared: app.SharedProject(), projects: []string{projectName}, roots: append([]string{app.Root}, roots...),
		}
		if app.Adopt == "" || host.Policy.AllowsAdopt(app.Adopt) {
			g.scope.projects = append(g.scope.projects, g.scope.shared)
		} else if projectName == app.Adopt {
			g.scope = scope{} // of another project no container is made
		}
	}
	return g
}

// Owns tells whether the labels of a network or volume say that it is for the app.
func (g *Engine) Owns(labels map[string]string) bool { return g.scope.owns(labels) }

// NotAllowedError says what this host does not let a container have.
type NotAllowedError struct{ What string }

func (e *NotAllowedError) Error() string { return e.What }

func (g *Engine) check(who string, all []trouble) error {
	if text := (judge{Host: g.host}).refusal(all); text != "" {
		return &NotAllowedError{fmt.Sprintf("the container %s is not started, because this host does not allow what it asks for: %s", who, text)}
	}
	return nil
}

// ContainerCreate judges what is asked for, and asks.
func (g *Engine) ContainerCreate(ctx context.Context, o moby.ContainerCreateOptions) (moby.ContainerCreateResult, error) {
	fail := func(err error) (moby.ContainerCreateResult, error) { return moby.ContainerCreateResult{}, err }
	switch {
	case g.scope.app == "":
		return fail(errors.New("no container is made here"))
	case o.Config == nil || o.HostConfig == nil:
		return fail(fmt.Errorf("create container %s: it has no configuration", o.Name))
	case o.Name != "" && !policy.IsName(o.Name):
		return fail(&NotAllowedError{fmt.Sprintf("the container %q %s", o.Name, policy.NameRule)})
	}
	j := judge{Host: g.host, scope: g.scope}
	all := slices.Concat(j.host(o.HostConfig), j.hiddenPaths(o.HostConfig, false), j.foreignContainers(o.HostConfig), j.mountRequests(o.HostConfig))
	if o.NetworkingConfig != nil {
		all = append(all, j.networks(o.HostConfig.NetworkMode, o.NetworkingConfig.EndpointsConfig)...)
	}
	if err := g.check(o.Name, all); err != nil {
		return fail(err)
	}
	if err := g.overrideImageLabels(ctx, &o); err != nil {
		return fail(err)
	}
	if o.NetworkingConfig != nil {
		apart := *o.NetworkingConfig
		apart.EndpointsConfig = maps.Clone(apart.EndpointsConfig)
		for name, e := range apart.EndpointsConfig {
			var err error
			if apart.EndpointsConfig[name], err = g.colorNamed(ctx, name, e); err != nil {
				return fail(err)
			}
		}
		o.NetworkingConfig = &apart
	}
	return g.Client.ContainerCreate(ctx, o)
}

// overrideImageLabels takes the meaning from the labels that the image brings, by which
// containers are found: the engine gives a container those of its image that the
// request does not set.
func (g *Engine) overrideImageLabels(ctx context.Context, o *moby.ContainerCreateOptions) error {
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
func (g *Engine) ContainerStart(ctx context.Context, id string, o moby.ContainerStartOptions) (moby.ContainerStartResult, error) {
	info, err := g.ContainerInspect(ctx, id, moby.ContainerInspectOptions{})
	if err != nil {
		return moby.ContainerStartResult{}, err
	}
	if err := g.checkCreated(ctx, info.Container); err != nil {
		var refused *NotAllowedError
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

func (g *Engine) checkCreated(ctx context.Context, info container.InspectResponse) error {
	name := strings.TrimPrefix(info.Name, "/")
	if g.scope.app == "" || info.HostConfig == nil || info.Config == nil || info.NetworkSettings == nil {
		return &NotAllowedError{"the container " + name + " is not started, because it cannot be told what it is"}
	}
	known, err := g.facts(ctx, info)
	if err != nil {
		return err
	}
	j := judge{Host: g.host, scope: g.scope, created: known}
	return g.check(name, slices.Concat(j.host(info.HostConfig), j.hiddenPaths(info.HostConfig, true), j.foreignContainers(info.HostConfig),
		j.networks(info.HostConfig.NetworkMode, info.NetworkSettings.Networks), j.mounts(info.Mounts), j.mountRequests(info.HostConfig)))
}

// VolumeCreate makes a volume that the policy allows.
func (g *Engine) VolumeCreate(ctx context.Context, o moby.VolumeCreateOptions) (moby.VolumeCreateResult, error) {
	j := judge{Host: g.host, scope: g.scope}
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
func (g *Engine) VolumeInspect(ctx context.Context, name string, o moby.VolumeInspectOptions) (moby.VolumeInspectResult, error) {
	if !policy.IsName(name) {
		return moby.VolumeInspectResult{}, &NotAllowedError{fmt.Sprintf("the volume %q %s", name, policy.NameRule)}
	}
	return g.Client.VolumeInspect(ctx, name, o)
}

// NetworkCreate makes a network that the policy allows.
func (g *Engine) NetworkCreate(ctx context.Context, name string, o moby.NetworkCreateOptions) (moby.NetworkCreateResult, error) {
	j := judge{Host: g.host, scope: g.scope}
	all := append(j.network(name), j.ownNetwork(network.Inspect{Network: network.Network{Driver: o.Driver, Options: o.Options}})...)
	if !j.scope.owns(o.Labels) {
		all = append(all, trouble{"", "the network " + name + " would belong to another project"})
	}
	if o.ConfigFrom != "" || o.ConfigOnly || o.Ingress || slices.Contains(policy.PredefinedNetworks, name) {
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
func (g *Engine) NetworkInspect(ctx context.Context, name string, o moby.NetworkInspectOptions) (moby.NetworkInspectResult, error) {
	if !policy.IsName(name) {
		return moby.NetworkInspectResult{}, &NotAllowedError{fmt.Sprintf("the network %q %s", name, policy.NameRule)}
	}
	return g.Client.NetworkInspect(ctx, name, o)
}

// NetworkConnect connects a container that was not started yet. Whose network that is,
// is judged when it is.
func (g *Engine) NetworkConnect(ctx context.Context, name string, o moby.NetworkConnectOptions) (moby.NetworkConnectResult, error) {
	if !policy.IsName(name) {
		return moby.NetworkConnectResult{}, &NotAllowedError{fmt.Sprintf("the network %q %s", name, policy.NameRule)}
	}
	j := judge{Host: g.host, scope: g.scope}
	if err := g.check(o.Container, j.endpoint(o.EndpointConfig)); err != nil {
		return moby.NetworkConnectResult{}, err
	}
	var err error
	if o.EndpointConfig, err = g.colorNamed(ctx, name, o.EndpointConfig); err != nil {
		return moby.NetworkConnectResult{}, err
	}
	return g.Client.NetworkConnect(ctx, name, o)
}

// colorNamed is a place in a network under the color name, and without the service's own
// name where others are in the network and the container finds itself by a link. Compose
// gives each place the names of the container and of the service, in this order.
func (g *Engine) colorNamed(ctx context.Context, name string, e *network.EndpointSettings) (*network.EndpointSettings, error) {
	if e == nil || len(e.Aliases) < 2 || g.scope.project == g.scope.shared {
		return e, nil
	}
	service := e.Aliases[1]
	own := policy.ColorName(g.scope.project, service)
	named := *e
	named.Aliases = append(slices.Clone(e.Aliases), own)
	if !slices.Contains(e.Links, own+":"+service) {
		return &named, nil
	}
	about, err := g.Client.NetworkInspect(ctx, name, moby.NetworkInspectOptions{})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return nil, err
	}
	if about.Network.Labels[api.ProjectLabel] != g.scope.project {
		named.Aliases = slices.DeleteFunc(named.Aliases, func(alias string) bool { return alias == service })
	}
	return &named, nil
}
