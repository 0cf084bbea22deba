package compose

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/docker/compose/v5/pkg/api"

	"tandem/reconciler/deploy"
)

// formerVolumes refuses the files where the shared stack would begin with an empty
// volume, although this host has the one that Compose would have used for them until
// now: the database would be empty, and nobody would be told. It asks the engine only,
// so that nothing has been made or touched when it refuses.
func (c *Client) formerVolumes(ctx context.Context, app deploy.App, r *resolution) error {
	if r.shared == nil || c.offline {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, labelTime)
	defer cancel()
	found := r.sharedFile.checker(r.shared, hostRules{})
	for _, key := range sortedKeys(r.shared.Volumes) {
		v := r.shared.Volumes[key]
		if bool(v.External) || v.Name != r.shared.Name+"_"+key {
			continue // with a name of its own it is the same in every project
		}
		_, exists, err := c.labelsOf(ctx, external{"volume", v.Name})
		if err != nil {
			return err
		}
		if exists {
			continue
		}
		project, err := c.formerVolume(ctx, r.formerProjects(app), key)
		if err != nil {
			return err
		}
		if project != "" {
			old := project + "_" + key
			found.fault([]string{"volumes", key}, "the volume %s would be new and empty, while this host has %s of the Compose project %s: "+
				"to go on with what is in that one, write %s: {name: %s, external: true} and let this host's policy.allow list \"%s:%s\"; "+
				"to begin with an empty one, give it a name of its own, %s: {name: %s-%s}",
				v.Name, old, project, key, old, AllowExternal, old, key, app.Name, key)
		}
	}
	return found.faults.Err()
}

// formerVolume returns the first of the projects whose volume of that key exists, "" for
// none. One that carries another project's label is not theirs; one without a label may
// have been restored by hand.
func (c *Client) formerVolume(ctx context.Context, projects []string, key string) (string, error) {
	for _, project := range projects {
		labels, exists, err := c.labelsOf(ctx, external{"volume", project + "_" + key})
		if err != nil {
			return "", err
		}
		if owner := labels[api.ProjectLabel]; exists && (owner == "" || owner == project) {
			return project, nil
		}
	}
	return "", nil
}

// formerProjects are the names that Compose would have given the app's project before
// tandem ran it: COMPOSE_PROJECT_NAME of the .env file, name: of a file, and the
// directory that the file is in. The app's own name comes first, because that is what
// people call both.
func (r *resolution) formerProjects(app deploy.App) []string {
	names := []string{app.Name}
	for _, f := range []*file{r.sharedFile, r.stackFile} {
		if f == nil {
			continue
		}
		p := r.shared
		if f == r.stackFile {
			p = r.colored[deploy.Blue]
		}
		beside, err := f.dotenv(nil) // the loader writes its own project's name over it
		if err == nil {
			names = append(names, beside[consts.ComposeProjectName])
		}
		names = append(names, f.projectName(p.Environment.Resolve), path.Base(path.Dir(f.name())))
	}
	own := []string{app.SharedProject(), app.Project(deploy.Blue), app.Project(deploy.Green)}
	var former []string
	for _, name := range names {
		if name = loader.NormalizeProjectName(name); name != "" && !slices.Contains(former, name) && !slices.Contains(own, name) {
			former = append(former, name)
		}
	}
	return former
}

// projectName is what the file itself calls its project with name:, "" for nothing.
func (f *file) projectName(variable template.Mapping) string {
	for _, s := range slices.Backward(f.source) {
		node, _, depth := s.walk([]string{"name"})
		if node = s.plain(node); depth == 0 || node == nil {
			continue
		}
		name, err := template.Substitute(strings.Trim(node.String(), `"' `), variable)
		if err != nil {
			return "" // what cannot be read names nothing; the loader says so where it matters
		}
		return name
	}
	return ""
}
