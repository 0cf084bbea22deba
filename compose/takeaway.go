package compose

import (
	"context"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"

	"tandem/reconciler/deploy"
)

// TakeAway stops and removes the containers of one color's stack and its networks, and
// no volume. It returns how many containers there were. It reads labels only; a stack
// that is not there is no error.
func (c *Client) TakeAway(ctx context.Context, app deploy.App, color deploy.Color) (containers int, err error) {
	if !color.Valid() {
		return 0, fmt.Errorf("take away %s: want a color, got %q", app.Name, color)
	}
	projectName := app.Project(color)
	all, err := c.containers(ctx, projectName)
	if err != nil {
		return 0, err
	}
	if err := c.remove(ctx, app, projectName, all); err != nil {
		return 0, err
	}
	networks, err := c.networksOf(ctx, projectName)
	if err != nil {
		return 0, err
	}
	for _, n := range networks {
		if err := c.engine.NetworkRemove(ctx, n.ID); err != nil && !cerrdefs.IsNotFound(err) {
			return 0, engineError(ctx, "remove network "+n.Name, err)
		}
	}
	return len(all), nil
}
