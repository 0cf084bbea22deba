package compose

import (
	"context"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler"
)

// resolution is an app's Compose files, resolved and found fit.
type resolution struct {
	colored map[reconciler.Color]*types.Project
	shared  *types.Project // nil: the app has none
	release reconciler.Release
}

// Resolve reads the Compose files under app.Root and returns the release. A
// file that cannot be run blue/green, or that asks for more of this host than
// its policy allows, is reconciler.Faults: all of them at once. It needs no
// Docker.
func (c *Client) Resolve(ctx context.Context, app reconciler.App) (reconciler.Release, error) {
	r, err := c.resolve(ctx, app)
	if err != nil {
		return reconciler.Release{}, err
	}
	return r.release, nil
}

func (c *Client) resolve(ctx context.Context, app reconciler.App) (*resolution, error) {
	stack, err := openStack(app)
	if err != nil {
		return nil, err
	}
	r := &resolution{}
	if r.colored, err = stack.colored(ctx); err != nil {
		return nil, err
	}
	faults := stack.check(r.colored, c.policy, c.host)
	shared, err := openShared(app)
	if err != nil {
		return nil, withFaults(faults, err)
	}
	if shared != nil {
		if r.shared, err = shared.resolve(ctx, app.SharedProject(), sharedVariables(app)); err != nil {
			return nil, withFaults(faults, err)
		}
		faults = append(faults, shared.checkShared(r.shared, c.policy, c.host)...)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	for _, p := range r.projects() {
		settle(p)
	}
	hash, err := releaseHash(ctx, app, r.colored)
	if err != nil {
		return nil, err
	}
	r.release = reconciler.Release{Tag: app.Tag, Hash: hash}
	return r, nil
}

// openShared returns nil when the app has no shared stack.
func openShared(app reconciler.App) (*file, error) {
	if app.Shared == "" {
		return nil, nil
	}
	return openFile(app, "shared", app.Shared)
}

// withFaults adds the faults in err to those already found, so that a person is
// told of all of them; any other error comes first.
func withFaults(found reconciler.Faults, err error) error {
	if more, ok := reconciler.AsFaults(err); ok {
		return append(found, more...)
	}
	return err
}

func (r *resolution) projects() []*types.Project {
	all := []*types.Project{r.colored[reconciler.Blue], r.colored[reconciler.Green]}
	if r.shared != nil {
		all = append(all, r.shared)
	}
	return all
}

// settle makes the project what is run: ports that name no address are only
// reachable from this host, and environment files are already read.
func settle(p *types.Project) {
	for name, s := range p.Services {
		s.EnvFiles = nil
		for i := range s.Ports {
			if s.Ports[i].HostIP == "" {
				s.Ports[i].HostIP = loopback
			}
		}
		p.Services[name] = s
	}
}

// loopback is where a port is published when the file names no address.
const loopback = "127.0.0.1"
