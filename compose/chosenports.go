package compose

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// Each container of a color says which ports were chosen for the routes of its app, those
// of the other color too: so they are found again where the agent's state was lost, also
// in containers that do not run.

// portsLabel writes the chosen ports of the app's routes for LabelPorts, "" for none.
func portsLabel(app deploy.App) string {
	chosen := map[string]deploy.Ports{}
	for _, r := range app.Routes {
		if r.PortsChosen {
			chosen[r.Name] = r.Ports
		}
	}
	if len(chosen) == 0 {
		return ""
	}
	text, err := json.Marshal(chosen)
	if err != nil {
		panic("a map of numbers cannot be written: " + err.Error())
	}
	return string(text)
}

// ChosenPorts reads which ports the containers of this engine were made with that were
// chosen for the routes of their apps. Where two of an app differ, the one that runs
// counts, and of several the newest.
func (c *Client) ChosenPorts(ctx context.Context) (deploy.PortTable, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	list, err := c.engine.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", project.LabelPorts)),
	})
	if err != nil {
		return nil, engineError(ctx, "list the containers with chosen ports", err)
	}
	slices.SortStableFunc(list, func(a, b container.Summary) int {
		runs := func(s container.Summary) int { return map[bool]int{true: 1}[s.State == "running"] }
		return cmp.Or(cmp.Compare(runs(b), runs(a)), cmp.Compare(b.Created, a.Created), cmp.Compare(a.ID, b.ID))
	})
	found := deploy.PortTable{}
	for _, s := range list {
		app := s.Labels[project.LabelApp]
		found.Adopt(app, labelledPorts(app, s.Labels[project.LabelPorts]))
	}
	return found, nil
}

// labelledPorts reads LabelPorts. One that makes no sense, of somebody else's container,
// says nothing.
func labelledPorts(app, label string) map[string]deploy.Ports {
	ports := map[string]deploy.Ports{}
	if label == "" || json.Unmarshal([]byte(label), &ports) != nil || (deploy.PortTable{app: ports}).Check() != nil {
		return nil
	}
	return ports
}
