package compose

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"tandem/compose/project"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// Up makes the stack of one color run app.Release, which Resolve returned:
// shared stack, pull, create, start. It waits for no health, except where the
// Compose file says that one service waits for another, and, where how says so, for the
// shared stack's. Where the stack has that release already, only what is dead or missing
// is touched, and what may lack a post_start hook. Once it was gated, a one-shot that is
// gone is not run again. A release that cannot run here is a *deploy.RejectError. How
// may be nil.
//
// Singletons are not started: see StartSingletons. Those of another release are removed
// with the rest of its stack.
//
// Nothing is stopped before every image is there. A call that is cut short
// leaves a stack that the next call completes.
func (c *Client) Up(ctx context.Context, app deploy.App, color deploy.Color, how *deploy.Start) error {
	if app.Release.IsZero() || !color.Valid() {
		return fmt.Errorf("bring up %s: want a resolved release and a color, got %q and %q", app.Name, app.Release, color)
	}
	if how == nil {
		how = &deploy.Start{}
	}
	present, err := c.containers(ctx, app.Project(color))
	if err != nil {
		return err
	}
	same := sum(color, present).Release == app.Release
	files, err := c.resolveRelease(ctx, app)
	if err != nil {
		if same {
			return c.healWithoutFiles(ctx, app, color, present, how.Was, err)
		}
		return fmt.Errorf("bring up %s: %w", app.Project(color), err)
	}
	whole := files.Colored[color]
	var made []*types.Project // anew
	if !same {
		made = append(made, whole)
	}
	if err := c.rejectOccupied(ctx, app, files, made...); err != nil {
		return err
	}
	if files.Shared != nil {
		if err := c.upShared(ctx, app, files, how.Await); err != nil {
			return err
		}
	}
	if same {
		if err := c.stopUnhooked(ctx, whole, present, how.Was.Containers); err != nil {
			return err
		}
		if whole, err = withNamesAs(present, whole); err != nil {
			return err
		}
		return c.heal(ctx, app, color, files, whole, present, how.Was)
	}
	if whole, err = withColorNames(whole); err != nil {
		return err
	}
	return c.replace(ctx, app, color, files, whole, present, how.Await)
}

// plainOf leaves the singletons out, which must be touched by nothing that
// brings a stack up.
func plainOf(all []observed) []observed {
	return slices.DeleteFunc(slices.Clone(all), func(o observed) bool { return o.Singleton })
}

// replace takes the old containers of the color away and creates new ones.
func (c *Client) replace(ctx context.Context, app deploy.App, color deploy.Color, files *project.Resolution, whole *types.Project, old []observed, await func(words string)) error {
	start := time.Now()
	p := project.WithoutSingletons(whole, app)
	// The singletons' images too: after the flip it is late to learn that one is missing.
	digests, err := c.acquire(ctx, app, files, whole, honourPolicy, await)
	if err != nil {
		return err
	}
	if err := c.mayUse(ctx, app, p); err != nil {
		return err
	}
	pulled := time.Now()
	if err := c.remove(ctx, app, p.Name, old); err != nil {
		return err
	}
	removed := time.Now()
	labelStack(p, app, color, project.NewServiceList(whole, app.Singletons...), digests)
	if err := c.create(ctx, app, p, createMissing()); err != nil {
		return err
	}
	created := time.Now()
	if err := c.start(ctx, app, p); err != nil {
		return err
	}
	if err := c.allPublish(ctx, app, p, nil); err != nil {
		return err
	}
	c.log.Info("stack started", "app", app.Name, "color", color, "tag", app.Tag, "commit", app.Commit.Hash, "took", time.Since(start),
		"removing", removed.Sub(pulled), "creating", created.Sub(removed), "starting", time.Since(created))
	return nil
}

// createMissing lets Compose create what is missing and touch nothing else: to it
// an ended migration is an orphan, and whether that went well is to be read in it
// yet.
func createMissing() api.CreateOptions {
	return api.CreateOptions{Recreate: api.RecreateNever, RecreateDependencies: api.RecreateNever, IgnoreOrphans: true}
}

func labelStack(p *types.Project, app deploy.App, color deploy.Color, whole project.ServiceList, digests map[string]string) {
	label(p, app, string(color), whole, func(service string) map[string]string {
		return map[string]string{
			project.LabelRelease: app.Release.Text(),
			project.LabelImage:   digests[p.Services[service].Image],
			project.LabelPorts:   portsLabel(app),
		}
	})
}

// create lets Compose create what the project needs and has not.
func (c *Client) create(ctx context.Context, app deploy.App, p *types.Project, o api.CreateOptions) error {
	s, err := c.service(ctx, app, p.Name)
	if err != nil {
		return err
	}
	// Images were pulled before, with errors that say what is wrong.
	for name, svc := range p.Services {
		svc.PullPolicy = types.PullPolicyNever
		svc.Volumes = withoutHostPaths(svc.Volumes, app.Root)
		p.Services[name] = svc
	}
	if err := s.Create(ctx, p, o); err != nil {
		return c.rejection(ctx, p, "create", err)
	}
	return ctx.Err()
}

// withoutHostPaths lets the engine make no directory where a file from git is missing,
// and nothing that is mounted below one be written to. This is no part of the release:
// what runs need not be deployed again for it.
func withoutHostPaths(volumes []types.ServiceVolumeConfig, root string) []types.ServiceVolumeConfig {
	volumes = slices.Clone(volumes)
	for i, v := range volumes {
		if v.Type != types.VolumeTypeBind || !rootfile.Below(filepath.Clean(root), filepath.Clean(v.Source)) {
			continue
		}
		bind := types.ServiceVolumeBind{}
		if v.Bind != nil {
			bind.SELinux = v.Bind.SELinux
		}
		// Only the older way to ask for a mount has the label, and it makes directories;
		// there is none to make, because the source was found in git.
		bind.CreateHostPath = types.OptOut(bind.SELinux != "")
		volumes[i].Bind = &bind
	}
	return volumes
}

// start starts the project's containers in the order of their dependencies.
func (c *Client) start(ctx context.Context, app deploy.App, p *types.Project) error {
	s, err := c.service(ctx, app, p.Name)
	if err != nil {
		return err
	}
	if err := s.Start(ctx, p.Name, api.StartOptions{Project: p}); err != nil {
		return c.rejection(ctx, p, "start", err)
	}
	// Compose takes a cancelled wait for a finished one.
	return ctx.Err()
}
