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

	"tandem/reconciler/deploy"
)

// An engine has networks, volumes and containers of others. Whoever joins a network
// can talk to all that is in it, and whoever mounts a volume has its data. So an app
// has its own, those of its shared stack, and what this host names: in the policy
// ("external:edge"), or with the label dev.tandem.app on the thing itself.

// externals checks what the file takes from outside of its own project.
func (c *checker) externals() {
	for _, key := range sortedKeys(c.project.Networks) {
		if n := c.project.Networks[key]; bool(n.External) && isName(n.Name) { // else resourceNames tells
			c.external([]string{"networks", key, "external"}, "network", n.Name)
		}
	}
	for _, key := range sortedKeys(c.project.Volumes) {
		if v := c.project.Volumes[key]; bool(v.External) && isName(v.Name) {
			c.external([]string{"volumes", key, "external"}, "volume", v.Name)
		}
	}
	for _, name := range c.project.ServiceNames() {
		for _, link := range c.project.Services[name].ExternalLinks {
			target, alias, _ := strings.Cut(link, ":")
			if alias != "" {
				c.named(at(name, "external_links"), "alias", alias)
			}
			c.external(at(name, "external_links"), "container", target)
		}
	}
}

// external adds a fault unless the thing is the app's own or this host lets it have it.
func (c *checker) external(path []string, kind, name string) {
	switch {
	case kind == "network" && (name == "host" || name == "none"): // resources has its say about the host's
	case !isName(name):
		c.named(path, kind, name)
	case kind == "network" && ownNetworkOf(c.app, name).Valid():
		c.fault(path, "the network %s is of the %s stack alone, and the other one would be in it: remove it, or take a network of the shared stack", name, ownNetworkOf(c.app, name))
	case c.allowed.allowsExternal(name), c.free[external{kind, name}], strings.HasPrefix(name, c.app.SharedProject()+"_"):
	case !c.declared(kind, name):
		c.fault(path, "the %s %s is no part of this app, and others are in it: remove it, or let this host's policy.allow list \"%s:%s\"", kind, name, AllowExternal, name)
	case c.free == nil: // the engine was not asked for its labels, and is before the app is deployed
	default:
		c.fault(path, "the %s %s is no part of this app: let this host's policy.allow list \"%s:%s\", or, where there is none yet, make it with the label (docker %s create --label %s=%s %s)",
			kind, name, AllowExternal, name, kind, LabelApp, c.app.Name, name)
	}
}

// declared tells whether the file declares the network or volume as an external one, which
// its label may set aside for the app.
func (c *checker) declared(kind, name string) bool {
	return !slices.Contains(engineNetworks, name) && slices.Contains(externalsOf([]*types.Project{c.project}), external{kind, name})
}

// external names one thing that the engine has already.
type external struct{ kind, name string }

// labelTime is how long the engine is asked whether something is labelled for the app.
const labelTime = 5 * time.Second

// freeOf lists what the app's files may use without a word in the policy: what its
// shared stack makes, and what carries the app's label. The engine is asked only about
// what nothing else allows, so that most files are read without it.
func (c *Client) freeOf(ctx context.Context, app deploy.App, shared *types.Project, users ...*types.Project) (map[external]bool, error) {
	if c.engine == nil {
		return nil, nil // a trial, after which the files are read once more
	}
	free := map[external]bool{}
	if shared != nil {
		for _, n := range shared.Networks {
			free[external{"network", n.Name}] = !bool(n.External)
		}
		for _, v := range shared.Volumes {
			free[external{"volume", v.Name}] = !bool(v.External)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, labelTime)
	defer cancel()
	for _, x := range externalsOf(users) {
		known := free[x] || c.policy.allowsExternal(x.name) || strings.HasPrefix(x.name, app.SharedProject()+"_") || !isName(x.name)
		if known || c.offline {
			continue
		}
		labels, _, err := c.labelsOf(ctx, x)
		if err != nil {
			return nil, err
		}
		free[x] = labels[LabelApp] == app.Name && labels[api.ProjectLabel] == ""
	}
	return free, nil
}

// externalsOf are the networks and volumes that the projects take from outside, each once.
func externalsOf(projects []*types.Project) []external {
	var all []external
	for _, p := range projects {
		if p == nil {
			continue
		}
		for _, key := range sortedKeys(p.Networks) {
			if n := p.Networks[key]; bool(n.External) {
				all = append(all, external{"network", n.Name})
			}
		}
		for _, key := range sortedKeys(p.Volumes) {
			if v := p.Volumes[key]; bool(v.External) {
				all = append(all, external{"volume", v.Name})
			}
		}
	}
	slices.SortFunc(all, func(a, b external) int { return strings.Compare(a.kind+a.name, b.kind+b.name) })
	return slices.Compact(all)
}

// labelsOf asks the engine for the labels of a network or volume.
func (c *Client) labelsOf(ctx context.Context, x external) (labels map[string]string, exists bool, err error) {
	if err := c.ready(ctx); err != nil {
		return nil, false, err
	}
	if x.kind == "network" {
		n, inspectErr := c.engine.NetworkInspect(ctx, x.name, network.InspectOptions{})
		labels, err = n.Labels, inspectErr
	} else {
		v, inspectErr := c.engine.VolumeInspect(ctx, x.name)
		labels, err = v.Labels, inspectErr
	}
	if cerrdefs.IsNotFound(err) {
		return nil, false, nil
	}
	return labels, err == nil, engineError(ctx, "look for the "+x.kind+" "+x.name, err)
}

// mayUse rejects the release where what a project would make is there already and is
// somebody else's: Compose would take it as its own. It is asked before anything that
// runs is taken away for the project.
func (c *Client) mayUse(ctx context.Context, app deploy.App, p *types.Project) error {
	j := judge{hostRules: c.rules(nil), scope: c.guarded(app, p.Name).scope}
	var all []external
	for _, n := range p.Networks {
		all = append(all, external{"network", n.Name})
	}
	for _, v := range p.Volumes {
		all = append(all, external{"volume", v.Name})
	}
	slices.SortFunc(all, func(a, b external) int { return strings.Compare(a.kind+a.name, b.kind+b.name) })
	for _, x := range all {
		if c.policy.allowsExternal(x.name) || slices.Contains(engineNetworks, x.name) {
			continue // the rules for the file have their say about Docker's own
		}
		labels, exists, err := c.labelsOf(ctx, x)
		if err != nil {
			return err
		}
		if exists && !j.owned(labels) {
			return &deploy.RejectError{Reason: deploy.CannotStart, Detail: fmt.Sprintf(
				"create %s: the %s %s is no part of the app: give it another name, or let this host's policy.allow list \"%s:%s\"", p.Name, x.kind, x.name, AllowExternal, x.name)}
		}
	}
	return nil
}
