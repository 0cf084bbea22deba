package compose

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/go-units"

	"tandem/reconciler/deploy"
)

// checkDiskSpace makes sure that the disks which Docker keeps images on have Options.MinFree
// bytes to spare before another one is downloaded: a full disk stops not only
// the deploy, but whatever is live and wants to write. It can only look at an
// engine on this host.
func (c *Client) checkDiskSpace(ctx context.Context, doing string) error {
	if c.minFree <= 0 || !c.local() {
		return nil
	}
	info, err := c.engine.Info(ctx)
	if err != nil {
		return engineError(ctx, "ask Docker where it keeps its images", err)
	}
	for _, dir := range imageDirs(info, containerdConfig) {
		var disk syscall.Statfs_t
		if err := syscall.Statfs(dir, &disk); err != nil {
			c.log.Debug("the disk of Docker cannot be looked at", "dir", dir, "err", err)
			continue // it is not on this host
		}
		if free := int64(disk.Bavail) * int64(disk.Bsize); free < c.minFree {
			return &deploy.TemporaryError{Reason: deploy.DiskFull, Err: fmt.Errorf(
				"%s: %s are free in %s, and docker.min_free wants %s: remove what nobody needs (docker image prune), or lower docker.min_free",
				doing, units.BytesSize(float64(free)), dir, units.BytesSize(float64(c.minFree)))}
		}
	}
	return nil
}

const (
	containerdConfig = "/etc/containerd/config.toml"
	containerdRoot   = "/var/lib/containerd" // where its configuration says nothing
)

// rootLine is where containerd's configuration says where it keeps everything.
var rootLine = regexp.MustCompile(`(?m)^root\s*=\s*["']([^"'\n]+)["']`)

// imageDirs are the directories that a pull writes to: Docker's own, and containerd's
// where that keeps the images, as Docker 29 has it by default. A containerd that dockerd
// started by itself is below Docker's.
func imageDirs(info system.Info, config string) []string {
	dirs := []string{info.DockerRootDir}
	if !slices.Contains(info.DriverStatus, [2]string{"driver-type", "io.containerd.snapshotter.v1"}) {
		return dirs
	}
	if c := info.Containerd; c != nil && filepath.Base(filepath.Dir(filepath.Dir(c.Address))) == "docker" {
		return append(dirs, filepath.Join(info.DockerRootDir, "containerd/daemon"))
	}
	root := ""
	if text, err := os.ReadFile(config); err == nil {
		if m := rootLine.FindSubmatch(text); m != nil {
			root = string(m[1])
		}
	}
	return append(dirs, cmp.Or(root, containerdRoot))
}
