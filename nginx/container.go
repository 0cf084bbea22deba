package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"

	"tandem/internal/lib/containerexec"
	"tandem/reconciler/deploy"
)

// environment is how things look from where Nginx runs.
type environment struct {
	dir      string   // of the generated files
	listen   string   // of the confirm server, as Nginx binds it
	dial     string   // of the confirm server, as this process reaches it
	bridged  bool     // Nginx has a network of its own
	networks []string // the names of Docker's networks that it is in
	pid      int      // the container's first process on this host; 0 without a container
	stopped  string   // why nothing can be run there: the container's state; empty when it runs
}

// inspect returns the environment as it is now: a container may have been
// recreated since the last time.
func (p *Proxy) inspect(ctx context.Context) (environment, error) {
	if p.container != nil {
		return p.inspectContainer(ctx)
	}
	return environment{dir: p.dir, listen: p.confirm, dial: p.confirm}, nil
}

// Container is the container that Nginx runs in. It may be stopped, removed and made
// anew meanwhile.
type Container interface {
	// Name is how a person calls it.
	Name() string
	// Inspect tells how it is now. Where there is none, the error has containerexec.ErrNotFound.
	Inspect(ctx context.Context) (containerexec.State, error)
	// Gateways are the addresses that this host has in one of its networks.
	Gateways(ctx context.Context, network string) ([]string, error)
	// Exec runs a program in it. An exit code other than 0 is no error.
	Exec(ctx context.Context, argv []string, stdout, stderr io.Writer) (code int, err error)
}

// inspectContainer returns the environment of an Nginx in a container.
func (p *Proxy) inspectContainer(ctx context.Context) (environment, error) {
	state, err := p.container.Inspect(ctx)
	if err != nil {
		return environment{}, p.noContainer(ctx, err)
	}
	v := environment{pid: state.PID, listen: p.confirm, dial: p.confirm}
	if !state.Running {
		v.stopped = state.Status
	}
	if v.dir, err = p.mounted(state.Mounts); err != nil {
		return environment{}, err
	}
	if !state.HostNetwork {
		return p.bridge(v, state)
	}
	return v, nil
}

func (p *Proxy) noContainer(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, containerexec.ErrNotFound):
		return &deploy.RouterError{Reason: deploy.NginxAway, Err: err,
			Detail: "there is no container " + p.container.Name() + ": start Nginx, or set nginx.container to its name"}
	default:
		return &deploy.TemporaryError{Reason: deploy.DockerAway, Err: fmt.Errorf("inspect container %s: %w", p.container.Name(), err)}
	}
}

// doesNotRun is the error of what needs an Nginx that runs.
func (p *Proxy) doesNotRun(v environment) error {
	return &deploy.RouterError{Reason: deploy.NginxAway, Detail: "the container " + p.container.Name() + " does not run: it is " + v.stopped}
}

// mounted translates the directory's path into the container's.
func (p *Proxy) mounted(mounts []containerexec.Mount) (string, error) {
	hosts := []string{p.dir}
	if real, err := filepath.EvalSymlinks(p.dir); err == nil {
		hosts = append(hosts, real)
	}
	best, inside := -1, ""
	for _, m := range mounts {
		for _, dir := range hosts {
			rel, err := filepath.Rel(m.Source, dir)
			if err == nil && filepath.IsLocal(rel) && len(m.Source) > best {
				best, inside = len(m.Source), filepath.Join(m.Destination, rel)
			}
		}
	}
	if best < 0 {
		return "", &deploy.RouterError{Reason: deploy.NotIncluded, Detail: fmt.Sprintf(
			"the container %s does not see %s: mount the directory (not single files) into it, for example with -v %s:%s", p.container.Name(), p.dir, p.dir, p.dir)}
	}
	return inside, nil
}

