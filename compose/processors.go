package compose

import (
	"context"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// processorFaults finds the services that would have more processors than this host: the
// engine makes no such container, and says so only when the old ones are gone.
func (c *Client) processorFaults(ctx context.Context, r *resolution) (deploy.Faults, error) {
	checks := []*checker{r.stackFile.checker(r.colored[deploy.Blue], hostRules{})}
	for _, pair := range r.migrations {
		checks = append(checks, r.stackFile.checker(pair[deploy.Blue], hostRules{}))
	}
	if r.shared != nil {
		checks = append(checks, r.sharedFile.checker(r.shared, hostRules{}))
	}
	most := 0 // nobody was asked
	var faults deploy.Faults
	for _, check := range checks {
		for _, name := range check.project.ServiceNames() {
			path, want := processorsOf(name, check.project.Services[name])
			if want == 0 || c.offline {
				continue
			}
			if most == 0 {
				var err error
				if most, err = c.processors(ctx); err != nil {
					return nil, err
				}
			}
			if want > float64(most) {
				check.fault(path, "this host has %d processors, and %g are asked for: write %d or less", most, want, most)
			}
		}
		faults = append(faults, check.faults...)
	}
	return inOrder(faults), nil
}

// processorsOf is the limit of a service, and where it stands; 0: it has none.
func processorsOf(name string, s types.ServiceConfig) (path []string, limit float64) {
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil && s.Deploy.Resources.Limits.NanoCPUs != 0 {
		return at(name, "deploy", "resources", "limits", "cpus"), float64(s.Deploy.Resources.Limits.NanoCPUs)
	}
	return at(name, "cpus"), float64(s.CPUS)
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
