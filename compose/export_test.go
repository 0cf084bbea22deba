package compose

import (
	"context"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/system"
	moby "github.com/moby/moby/client"

	"tandem/reconciler/deploy"
)

// SDKEngine is the engine without anybody who looks.
func (c *Client) SDKEngine() *moby.Client { return c.sdkEngine }

// SetBuildTime says how long the build of one image may take.
func (c *Client) SetBuildTime(d time.Duration) { c.buildTime = d }

// PruneBuildCache removes what builds of the app left behind and is older.
func (c *Client) PruneBuildCache(ctx context.Context, app deploy.App, age time.Duration) {
	c.pruneBuildCache(ctx, app, age)
}

// SetHookTime says how long the pre_stop hooks of one container may take.
func (c *Client) SetHookTime(d time.Duration) { c.hookTime = d }

// Unpublished names the ports that a running container lacks.
func Unpublished(info container.InspectResponse) string { return unpublished(info) }

// Rejection sorts what starting a project failed with.
func (c *Client) Rejection(ctx context.Context, projectName string, err error) error {
	return c.rejection(ctx, &types.Project{Name: projectName}, "start", err)
}

// NextName is what would be removed of an image next.
func NextName(local image.InspectResponse, i deploy.Image) (string, bool) {
	return nextName(local, i)
}

// GiveBackNetworksOf is GiveBackNetworks for one project: other tests have stopped stacks, too.
func (c *Client) GiveBackNetworksOf(ctx context.Context, projectName string) (int, error) {
	list, err := c.networksOf(ctx, projectName)
	if err != nil {
		return 0, err
	}
	return c.giveBack(ctx, list)
}

// ImageDirs are those that a pull writes to.
func ImageDirs(info system.Info, config string) []string { return imageDirs(info, config) }
