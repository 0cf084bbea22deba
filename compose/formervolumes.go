package compose

import (
	"context"
	"maps"
	"slices"

	"github.com/docker/compose/v5/pkg/api"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

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
		projectName, err := c.formerVolume(ctx, r.FormerProjects(app), key)
		if err != nil {
			return err
		}
		if projectName != "" {
			old := projectName + "_" + key
			faults = append(faults, r.Fault(r.Shared, []string{"volumes", key}, "the volume %s would be new and empty, while this host has %s of the Compose project %s: "+
				"to go on with what is in that one, write %s: {name: %s, external: true} and let this host's policy.allow list \"%s:%s\"; "+
				"to begin with an empty one, give it a name of its own, %s: {name: %s-%s}",
				v.Name, old, projectName, key, old, project.AllowExternal, old, key, app.Name, key))
		}
	}
	return faults.Err()
}

// formerVolume returns the first of the projects whose volume of that key exists, "" for
// none. One that carries another project's label is not theirs; one without a label may
// have been restored by hand.
func (c *Client) formerVolume(ctx context.Context, projects []string, key string) (string, error) {
	for _, projectName := range projects {
		labels, exists, err := c.labelsOf(ctx, project.Resource{Kind: "volume", Name: projectName + "_" + key})
		if err != nil {
			return "", err
		}
		if owner := labels[api.ProjectLabel]; exists && (owner == "" || owner == projectName) {
			return projectName, nil
		}
	}
	return "", nil
}
