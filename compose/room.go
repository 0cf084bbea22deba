package compose

import (
	"context"
	"fmt"
	"syscall"

	"github.com/docker/go-units"

	"tandem/reconciler"
)

// room makes sure that the disk which Docker keeps images on has Options.MinFree
// bytes to spare before another one is downloaded: a full disk stops not only
// the deploy, but whatever is live and wants to write. It can only look at an
// engine on this host.
func (c *Client) room(ctx context.Context, image string) error {
	if c.minFree <= 0 || !c.local() {
		return nil
	}
	info, err := c.engine.Info(ctx)
	if err != nil {
		return engineError(ctx, "ask Docker where it keeps its images", err)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(info.DockerRootDir, &disk); err != nil {
		c.log.Debug("the disk of Docker cannot be looked at", "dir", info.DockerRootDir, "err", err)
		return nil // it is not on this host
	}
	free := int64(disk.Bavail) * int64(disk.Bsize)
	if free >= c.minFree {
		return nil
	}
	return &reconciler.TemporaryError{Reason: reconciler.DiskFull, Err: fmt.Errorf(
		"pull %s: %s are free in %s, and docker.min_free wants %s: remove what nobody needs (docker image prune), or lower docker.min_free",
		image, units.BytesSize(float64(free)), info.DockerRootDir, units.BytesSize(float64(c.minFree)))}
}
