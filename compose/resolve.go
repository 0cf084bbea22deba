package compose

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"tandem/compose/policy"
	"tandem/compose/project"
	"tandem/compose/project/composefile"
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

// LearnSecrets opens what is secret of the app, so that the Vault knows its values.
func (c *Client) LearnSecrets(ctx context.Context, app deploy.App) error {
	_, err := c.files.OpenSecrets(ctx, app)
	return err
}

// resolve is Loader.Load, for what else is done with the files.
func (c *Client) resolve(ctx context.Context, app deploy.App) (*project.Resolution, error) {
	return c.files.Load(ctx, app)
}

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

// processorFaults finds the services that would have more processors than this host: the
// engine makes no such container, and says so only when the old ones are gone.
func (c *Client) processorFaults(ctx context.Context, r *project.Resolution) (deploy.Faults, error) {
	projects := []*types.Project{r.Colored[deploy.Blue]}
	for _, byColor := range r.Migrations {
		projects = append(projects, byColor[deploy.Blue])
	}
	if r.Shared != nil {
		projects = append(projects, r.Shared)
	}
	most := 0 // nobody was asked
	var faults deploy.Faults
	for _, p := range projects {
		for _, name := range p.ServiceNames() {
			path, want := processorsOf(name, p.Services[name])
			if want == 0 {
				continue
			}
			if most == 0 {
				var err error
				if most, err = c.processors(ctx); err != nil {
					return nil, err
				}
			}
			if want > float64(most) {
				faults = append(faults, r.Fault(p, path, "this host has %d processors, and %g are asked for: write %d or less", most, want, most))
			}
		}
	}
	return composefile.SortFaults(faults), nil
}

// processorsOf is the limit of a service, and where it stands; 0: it has none.
func processorsOf(name string, s types.ServiceConfig) (path []string, limit float64) {
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil && s.Deploy.Resources.Limits.NanoCPUs != 0 {
		return []string{"services", name, "deploy", "resources", "limits", "cpus"}, float64(s.Deploy.Resources.Limits.NanoCPUs)
	}
	return []string{"services", name, "cpus"}, float64(s.CPUS)
}

func (c *Client) processors(ctx context.Context) (int, error) {
	if err := c.ready(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, labelTime)
	defer cancel()
	info, err := c.engine.Info(ctx)
	if err != nil {
		return 0, engineError(ctx, "ask how many processors there are", err)
	}
	return info.NCPU, nil
}

// formerVolumes refuses the files where the shared stack would begin with an empty
// volume, although this host has the one that Compose would have used for them until
// now: the database would be empty, and nobody would be told. It asks the engine only,
// so that nothing has been made or touched when it refuses.
func (c *Client) formerVolumes(ctx context.Context, app deploy.App, r *project.Resolution) error {
	if r.Shared == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, labelTime)
	defer cancel()
	var faults deploy.Faults
	for _, key := range slices.Sorted(maps.Keys(r.Shared.Volumes)) {
		v := r.Shared.Volumes[key]
		if bool(v.External) || v.Name != r.Shared.Name+"_"+key {
			continue // with a name of its own it is the same in every project
		}
		_, exists, err := c.labelsOf(ctx, project.Resource{Kind: "volume", Name: v.Name})
		if err != nil {
			return err
		}
		if exists {
			continue
		}
		projectName, labelled, err := c.formerVolume(ctx, r.FormerProjects(app), key)
		if err != nil {
			return err
		}
		old := projectName + "_" + key
		switch {
		case projectName == "":
		case labelled:
			faults = append(faults, deploy.Fault{File: app.File, Path: "adopt", Text: fmt.Sprintf(
				"the volume %s would be new and empty, while this host has %s of the Compose project %s: to go on with it, and with what runs of its shared services, "+
					"write adopt: %s, and let this host's policy.allow list \"%s:%s\"; to begin with an empty one, give the volume a name of its own in %s, %s: {name: %s-%s}",
				v.Name, old, projectName, projectName, policy.AllowAdopt, projectName, r.Fault(r.Shared, []string{"volumes", key}, "").File, key, app.Name, key)})
		default: // restored by hand: of no project
			faults = append(faults, r.Fault(r.Shared, []string{"volumes", key}, "the volume %s would be new and empty, while this host has %s of the Compose project %s: "+
				"to go on with what is in that one, write %s: {name: %s, external: true} and let this host's policy.allow list \"%s:%s\"; "+
				"to begin with an empty one, give it a name of its own, %s: {name: %s-%s}",
				v.Name, old, projectName, key, old, policy.AllowExternal, old, key, app.Name, key))
		}
	}
	return faults.Err()
}

// formerVolume returns the first of the projects whose volume of that key exists, "" for
// none, and whether it carries the project's label. One that carries another project's label is not theirs; one without a label may
// have been restored by hand.
func (c *Client) formerVolume(ctx context.Context, projects []string, key string) (projectName string, labelled bool, err error) {
	for _, projectName := range projects {
		labels, exists, err := c.labelsOf(ctx, project.Resource{Kind: "volume", Name: projectName + "_" + key})
		if err != nil {
			return "", false, err
		}
		if owner := labels[api.ProjectLabel]; exists && (owner == "" || owner == projectName) {
			return projectName, owner != "", nil
		}
	}
	return "", false, nil
}
