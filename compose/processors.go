package compose

import (
	"context"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// processorFaults finds the services that would have more processors than this host: the
// engine makes no such container, and says so only when the old ones are gone.
func (c *Client) processorFaults(ctx context.Context, r *project.Resolution) (deploy.Faults, error) {
	projects := []*types.Project{r.Colored[deploy.Blue]}
	for _, kind := range []deploy.MigrationKind{deploy.ExpandMigration, deploy.ContractMigration} {
		if p := r.Migrations[kind][deploy.Blue]; p != nil {
			projects = append(projects, p)
		}
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
	return faults, nil
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
