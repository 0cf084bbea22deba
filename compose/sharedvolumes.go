package compose

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	moby "github.com/moby/moby/client"

	"tandem/compose/project"
	"tandem/internal/lib/plaintext"
	"tandem/reconciler/deploy"
)

// makeVolumes makes the volumes of the shared stack that are not there. Compose makes those
// that its services mount; what both colors write to belongs to the shared stack as well,
// and often none of its services mounts it.
func (c *Client) makeVolumes(ctx context.Context, app deploy.App, p *types.Project) error {
	engine := c.guarded(app, p.Name)
	for _, key := range slices.Sorted(maps.Keys(p.Volumes)) {
		v := p.Volumes[key]
		if bool(v.External) {
			continue
		}
		_, exists, err := c.labelsOf(ctx, project.Resource{Kind: "volume", Name: v.Name})
		if err != nil {
			return err
		}
		if exists {
			continue // whose it is, the guard asks of each container that mounts it
		}
		labels := maps.Clone(v.Labels)
		if labels == nil {
			labels = types.Labels{}
		}
		labels.Add(api.ProjectLabel, p.Name).Add(api.VolumeLabel, key).Add(api.VersionLabel, api.ComposeVersion)
		_, err = engine.VolumeCreate(ctx, moby.VolumeCreateOptions{Name: v.Name, Driver: v.Driver, DriverOpts: v.DriverOpts, Labels: labels})
		if err != nil {
			return engineError(ctx, fmt.Sprintf("make the volume %s", plaintext.WithoutEscapes([]byte(v.Name))), err)
		}
		c.log.Info("volume made", "app", app.Name, "volume", v.Name)
	}
	return nil
}
