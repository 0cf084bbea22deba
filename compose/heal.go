package compose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// heal brings back what is dead or missing in a stack that has the release, and
// touches nothing that runs: the stack may be live.
func (c *Client) heal(ctx context.Context, app deploy.App, color deploy.Color, files *project.Resolution, whole *types.Project, present []observed, was deploy.Started) error {
	return c.restartOrReplace(ctx, whole.Name, present, func(present []observed) error {
		return c.healOnce(ctx, app, color, files, whole, present, was)
	})
}

func (c *Client) healOnce(ctx context.Context, app deploy.App, color deploy.Color, files *project.Resolution, whole *types.Project, present []observed, was deploy.Started) error {
	stack := sum(color, present)
	missing, ended := missingServices(stack, was)
	p, err := withoutFinished(project.WithoutSingletons(whole, app), ended, stack)
	if err != nil {
		return err
	}
	plain, removed, err := c.removeUnstartable(ctx, plainOf(present))
	if err != nil {
		return err
	}
	missing = append(missing, removed...)
	slices.Sort(missing)
	if missing = slices.Compact(missing); len(missing) > 0 {
		digests, err := c.acquire(ctx, app, files, only(p, missing), whenMissing, nil)
		if err != nil {
			return err
		}
		labelStack(p, app, color, project.NewServiceList(whole, app.Singletons...), digests)
		if err := c.keepNetworks(ctx, p); err != nil {
			return err
		}
		if err := c.create(ctx, app, p, createMissing()); err != nil {
			return err
		}
		c.log.Info("missing containers created", "app", app.Name, "color", color, "tag", app.Tag, "services", missing)
	}
	return c.startDead(ctx, app, p, unlessStopped(plain))
}

// missingServices names the services of the stack that have to be created, and the one-shots that
// are gone, although they had ended well: all of them had before the stack passed its gate. What
// may end at any time is taken to have ended, too: nobody is to start it again.
func missingServices(s deploy.Stack, was deploy.Started) (missing, ended []string) {
	if !was.Gated {
		return s.Missing, nil
	}
	return slices.DeleteFunc(s.Missing, func(name string) bool { return slices.Contains(s.MissingOneShots, name) }), s.MissingOneShots
}

// withoutFinished is the project with no more containers of these services than there are, so
// that Compose creates none, and waits for none.
func withoutFinished(p *types.Project, ended []string, stack deploy.Stack) (*types.Project, error) {
	p, err := p.WithServicesTransform(func(name string, s types.ServiceConfig) (types.ServiceConfig, error) {
		if slices.Contains(ended, name) {
			others := func(c deploy.Container) bool { return c.Service != name }
			s.SetScale(len(slices.DeleteFunc(slices.Clone(stack.Containers), others)))
		}
		return s, nil
	})
	if err != nil {
		return nil, fmt.Errorf("leave out %s: %w", strings.Join(ended, ", "), err)
	}
	return p, nil
}

// healWithoutFiles starts what is dead from labels alone, for a stack whose
// files cannot be read. What needs the files is told with cause.
func (c *Client) healWithoutFiles(ctx context.Context, app deploy.App, color deploy.Color, present []observed, was deploy.Started, cause error) error {
	missing, _ := missingServices(sum(color, present), was)
	plain, err := c.withoutNetworks(ctx, app.Project(color), plainOf(present))
	if err != nil {
		return err
	}
	missing = append(missing, unstartable(plain)...)
	if len(missing) > 0 || neverStarted(plain) {
		return fmt.Errorf("heal %s: it needs its files to create %s: %w", app.Project(color), strings.Join(missing, ", "), cause)
	}
	return c.startDead(ctx, app, projectFromLabels(app.Project(color), plain), unlessStopped(plain))
}

// neverStarted tells whether a container needs its files for its first start:
// Compose copies secrets and configs in just before.
func neverStarted(all []observed) bool {
	return slices.ContainsFunc(all, func(o observed) bool { return o.State == "created" })
}

