package compose

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"

	"tandem/compose/project"
	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

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
