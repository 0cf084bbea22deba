package compose

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// Endpoint returns where the containers of a route are reached in one color, which an
// Nginx in a container of its own has to know. The container that publishes the route's
// port says so itself, because its release may listen elsewhere than that of app; what
// is not known from a container that runs, the files of app tell. They are read once for
// a release: in a drain this is asked many times a second.
func (c *Client) Endpoint(ctx context.Context, app deploy.App, route deploy.Route, color deploy.Color) (deploy.Endpoint, error) {
	if err := c.ready(ctx); err != nil {
		return deploy.Endpoint{}, err
	}
	projectName := app.Project(color)
	list, err := c.engine.ContainerList(ctx, container.ListOptions{
		Filters: filters.NewArgs(filters.Arg("label", api.ProjectLabel+"="+projectName)),
	})
	if err != nil {
		return deploy.Endpoint{}, engineError(ctx, "list the containers of "+projectName, err)
	}
	for _, s := range list {
		for _, p := range s.Ports {
			if int(p.PublicPort) == route.Ports.Of(color) && p.Type == "tcp" && len(s.Names) > 0 {
				addresses, err := addressesOf(s.NetworkSettings)
				return deploy.Endpoint{Host: strings.TrimPrefix(s.Names[0], "/"), Port: int(p.PrivatePort), Addresses: addresses}, err
			}
		}
	}
	port, err := c.containerPort(ctx, app, route)
	return deploy.Endpoint{Host: projectName + api.Separator + route.Service + api.Separator + "1", Port: port}, err
}

func addressesOf(s *container.NetworkSettingsSummary) (map[string]netip.Addr, error) {
	found := map[string]netip.Addr{}
	if s == nil {
		return found, nil
	}
	for name, e := range s.Networks {
		ip, err := addressOf(e)
		if err != nil {
			return nil, fmt.Errorf("read the address in network %s: %w", name, err)
		}
		if ip.IsValid() {
			found[name] = ip
		}
	}
	return found, nil
}

func addressOf(e *network.EndpointSettings) (netip.Addr, error) {
	if e == nil || e.IPAddress == "" {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(e.IPAddress)
}

// listeners are the ports in the containers that were read from the files of one release.
type listeners struct {
	release deploy.Release
	ports   map[listener]int
}

// listener is what of a route says where its service listens.
type listener struct {
	route, service string
	ports          deploy.Ports
}

// containerPort is the port inside the containers of the route's service that the files
// publish as the route's.
func (c *Client) containerPort(ctx context.Context, app deploy.App, route deploy.Route) (int, error) {
	key := listener{route.Name, route.Service, route.Ports}
	c.listenersLock.Lock()
	known := c.listeners[app.Name]
	port := known.ports[key]
	c.listenersLock.Unlock()
	if port != 0 && known.release == app.Release {
		return port, nil
	}
	r, err := c.resolve(ctx, app)
	if err != nil {
		return 0, err
	}
	for _, color := range deploy.Colors() {
		if port = project.ContainerPort(r.Colored[color].Services[route.Service], route.Ports.Of(color)); port != 0 {
			break
		}
	}
	if port == 0 {
		return 0, fmt.Errorf("find the container port of route %s: service %s publishes neither port %d nor %d",
			route.Name, route.Service, route.Ports.Blue, route.Ports.Green)
	}
	c.keepPort(app, key, port)
	return port, nil
}

func (c *Client) keepPort(app deploy.App, at listener, port int) {
	if app.Release.IsZero() {
		return // nobody knows yet what the files are to run
	}
	c.listenersLock.Lock()
	defer c.listenersLock.Unlock()
	if known := c.listeners[app.Name]; known.ports == nil || known.release != app.Release {
		c.listeners[app.Name] = listeners{app.Release, map[listener]int{}}
	}
	c.listeners[app.Name].ports[at] = port
}
