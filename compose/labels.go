package compose

import (
	"encoding/json"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// composeLabels are the labels by which Compose itself knows the container.
func composeLabels(p *types.Project, service string) types.Labels {
	return types.Labels{
		api.ProjectLabel:     p.Name,
		api.ServiceLabel:     service,
		api.VersionLabel:     api.ComposeVersion,
		api.WorkingDirLabel:  p.WorkingDir,
		api.ConfigFilesLabel: strings.Join(p.ComposeFiles, ","),
		api.OneoffLabel:      "False",
	}
}

// label gives every service of the project of one color its labels. The service
// list is that of the whole stack, of which the project may be a part.
func label(p *types.Project, app deploy.App, color string, whole project.ServiceList, more func(service string) map[string]string) {
	services := whole.String()
	for name, s := range p.Services {
		s.CustomLabels = composeLabels(p, name).
			Add(project.LabelApp, app.Name).
			Add(project.LabelColor, color).
			Add(project.LabelTag, app.Tag).
			Add(project.LabelCommit, app.Commit.Hash).
			Add(project.LabelRoot, app.Root).
			Add(project.LabelServices, services)
		if hooks := preStopLabel(s.PreStop); hooks != "" {
			s.CustomLabels = s.CustomLabels.Add(project.LabelPreStop, hooks)
		}
		for key, value := range more(name) {
			if value != "" {
				s.CustomLabels = s.CustomLabels.Add(key, value)
			}
		}
		p.Services[name] = s
	}
}

// preStopLabel writes hooks for LabelPreStop, "" for none.
func preStopLabel(hooks []types.ServiceHook) string {
	if len(hooks) == 0 {
		return ""
	}
	text, err := json.Marshal(hooks)
	if err != nil {
		panic("lists and maps of words cannot be written: " + err.Error())
	}
	return string(text)
}
