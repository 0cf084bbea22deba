package compose

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"

	"tandem/reconciler/deploy"
)

// LookForImages asks whether the images of app.Release, of both colors, of its
// migrations and of the shared stack, can be had: on this host, or in their registries,
// which are asked for a manifest and nothing else. One that does not exist is a
// *deploy.RejectError with Reason ImageNotFound.
func (c *Client) LookForImages(ctx context.Context, app deploy.App) error {
	files, err := c.resolveRelease(ctx, app)
	if err != nil {
		return fmt.Errorf("look for the images of %s: %w", app.Name, err)
	}
	var projects []*types.Project
	for _, color := range deploy.Colors() {
		projects = append(projects, files.Colored[color])
		for _, byColor := range files.Migrations {
			projects = append(projects, byColor[color])
		}
	}
	if files.Shared != nil {
		projects = append(projects, files.Shared)
	}
	asked := map[string]bool{}
	for _, b := range files.Builds {
		asked[b.Image] = true // it is made here
	}
	for _, p := range projects {
		for _, name := range slices.Sorted(maps.Keys(p.Services)) {
			if s := p.Services[name]; !asked[s.Image] {
				asked[s.Image] = true
				if err := c.lookForImage(ctx, s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *Client) lookForImage(ctx context.Context, s types.ServiceConfig) error {
	local, err := c.engine.ImageInspect(ctx, s.Image)
	here := err == nil
	if err != nil && !cerrdefs.IsNotFound(err) {
		return engineError(ctx, "look for image "+s.Image, err)
	}
	from, err := needOf(s, here, local.Metadata.LastTagTime, honourPolicy)
	switch {
	case err != nil:
		return err
	case from == useLocal && !here:
		return neverPulled(s.Image)
	case from != mustPull:
		return nil
	}
	auth, err := c.credentials(s.Image)
	if err != nil {
		return &deploy.TemporaryError{Reason: deploy.PullFailed, Err: err}
	}
	if _, err := c.engine.DistributionInspect(ctx, s.Image, auth); err != nil {
		return pullError(ctx, s.Image, err)
	}
	return nil
}

// neverPulled is for an image that only this host could have, and has not.
func neverPulled(image string) error {
	return notFound("image %s is not on this host, and pull_policy is never", image)
}
