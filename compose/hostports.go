package compose

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"tandem/compose/project"
	"tandem/internal/lib/listening"
	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// hostPort is a port of the engine's host that a container is to publish.
type hostPort struct {
	ip       string // empty: every address
	port     uint16
	protocol string // tcp, udp, sctp
}

func (p hostPort) String() string {
	if p.protocol != "tcp" {
		return fmt.Sprintf("port %d/%s", p.port, p.protocol)
	}
	return fmt.Sprintf("port %d", p.port)
}

// hostPortOf reads a binding. One of a range, or whatever is free, is no port.
func hostPortOf(target nat.Port, b nat.PortBinding) (hostPort, bool) {
	n, err := strconv.ParseUint(b.HostPort, 10, 16)
	return hostPort{b.HostIP, uint16(n), target.Proto()}, err == nil && n > 0
}

// hostPortsOf are those that the container is to publish, whether it does or not.
func hostPortsOf(info container.InspectResponse) []hostPort {
	var all []hostPort
	for target, bindings := range info.HostConfig.PortBindings {
		for _, b := range bindings {
			if p, ok := hostPortOf(target, b); ok {
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b hostPort) int {
		return cmp.Or(cmp.Compare(a.port, b.port), cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.ip, b.ip))
	})
	return all
}

// meets tells whether nobody else can have the port while the engine publishes the other.
func (p hostPort) meets(other container.Port) bool {
	everywhere := func(ip string) bool { return ip == "" || project.IsWildcard(ip) }
	return p.port == other.PublicPort && p.protocol == other.Type && (p.ip == other.IP || everywhere(p.ip) || everywhere(other.IP))
}

// holder says in words who has the port, for a container that wants it: another container,
// or a program, if the engine is on this host. Empty: nobody.
func (c *Client) holder(running []container.Summary, wants string, p hostPort) (string, error) {
	for _, s := range running {
		if slices.ContainsFunc(s.Ports, p.meets) {
			if s.ID == wants {
				return "", nil
			}
			return wordsFor(s), nil
		}
	}
	if !c.here() || p.protocol != "tcp" && p.protocol != "udp" {
		return "", nil
	}
	ip, err := netip.ParseAddr(cmp.Or(p.ip, "0.0.0.0"))
	if err != nil {
		return "", nil // the engine says what is wrong with it
	}
	program, held, err := listening.Holder("/proc", p.protocol, netip.AddrPortFrom(ip, p.port))
	if err != nil || !held || isEngines(program.Name) {
		return "", err
	}
	return program.String(), nil
}

// isEngines tells whether a program with a port is Docker's own: it has the ports of a
// container a moment before the container runs.
func isEngines(program string) bool { return program == "docker-proxy" || program == "dockerd" }

// taken says which ports of containers that do not run are in use by somebody else, and by
// whom. Empty: none.
func (c *Client) taken(ctx context.Context, all []observed) (string, error) {
	var down []observed
	for _, o := range all {
		if len(o.publishes) > 0 && (o.Unpublished != "" || !isAlive(o.Container) && !o.Up()) {
			down = append(down, o)
		}
	}
	if len(down) == 0 {
		return "", nil
	}
	running, err := c.engine.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return "", engineError(ctx, "list who publishes ports", err)
	}
	var words []string
	for _, o := range down {
		for _, p := range o.publishes {
			by, err := c.holder(running, o.ID, p)
			if err != nil {
				return "", err
			}
			if by != "" {
				words = append(words, fmt.Sprintf("%s is in use by %s", p, by))
			}
		}
	}
	slices.Sort(words) // two services, or two addresses, may want one port
	return strings.Join(slices.Compact(words), "; "), nil
}

// Publishers returns the container that publishes each of the ports on this host's
// 127.0.0.1, as the engine has it now and not as a file asked for it. What an engine
// of another host publishes says nothing about this one: then nobody knows who holds
// them.
func (c *Client) Publishers(ctx context.Context, ports []int) (map[int]deploy.Holder, error) {
	held := map[int]deploy.Holder{}
	if !c.here() {
		for _, port := range ports {
			held[port] = deploy.Holder{Unknown: true, Words: "nobody knows whom: docker.host is another host"}
		}
		return held, nil
	}
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	list, err := c.engine.ContainerList(ctx, container.ListOptions{}) // those that run
	if err != nil {
		return nil, engineError(ctx, "list who publishes ports", err)
	}
	for _, s := range list {
		for _, p := range s.Ports {
			port := int(p.PublicPort)
			if p.Type != "tcp" || !project.ReachableOnLoopback(p.IP) || !slices.Contains(ports, port) {
				continue
			}
			held[port] = deploy.Holder{Container: s.ID, Words: wordsFor(s), App: s.Labels[project.LabelApp]}
		}
	}
	return held, nil
}

func wordsFor(s container.Summary) string {
	words := "a container"
	if len(s.Names) > 0 {
		words = "the container " + strings.TrimPrefix(s.Names[0], "/")
	}
	if projectName := s.Labels[api.ProjectLabel]; projectName != "" {
		words += " of the project " + plaintext.WithoutEscapes([]byte(projectName))
	}
	return words
}

// here tells whether what the engine publishes is published on this host: it is asked
// through a socket, or at an address of this host.
func (c *Client) here() bool {
	if c.local() {
		return true
	}
	u, err := url.Parse(c.host)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return ip.IsLoopback()
	}
	return ip.IsLoopback() || slices.ContainsFunc(own, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap() == ip.Unmap()
	})
}
