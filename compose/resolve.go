package compose

import (
	"context"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// Resolve reads the Compose files under app.Root and returns the release. A
// file that cannot be run blue/green, or that asks for more of this host than
// its policy allows, is deploy.Faults: all of them at once. So is one that would
// begin with an empty volume where this host has the one with the data (see
// formerVolumes), or that asks for more processors than it has. Docker is asked only for
// what the file alone does not tell.
func (c *Client) Resolve(ctx context.Context, app deploy.App) (deploy.Release, error) {
	r, err := c.resolve(ctx, app)
	if err != nil {
		return deploy.Release{}, err
	}
	faults, err := c.processorFaults(ctx, r)
	if err != nil {
		return deploy.Release{}, err
	}
	if err := project.WithFaults(faults, c.formerVolumes(ctx, app, r)); err != nil {
		return deploy.Release{}, err
	}
	return r.Release, nil
}

// resolve is Loader.Load, for what else is done with the files.
func (c *Client) resolve(ctx context.Context, app deploy.App) (*project.Resolution, error) {
	return c.files.Load(ctx, app)
}

// rules are this host's.
func (c *Client) rules() project.HostRules { return c.files.HostRules() }

// resolveRelease resolves the app for being run, with the values of its secrets,
// and makes sure that its files are those of app.Release.
func (c *Client) resolveRelease(ctx context.Context, app deploy.App) (*project.Resolution, error) {
	r, err := c.resolve(ctx, app)
	if faults, refused := deploy.AsFaults(err); refused {
		err = &deploy.FilesChangedError{Release: app.Release, Root: app.Root, Err: faults} // a release has none
	}
	if err == nil && r.Release != app.Release {
		err = &deploy.FilesChangedError{Release: app.Release, Root: app.Root}
	}
	if err != nil {
		return nil, err
	}
	r.SubstituteSecrets()
	return r, nil
}
