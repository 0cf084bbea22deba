package containerexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// ErrNotFound is in the error of Container.Inspect and Container.Gateways where the
// engine has no such container, or network.
var ErrNotFound = errors.New("not found")

// Container is one container of an engine, by its name or id. It may be stopped, removed
// and made anew meanwhile.
type Container struct {
	engine *client.Client
	name   string
}

// New returns the container; it asks the engine nothing.
func New(engine *client.Client, name string) *Container { return &Container{engine, name} }

// State is a container as it is at one moment.
type State struct {
	Status      string // "running", "exited", "restarting", …
	Running     bool   // and not just being restarted
	PID         int    // of its first process, as the host sees it
	HostNetwork bool
	Networks    map[string]netip.Addr    // its address in each network by name; invalid while it has none
	Published   map[int][]netip.AddrPort // where TCP ports of the container are reached on the host
	Mounts      []Mount
}

// Mount is a directory or file of the host in the container.
type Mount struct{ Source, Destination string }

// Name is what New was given.
func (c *Container) Name() string { return c.name }

// Inspect asks the engine what it is now.
func (c *Container) Inspect(ctx context.Context) (State, error) {
	info, err := c.engine.ContainerInspect(ctx, c.name)
	if err != nil {
		return State{}, marked(err)
	}
	s := State{
		Status: string(info.State.Status), Running: info.State.Running && !info.State.Restarting, PID: info.State.Pid,
		HostNetwork: info.HostConfig.NetworkMode.IsHost(),
		Networks:    map[string]netip.Addr{}, Published: map[int][]netip.AddrPort{},
	}
	for _, m := range info.Mounts {
		s.Mounts = append(s.Mounts, Mount{m.Source, m.Destination})
	}
	for name, n := range info.NetworkSettings.Networks {
		s.Networks[name], _ = netip.ParseAddr(n.IPAddress) // empty while it does not run
	}
	for port, bindings := range info.NetworkSettings.Ports {
		if port.Proto() != "tcp" {
			continue
		}
		for _, b := range bindings {
			// The address is empty where it means all of them.
			if at, err := netip.ParseAddrPort(net.JoinHostPort(b.HostIP, b.HostPort)); err == nil {
				s.Published[port.Int()] = append(s.Published[port.Int()], at)
			}
		}
	}
	return s, nil
}

// Exec runs a program in it, as Run does.
func (c *Container) Exec(ctx context.Context, argv []string, stdout, stderr io.Writer) (code int, err error) {
	code, err = Run(ctx, c.engine, c.name, container.ExecOptions{Cmd: argv}, stdout, stderr)
	if err != nil {
		return 0, fmt.Errorf("run %s in container %s: %w", strings.Join(argv, " "), c.name, err)
	}
	return code, nil
}

// Gateways are the addresses that the host has in a network.
func (c *Container) Gateways(ctx context.Context, name string) ([]string, error) {
	n, err := c.engine.NetworkInspect(ctx, name, network.InspectOptions{})
	if err != nil {
		return nil, marked(err)
	}
	var found []string
	for _, config := range n.IPAM.Config {
		if config.Gateway != "" {
			found = append(found, config.Gateway)
		}
	}
	return found, nil
}

// marked makes ErrNotFound of the engine's own.
func marked(err error) error {
	if cerrdefs.IsNotFound(err) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}
