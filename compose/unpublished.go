package compose

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"tandem/reconciler/deploy"
)

// Docker 29 starts a container whose start failed for a taken port at the second try, by
// whomever, and without the port. It runs then, and nobody reaches it. So what a container
// has is held against what it was made with, and one that lacks a port counts as not started.

// unpublished names the ports of the host that a running container should publish and does
// not. Empty: it has all, or its network is not its own.
func unpublished(info container.InspectResponse) string {
	mode := info.HostConfig.NetworkMode
	if mode.IsHost() || mode.IsNone() || mode.IsContainer() || info.NetworkSettings == nil {
		return ""
	}
	var pending []string
	for target, bindings := range info.HostConfig.PortBindings {
		for _, b := range bindings {
			if ip, err := netip.ParseAddr(b.HostIP); err == nil && ip.Is6() && !ip.IsUnspecified() {
				continue // a network without IPv6 has no use for it
			}
			p, fixed := hostPortOf(target, b)
			has := func(has nat.PortBinding) bool { return !fixed || has.HostPort == b.HostPort }
			switch {
			case slices.ContainsFunc(info.NetworkSettings.Ports[target], has):
			case fixed:
				pending = append(pending, p.String())
			default:
				pending = append(pending, fmt.Sprintf("a port for its %s", target))
			}
		}
	}
	slices.Sort(pending)
	return strings.Join(slices.Compact(pending), ", ")
}

// canPublish tells whether ports can be published on one of the container's networks. On
// an internal one Docker leaves that out in silence, and on one that is routed nobody needs
// it. A container without any network has lost those that it was made with.
func (c *Client) canPublish(ctx context.Context, info container.InspectResponse) (bool, error) {
	for name, e := range info.NetworkSettings.Networks {
		if e != nil && e.NetworkID != "" {
			name = e.NetworkID
		}
		about, err := c.engine.NetworkInspect(ctx, name, network.InspectOptions{})
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return false, engineError(ctx, "inspect network "+name, err)
		}
		if about.Driver == "bridge" && !about.Internal && publishesOn(about.Options) {
			return true, nil
		}
	}
	return len(info.NetworkSettings.Networks) == 0, nil
}

// publishesOn tells whether a bridge with these options publishes ports of IPv4.
func publishesOn(options map[string]string) bool {
	mode := options["com.docker.network.bridge.gateway_mode_ipv4"]
	return mode == "" || strings.HasPrefix(mode, "nat")
}

// unpublishedNow marks those as unstartable that run without a port which they could have
// by now. Where somebody else has it, the container is better than none. It looks once more,
// because what it marks is stopped.
func (c *Client) unpublishedNow(ctx context.Context, all []observed) ([]observed, error) {
	all = slices.Clone(all)
	for i, o := range all {
		if o.Unpublished == "" {
			continue
		}
		info, err := c.engine.ContainerInspect(ctx, o.ID)
		if err != nil && !cerrdefs.IsNotFound(err) {
			return nil, engineError(ctx, "inspect container "+o.Name, err)
		}
		if err != nil || info.State.Status != "running" || unpublished(info) == "" {
			continue
		}
		taken, err := c.taken(ctx, all[i:i+1])
		if err != nil {
			return nil, err
		}
		all[i].unstartable = taken == ""
	}
	return all, nil
}

// allPublish is an error where a container of the project runs without its ports. One of
// the shared stack that ran so before may be the database: nobody need wait for it.
func (c *Client) allPublish(ctx context.Context, app deploy.App, p *types.Project, before []observed) error {
	all, err := c.containers(ctx, p.Name)
	if err != nil {
		return err
	}
	for _, o := range all {
		if _, ok := p.Services[o.Service]; !ok || o.Unpublished == "" {
			continue
		}
		what := fmt.Sprintf("start %s: %s runs without %s, which it should publish", p.Name, o.Name, o.Unpublished)
		taken, err := c.taken(ctx, []observed{o})
		if err != nil {
			return err
		}
		switch {
		case p.Name == app.SharedProject() && slices.ContainsFunc(before, func(b observed) bool { return b.ID == o.ID && b.Unpublished != "" }):
			c.log.Warn("a shared service was not made anew", "what", what, "taken", taken)
		case taken != "":
			return &deploy.TemporaryError{Reason: deploy.PortTaken, Err: fmt.Errorf("%s: %s", what, taken)}
		default:
			return errors.New(what)
		}
	}
	return nil
}
