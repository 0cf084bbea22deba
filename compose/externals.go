package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/network"

	"tandem/compose/policy"
	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// An engine has networks, volumes and containers of others. Whoever joins a network
// can talk to all that is in it, and whoever mounts a volume has its data. So an app
// has its own, those of its shared stack, and what this host names: in the policy
// ("external:edge"), or with the label dev.tandem.app on the thing itself.

// labelTime is how long the engine is asked whether something is labelled for the app.
const labelTime = 5 * time.Second

// owns tells whether the thing carries the app's label, and is of no project.
func (c *Client) owns(ctx context.Context, app deploy.App, r project.Resource) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, labelTime)
	defer cancel()
	labels, _, err := c.labelsOf(ctx, r)
	if err != nil {
		return false, err
	}
	return labels[project.LabelApp] == app.Name && labels[api.ProjectLabel] == "", nil
}

// labelsOf asks the engine for the labels of a network or volume.
func (c *Client) labelsOf(ctx context.Context, x project.Resource) (labels map[string]string, exists bool, err error) {
	if err := c.ready(ctx); err != nil {
		return nil, false, err
	}
	if x.Kind == "network" {
		n, inspectErr := c.engine.NetworkInspect(ctx, x.Name, network.InspectOptions{})
		labels, err = n.Labels, inspectErr
	} else {
		v, inspectErr := c.engine.VolumeInspect(ctx, x.Name)
		labels, err = v.Labels, inspectErr
	}
	if cerrdefs.IsNotFound(err) {
		return nil, false, nil
	}
	return labels, err == nil, engineError(ctx, "look for the "+x.Kind+" "+x.Name, err)
}

// mayUse rejects the release where what a project would make is there already and is
// somebody else's: Compose would take it as its own. It is asked before anything that
// runs is taken away for the project.
func (c *Client) mayUse(ctx context.Context, app deploy.App, p *types.Project) error {
	engine := c.guarded(app, p.Name)
	var all []project.Resource
	for _, n := range p.Networks {
		all = append(all, project.Resource{Kind: "network", Name: n.Name})
	}
	for _, v := range p.Volumes {
		all = append(all, project.Resource{Kind: "volume", Name: v.Name})
	}
	slices.SortFunc(all, func(a, b project.Resource) int { return strings.Compare(a.Kind+a.Name, b.Kind+b.Name) })
	for _, x := range all {
		if c.policy.AllowsExternal(x.Name) || slices.Contains(policy.PredefinedNetworks, x.Name) {
			continue // the rules for the file have their say about Docker's own
		}
		labels, exists, err := c.labelsOf(ctx, x)
		if err != nil {
			return err
		}
		if exists && !engine.Owns(labels) {
			return &deploy.RejectError{Reason: deploy.CannotStart, Detail: fmt.Sprintf(
				"create %s: the %s %s is no part of the app: give it another name, or let this host's policy.allow list \"%s:%s\"", p.Name, x.Kind, x.Name, policy.AllowExternal, x.Name)}
		}
	}
	return nil
}