// unlessStopped are the containers, of which none has ended by itself where none runs: what
// nobody waits for may have been stopped with the rest of its stack, and is started with it.
func unlessStopped(all []observed) []observed {
	if slices.ContainsFunc(all, func(o observed) bool { return isAlive(o.Container) }) {
		return all
	}
	all = slices.Clone(all)
	for i := range all {
		all[i].MayEnd = all[i].OneShot
	}
	return all
}

// startDead starts the containers that should run and do not. What may end, and
// ended well, is not run again.
func (c *Client) startDead(ctx context.Context, app deploy.App, p *types.Project, present []observed) error {
	if err := c.unpause(ctx, present); err != nil {
		return err
	}
	p, err := p.WithServicesTransform(func(name string, s types.ServiceConfig) (types.ServiceConfig, error) {
		switch standing(name, s.GetScale(), present) {
		case finished:
			// Compose starts no service that is scaled to nothing, and waits for none.
			none := 0
			s.Scale = &none
			s.Deploy = &types.DeployConfig{Replicas: &none}
		case running:
			// It needs nothing any more: an unhealthy service that it once waited for
			// must not keep others from being started.
			s.DependsOn = nil
		case down:
		}
		return s, nil
	})
	if err != nil {
		return fmt.Errorf("prepare the start of %s: %w", p.Name, err)
	}
	if err := c.start(ctx, app, p); err != nil {
		return err
	}
	return c.allPublish(ctx, app, p, present)
}

// state says what is to be done about a service.
type state int

const (
	down     state = iota // something of it has to be started
	running               // all of it runs
	finished              // it may end, and all of it ended well
)

func standing(service string, count int, present []observed) state {
	alive, ended := 0, 0
	for _, o := range present {
		switch {
		case o.Service != service:
		case !o.Up() && o.Unpublished == "":
			return down
		case o.State == "exited":
			ended++
		default:
			alive++
		}
	}
	switch {
	case alive+ended < max(count, 1):
		return down
	case alive == 0:
		return finished
	default:
		return running
	}
}

// unpause lets frozen containers go on: the engine refuses to start them.
func (c *Client) unpause(ctx context.Context, present []observed) error {
	for _, o := range present {
		if o.State != "paused" {
			continue
		}
		if err := c.engine.ContainerUnpause(ctx, o.ID); err != nil {
			return engineError(ctx, "unpause container "+o.Name, err)
		}
	}
	return nil
}

// keepNetworks makes the networks that exist external ones for this run, so that
// Compose takes them as they are: it would remove and create anew a network
// whose declaration it reads differently, under running containers.
func (c *Client) keepNetworks(ctx context.Context, p *types.Project) error {
	list, err := c.networksOf(ctx, p.Name)
	if err != nil {
		return err
	}
	for _, n := range list {
		key := n.Labels[api.NetworkLabel]
		if declared, ok := p.Networks[key]; ok {
			declared.External, declared.Name = true, n.Name
			p.Networks[key] = declared
		}
	}
	return nil
}

// only is the project with these services and without what they depend on.
func only(p *types.Project, services []string) *types.Project {
	small := &types.Project{Name: p.Name, Services: types.Services{}}
	for _, name := range services {
		small.Services[name] = p.Services[name]
	}
	return small
}

// projectFromLabels rebuilds as much of a project as starting it needs: its
// services and what each waits for among them.
func projectFromLabels(name string, present []observed) *types.Project {
	p := &types.Project{Name: name, Services: types.Services{}}
	for _, o := range present {
		s := types.ServiceConfig{Name: o.Service, DependsOn: types.DependsOnConfig{}}
		for word := range strings.SplitSeq(o.labels[api.DependenciesLabel], ",") {
			// Compose writes "service:condition:restart".
			if parts := strings.Split(word, ":"); len(parts) == 3 {
				s.DependsOn[parts[0]] = types.ServiceDependency{Condition: parts[1], Required: true}
			}
		}
		p.Services[o.Service] = s
	}
	for _, s := range p.Services {
		maps.DeleteFunc(s.DependsOn, func(name string, _ types.ServiceDependency) bool { _, ok := p.Services[name]; return !ok })
	}
	return p
}
