package compose

import (
	"context"
	"errors"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// SharedDue implements reconciler.SharedServices.
func (c *Client) SharedDue(ctx context.Context, app deploy.App) (bool, error) {
	files, err := c.resolveRelease(ctx, app)
	if err != nil || files.Shared == nil {
		return false, err
	}
	present, err := c.containers(ctx, files.Shared.Name)
	if err != nil {
		return false, err
	}
	changed, missing := sharedChanges(app, files.Shared, present, files.SharedHashes)
	return len(changed)+len(missing) > 0, nil
}

// UpShared implements reconciler.SharedServices.
func (c *Client) UpShared(ctx context.Context, app deploy.App, await func(words string)) error {
	files, err := c.resolveRelease(ctx, app)
	if err != nil || files.Shared == nil {
		return err
	}
	if err = c.rejectOccupied(ctx, app, files); err == nil {
		err = c.upShared(ctx, app, files, await)
	}
	var bad *deploy.RejectError
	if errors.As(err, &bad) {
		return sharedError(bad.Detail, bad.Logs)
	}
	return err
}

// upShared makes the shared stack what its file says. A service whose
// declaration and files did not change is not touched, whatever directory the
// file is in now; nothing is ever removed but the container of a service that
// changed. Volumes stay. Where there is an await, all of it is waited for.
func (c *Client) upShared(ctx context.Context, app deploy.App, files *project.Resolution, await func(words string)) error {
	p, hashes := files.Shared, files.SharedHashes
	if err := c.makeVolumes(ctx, app, p); err != nil {
		return err
	}
	present, err := c.containers(ctx, p.Name)
	if err != nil {
		return err
	}
	if app.Adopt != "" {
		// The old project may have more than what is shared: that serves people until the
		// first flip, and is its owner's.
		present = slices.DeleteFunc(present, func(o observed) bool { return o.labels[project.LabelApp] == "" && p.Services[o.Service].Name == "" })
	}
	for _, o := range present {
		// The files of one directory are one commit's: only somebody on this host can have
		// changed them, and the database must not be made anew for that.
		if made := o.labels[project.LabelConfig]; made != "" && made != hashes[o.Service] && o.labels[project.LabelRoot] == app.Root && p.Services[o.Service].Name != "" {
			return &deploy.FilesChangedError{Release: app.Release, Root: app.Root}
		}
	}
	return c.restartOrReplace(ctx, p.Name, present, func(present []observed) error {
		changed, missing := sharedChanges(app, p, present, hashes)
		if len(changed)+len(missing) > 0 {
			if err := c.createShared(ctx, app, files, changed, missing, await); err != nil {
				return err
			}
			if present, err = c.containers(ctx, p.Name); err != nil {
				return err
			}
		}
		present = unlessStopped(present)
		if await != nil {
			return c.startShared(ctx, app, p, present, await)
		}
		return c.startDead(ctx, app, p, present)
	})
}

// sharedChanges compares what the containers were made from with what the file
// says now. A container that somebody else started counts as unchanged: it may be the
// database. One that was adopted does if it has what the file asks for. One that cannot be started as it is counts as changed, so that
// Compose hands its volumes on to the one that takes its place.
func sharedChanges(app deploy.App, p *types.Project, present []observed, hashes map[string]string) (changed, missing []string) {
	counts := map[string]int{}
	for _, o := range present {
		counts[o.Service]++
	}
	dead := unstartable(present)
	for _, m := range project.NewServiceList(p) {
		if counts[m.Name] < m.Count {
			missing = append(missing, m.Name)
		}
		for _, o := range present {
			made := o.labels[project.LabelConfig]
			adopted := app.Adopt != "" && made == "" && adoptedDiffers(p, o) != ""
			if o.Service == m.Name && (adopted || made != "" && (made != hashes[m.Name] || slices.Contains(dead, m.Name))) {
				changed = append(changed, m.Name)
				break
			}
		}
	}
	return changed, missing
}

func (c *Client) createShared(ctx context.Context, app deploy.App, files *project.Resolution, changed, missing []string, await func(words string)) error {
	p, hashes := files.Shared, files.SharedHashes
	if err := c.mayUse(ctx, app, p); err != nil {
		return err
	}
	digests, err := c.acquire(ctx, app, files, only(p, append(changed, missing...)), honourPolicy, await)
	if err != nil {
		return err
	}
	label(p, app, project.ColorShared, project.NewServiceList(p), func(service string) map[string]string {
		return map[string]string{project.LabelConfig: hashes[service], project.LabelImage: digests[p.Services[service].Image]}
	})
	if err := c.keepNetworks(ctx, p); err != nil {
		return err
	}
	// Compose takes "no service named" for "every service".
	o := api.CreateOptions{Recreate: api.RecreateNever, RecreateDependencies: api.RecreateNever, Inherit: true, IgnoreOrphans: true}
	if len(changed) > 0 {
		o.Services, o.Recreate = changed, api.RecreateForce
	}
	if err := c.create(ctx, app, p, o); err != nil {
		return err
	}
	c.log.Info("shared stack changed", "app", app.Name, "commit", app.Commit.Hash, "changed", changed, "created", missing)
	return nil
}
