package project

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/loader"

	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

// FormerProjects are the names that Compose would have given the app's project before
// tandem ran it: COMPOSE_PROJECT_NAME of the .env file, name: of a file, and the
// directory that the file is in. The app's own name comes first, because that is what
// people call both.
func (r *Resolution) FormerProjects(app deploy.App) []string {
	names := []string{app.Name}
	for _, f := range []*composefile.File{r.sharedFile, r.stackFile} {
		if f == nil {
			continue
		}
		p := r.Shared
		if f == r.stackFile {
			p = r.Colored[deploy.Blue]
		}
		names = append(names, f.ProjectNames(p)...)
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
