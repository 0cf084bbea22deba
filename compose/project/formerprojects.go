package project

import (
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"

	"tandem/reconciler/deploy"
)

// FormerProjects are the names that Compose would have given the app's project before
// tandem ran it: COMPOSE_PROJECT_NAME of the .env file, name: of a file, and the
// directory that the file is in. The app's own name comes first, because that is what
// people call both.
func (r *Resolution) FormerProjects(app deploy.App) []string {
	names := []string{app.Name}
	for _, f := range []*file{r.sharedFile, r.stackFile} {
		if f == nil {
			continue
		}
		p := r.Shared
		if f == r.stackFile {
			p = r.Colored[deploy.Blue]
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