// bridge completes the environment of a container with a network of its own. The
// confirm server listens on all its addresses, because the container's own
// loopback cannot be reached from here, and turns away everybody but this host.
func (p *Proxy) bridge(v environment, state containerexec.State) (environment, error) {
	v.bridged = true
	_, port, err := net.SplitHostPort(p.confirm)
	if err != nil {
		return environment{}, fmt.Errorf("nginx.confirm: %w", err)
	}
	v.listen = "0.0.0.0:" + port
	v.networks = slices.Sorted(maps.Keys(state.Networks))
	for _, name := range slices.Backward(v.networks) {
		if ip := state.Networks[name]; ip.IsValid() {
			v.dial = net.JoinHostPort(ip.String(), port)
		}
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return environment{}, fmt.Errorf("nginx.confirm: %w", err)
	}
	for _, at := range state.Published[number] {
		if at.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
			v.dial = at.String()
		}
	}
	return v, nil
}

// gateways are the addresses under which this host appears in the networks of
// Nginx's container.
func (p *Proxy) gateways(ctx context.Context, networks []string) ([]string, error) {
	found := []string{"127.0.0.1"}
	for _, name := range networks {
		more, err := p.container.Gateways(ctx, name)
		if err != nil {
			return nil, p.noContainer(ctx, err)
		}
		found = append(found, more...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// backendInside is a route's for an Nginx with a network of its own: it cannot
// reach this host's loopback, so it goes to the containers by name.
func (p *Proxy) backendInside(ctx context.Context, s site, v environment, app deploy.App, r deploy.Route) (backend, error) {
	pinned := s.mode == SwitchReload && !s.nginx.resolvesUpstreams()
	b := backend{route: r.Name}
	for color, address := range map[deploy.Color]*string{deploy.Blue: &b.blue, deploy.Green: &b.green} {
		e, err := p.inside(ctx, app, r, color)
		if err != nil {
			return backend{}, err
		}
		if *address = net.JoinHostPort(e.Host, strconv.Itoa(e.Port)); pinned {
			*address = pin(e, v)
		}
	}
	return b, nil
}

// inside asks where the route's containers are reached in one color.
func (p *Proxy) inside(ctx context.Context, app deploy.App, r deploy.Route, color deploy.Color) (deploy.Endpoint, error) {
	if p.endpoint == nil {
		return deploy.Endpoint{}, errors.New("render nginx files: nobody tells where the containers of route " + r.Name + " listen")
	}
	e, err := p.endpoint(ctx, app, r, color)
	if err != nil {
		return deploy.Endpoint{}, fmt.Errorf("find the containers of route %s in %s: %w", r.Name, color, err)
	}
	return e, nil
}

// pin is the address in place of the name, because an Nginx before 1.27.3 resolves a
// name in an upstream once, and does not start when that fails. It is empty where no
// container runs. Prepare notices a new address and reloads.
func pin(e deploy.Endpoint, v environment) string {
	for _, n := range v.networks {
		if ip, on := e.Addresses[n]; on {
			return netip.AddrPortFrom(ip, uint16(e.Port)).String()
		}
	}
	return ""
}

// peersInside are the addresses of the stack's containers as Nginx sees them.
func (p *Proxy) peersInside(ctx context.Context, v environment, app deploy.App, color deploy.Color) (map[netip.AddrPort]bool, error) {
	peers := map[netip.AddrPort]bool{}
	for _, r := range routesIn(app, color) {
		e, err := p.inside(ctx, r.Of, r.Route, color)
		if err != nil {
			return nil, err
		}
		for _, n := range v.networks {
			if ip, on := e.Addresses[n]; on {
				peers[netip.AddrPortFrom(ip, uint16(e.Port))] = true
			}
		}
	}
	return peers, nil
}

// exec runs a program in Nginx's container.
func (p *Proxy) exec(ctx context.Context, argv []string) (output, error) {
	var stdout, stderr bytes.Buffer
	code, err := p.container.Exec(ctx, argv, &stdout, &stderr)
	if err != nil {
		return output{}, err
	}
	return output{stdout.String(), stderr.String(), code}, nil
}
