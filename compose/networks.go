package compose

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"tandem/compose/project"
	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// Docker has addresses for some thirty networks, if nobody gives it more. Where there are
// none left, stacks that are stopped give theirs back. Their containers name networks that
// are gone then, and are made anew when they are started again: see restartOrReplace.

// networksOf lists the networks that Compose made for the project.
func (c *Client) networksOf(ctx context.Context, projectName string) ([]network.Summary, error) {
	list, err := c.engine.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("label", api.ProjectLabel+"="+projectName))})
	return list, engineError(ctx, "list the networks of "+projectName, err)
}

// PruneNetworks implements reconciler.Pruner.
func (c *Client) PruneNetworks(ctx context.Context) (gone int, err error) {
	if err := c.ready(ctx); err != nil {
		return 0, err
	}
	list, err := c.engine.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("label", api.ProjectLabel))})
	if err != nil {
		return 0, engineError(ctx, "list the networks", err)
	}
	return c.giveBack(ctx, list)
}

// giveBack removes those of the networks that only one color's stack is in, whose containers
// have all ended. Docker removes none that a running container is in. One that stays is no
// harm.
func (c *Client) giveBack(ctx context.Context, list []network.Summary) (gone int, err error) {
	for _, n := range list {
		in, err := c.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
			filters.Arg("network", n.ID), filters.Arg("network", n.Name), // by its name, where one was never started
		)})
		if err != nil {
			return gone, engineError(ctx, "list who is in the network "+n.Name, err)
		}
		projectName := n.Labels[api.ProjectLabel]
		needed := func(s container.Summary) bool {
			colored := s.Labels[project.LabelApp] != "" && s.Labels[project.LabelColor] != project.ColorShared && s.Labels[api.ProjectLabel] == projectName
			return !colored || s.State != "exited" && s.State != "dead"
		}
		if len(in) == 0 || slices.ContainsFunc(in, needed) {
			continue
		}
		err = c.engine.NetworkRemove(ctx, n.ID)
		switch {
		case ctx.Err() != nil:
			return gone, ctx.Err()
		case err == nil:
			gone++
			c.log.Info("the network of a stopped stack was given back", "network", n.Name)
		case !cerrdefs.IsNotFound(err):
			c.log.Warn("the network of a stopped stack stays", "network", n.Name, "err", err)
		}
	}
	return gone, nil
}

// withoutNetworks marks those as unstartable that do not run and were in a network of
// their own project which is gone: it need not be tried.
func (c *Client) withoutNetworks(ctx context.Context, projectName string, all []observed) ([]observed, error) {
	down := func(o observed) bool { return !isAlive(o.Container) && !o.Up() && len(o.networks) > 0 }
	if !slices.ContainsFunc(all, down) {
		return all, nil
	}
	list, err := c.networksOf(ctx, projectName)
	if err != nil {
		return nil, err
	}
	all = slices.Clone(all)
	for i, o := range all {
		for name, id := range o.networks {
			there := func(n network.Summary) bool { return n.ID == id || id == "" && n.Name == name }
			if down(o) && strings.HasPrefix(name, projectName+"_") && !slices.ContainsFunc(list, there) {
				all[i].unstartable = true
			}
		}
	}
	return all, nil
}

// noAddresses says that Docker has no addresses for another network, and whose networks
// are the most. words is what could not be done.
func (c *Client) noAddresses(ctx context.Context, words string, cause error) error {
	text := words + ": Docker has no addresses left for another network"
	if list, err := c.engine.NetworkList(ctx, network.ListOptions{}); err == nil {
		text += fmt.Sprintf(" (it has %d)%s", len(list), mostNetworks(list))
	}
	return &deploy.TemporaryError{Reason: deploy.NoAddresses, Err: fmt.Errorf(
		"%s: remove those that nobody uses (docker network prune), or give Docker more addresses (default-address-pools in /etc/docker/daemon.json; Docker has to be restarted): %w", text, cause)}
}

// mostNetworks names the projects that have the most networks, up to three.
func mostNetworks(list []network.Summary) string {
	counts := map[string]int{}
	for _, n := range list {
		if n.Driver == "bridge" && n.Name != "bridge" {
			counts[cmp.Or(n.Labels[api.ProjectLabel], "no project")]++
		}
	}
	projects := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(projects, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	var words []string
	for _, p := range projects[:min(3, len(projects))] {
		words = append(words, fmt.Sprintf("%d of %s", counts[p], plaintext.WithoutEscapes([]byte(p))))
	}
	if len(words) == 0 {
		return ""
	}
	return ", " + strings.Join(words, ", ")
}
