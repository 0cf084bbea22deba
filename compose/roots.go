package compose

import (
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"tandem/compose/project"
)

// Roots returns the directories that containers of any app came from, running
// or not. They may have files mounted from there, so none of these directories
// may be removed.
func (c *Client) Roots(ctx context.Context) (map[string]bool, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	list, err := c.engine.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", project.LabelRoot)),
	})
	if err != nil {
		return nil, engineError(ctx, "list the containers of tandem", err)
	}
	roots := map[string]bool{}
	for _, s := range list {
		roots[s.Labels[project.LabelRoot]] = true
	}
	return roots, nil
}
