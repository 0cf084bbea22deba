package compose

import (
	"context"
	"errors"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"

	"tandem/reconciler/deploy"
)

// remove stops and removes the containers of a project, and no volume: an
// anonymous one may hold what somebody still wants.
func (c *Client) remove(ctx context.Context, app deploy.App, projectName string, old []observed) error {
	if len(old) == 0 {
		return nil
	}
	if err := c.stop(ctx, app, projectName); err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(removedAtOnce)
	for _, o := range old {
		group.Go(func() error {
			err := c.engine.ContainerRemove(inner, o.ID, container.RemoveOptions{Force: true})
			if err != nil && !cerrdefs.IsNotFound(err) {
				return engineError(inner, "remove container "+o.Name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err := c.removeHooks(ctx, projectName) // of a start that was cut short
	return err
}

// removedAtOnce is how many containers the engine takes away at the same time: each
// waits for its file system to be unmounted.
const removedAtOnce = 4

// Stop stops the stack's containers, those that need others first, each with
// its own grace period, and keeps them. It reads labels only. Stopping a stopped
// or absent stack is no error.
func (c *Client) Stop(ctx context.Context, app deploy.App, color deploy.Color) error {
	if !color.Valid() {
		return fmt.Errorf("stop %s: want a color, got %q", app.Name, color)
	}
	if err := c.stop(ctx, app, app.Project(color)); err != nil {
		return err
	}
	// What stands stopped must stay so, whatever restart policy it has.
	return c.disableRestart(ctx, app, color)
}

// stop stops the services, or without any the whole project.
func (c *Client) stop(ctx context.Context, app deploy.App, projectName string, services ...string) error {
	s, err := c.service(ctx, app, projectName)
	if err != nil {
		return err
	}
	err = s.Stop(ctx, projectName, api.StopOptions{Services: services})
	if errors.Is(err, api.ErrNotFound) {
		return nil
	}
	if err != nil {
		return engineError(ctx, "stop "+projectName, err)
	}
	return ctx.Err()
}

// RemoveStack stops and removes the containers of one color's stack and its networks, and
// no volume. It returns how many containers there were. It reads labels only; a stack
// that is not there is no error.
func (c *Client) RemoveStack(ctx context.Context, app deploy.App, color deploy.Color) (containers int, err error) {
	if !color.Valid() {
		return 0, fmt.Errorf("remove the stack of %s: want a color, got %q", app.Name, color)
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
