package compose

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"tandem/compose/project"
	"tandem/internal/lib/rootfile"
)

// A container names its networks, mounts and ports as they were when it was made. What
// has been removed since ("docker network prune" takes the networks of each stopped
// stack) is never found again, whoever makes it anew: such a container can only be made
// anew itself. The engine's words for that differ, but it notes in the container that
// its last start failed. A mount whose source is gone it only tells. One that runs without
// a port that it should publish is such a container, too, once it could have the port.

// filesGone tells whether the container mounts what is no more in the directory that its
// files came from.
func filesGone(info container.InspectResponse) bool {
	return slices.ContainsFunc(info.Mounts, func(m container.MountPoint) bool {
		if m.Type != mount.TypeBind || !rootfile.Below(info.Config.Labels[project.LabelRoot], m.Source) {
			return false
		}
		_, err := os.Lstat(m.Source)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// restartOrReplace calls f, which brings up what is dead or missing of a project, with the containers
// that are there. f makes unstartable ones anew. Where it turns out that one of them is
// such a container, f is called once more.
func (c *Client) restartOrReplace(ctx context.Context, projectName string, before []observed, f func(present []observed) error) error {
	before, err := c.withoutNetworks(ctx, projectName, before)
	if err == nil {
		before, err = c.unpublishedNow(ctx, before)
	}
	if err != nil {
		return err
	}
	if err = f(before); err == nil || ctx.Err() != nil {
		return err
	}
	present, inspectErr := c.containers(ctx, projectName)
	if inspectErr == nil {
		present, inspectErr = c.unpublishedNow(ctx, present)
	}
	if inspectErr != nil {
		return err
	}
	for _, o := range present {
		if o.unstartable && slices.ContainsFunc(before, func(b observed) bool { return b.ID == o.ID && !b.unstartable }) {
			c.log.Warn("containers are made anew, because they cannot be started as they are", "project", projectName, "err", err)
			return f(present)
		}
	}
	return err
}

// removeUnstartable removes the containers that cannot be started as they are, and
// returns the others, and the services of those that are gone.
func (c *Client) removeUnstartable(ctx context.Context, all []observed) (rest []observed, services []string, err error) {
	for _, o := range all {
		if !o.unstartable {
			rest = append(rest, o)
			continue
		}
		// Not by force: one that runs by now stays.
		if o.Unpublished != "" {
			if err := c.engine.ContainerStop(ctx, o.ID, container.StopOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
				return nil, nil, engineError(ctx, "stop container "+o.Name, err)
			}
		}
		err := c.engine.ContainerRemove(ctx, o.ID, container.RemoveOptions{})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return nil, nil, engineError(ctx, "remove container "+o.Name, err)
		}
		services = append(services, o.Service)
	}
	return rest, slices.Compact(services), nil // containers are sorted by service
}

// unstartable names the services that have no other containers.
func unstartable(all []observed) []string {
	var names []string
	for _, o := range all {
		if !o.unstartable || slices.ContainsFunc(all, func(other observed) bool { return other.Service == o.Service && !other.unstartable }) {
			continue
		}
		names = append(names, o.Service)
	}
	return slices.Compact(names) // containers are sorted by service
}
