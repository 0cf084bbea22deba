package compose

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// StopSingletons stops the singletons of one color's stack, each with its own grace
// period, and returns nil only when an inspection has shown that none of them
// runs. Those that may end are removed then. It reads labels only. Docker does not start
// them again by itself, also not when it is restarted.
func (c *Client) StopSingletons(ctx context.Context, app deploy.App, color deploy.Color) error {
	if !color.Valid() {
		return fmt.Errorf("stop the singletons of %s: want a color, got %q", app.Name, color)
	}
	running, err := c.singletonsRun(ctx, app, color)
	if err != nil {
		return err
	}
	if len(running) > 0 {
		if err := c.stop(ctx, app, app.Project(color), running...); err != nil {
			return err
		}
	}
	if err := c.disableRestart(ctx, app, color); err != nil {
		return err
	}
	if running, err = c.singletonsRun(ctx, app, color); err != nil {
		return err
	}
	if len(running) > 0 {
		return fmt.Errorf("stop the singletons of %s: %s still runs", app.Project(color), strings.Join(running, ", "))
	}
	return c.removeMayEnd(ctx, app, color)
}

// removeMayEnd removes the singletons that may end: a container of such that ended well is
// one that has done its work where it is, and not one that was stopped.
func (c *Client) removeMayEnd(ctx context.Context, app deploy.App, color deploy.Color) error {
	all, err := c.containers(ctx, app.Project(color))
	if err != nil {
		return err
	}
	for _, o := range singletonsOf(all) {
		if !o.MayEnd {
			continue
		}
		if err := c.removeEnded(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// singletonsRun names the singletons that the engine keeps a process for, or is about to.
func (c *Client) singletonsRun(ctx context.Context, app deploy.App, color deploy.Color) ([]string, error) {
	all, err := c.containers(ctx, app.Project(color))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, o := range singletonsOf(all) {
		if isAlive(o.Container) {
			names = append(names, o.Service)
		}
	}
	return slices.Compact(names), nil // containers are sorted by service
}

func singletonsOf(all []observed) []observed {
	return slices.DeleteFunc(slices.Clone(all), func(o observed) bool { return !o.Singleton })
}

// StartSingletons creates and starts the singletons of app.Release in that color, whose
// stack Up made run that release. The caller made sure that those of the other
// color do not run. Without the app's files it starts what exists already.
func (c *Client) StartSingletons(ctx context.Context, app deploy.App, color deploy.Color) error {
	if len(app.Singletons) == 0 {
		return nil
	}
	if app.Release.IsZero() || !color.Valid() {
		return fmt.Errorf("start the singletons of %s: want a resolved release and a color, got %q and %q", app.Name, app.Release, color)
	}
	present, err := c.containers(ctx, app.Project(color))
	if err != nil {
		return err
	}
	stack := sum(color, present)
	if stack.Release != app.Release {
		return fmt.Errorf("start the singletons of %s: the stack runs %s, want %s", app.Project(color), stack.Release, app.Release)
	}
	files, err := c.resolveRelease(ctx, app)
	if err != nil {
		return c.startSingletonsWithoutFiles(ctx, app, color, present, err)
	}
	whole, err := withNamesAs(present, files.Colored[color])
	if err != nil {
		return err
	}
	p, err := project.OnlySingletons(whole, app)
	if err != nil {
		return err
	}
	err = c.restartOrReplace(ctx, p.Name, singletonsOf(present), func(present []observed) error {
		if _, _, err := c.removeUnstartable(ctx, singletonsOf(present)); err != nil {
			return err
		}
		if err := c.createSingletons(ctx, app, stack, files, whole); err != nil {
			return err
		}
		return c.startSingletons(ctx, app, p)
	})
	if err != nil {
		return err
	}
	c.log.Info("singletons started", "app", app.Name, "color", color, "tag", app.Tag, "services", app.Singletons)
	return nil
}

// createSingletons creates the containers that are not there yet. The stack has passed its
// gate, so that what they need of it and runs once has run.
func (c *Client) createSingletons(ctx context.Context, app deploy.App, stack deploy.Stack, files *project.Resolution, whole *types.Project) error {
	digests, err := c.acquire(ctx, app, files, only(whole, app.Singletons), whenMissing, nil)
	if err != nil {
		return err
	}
	p, err := project.SingletonsWithNeeds(whole, app)
	if err != nil {
		return err
	}
	if p, err = withoutFinished(p, stack.MissingOneShots, stack); err != nil {
		return err
	}
	labelStack(p, app, stack.Color, project.NewServiceList(whole, app.Singletons...), digests)
	for _, name := range app.Singletons {
		p.Services[name] = withSingletonRestart(p.Services[name])
	}
	if err := c.keepNetworks(ctx, p); err != nil {
		return err
	}
	return c.create(ctx, app, p, createMissing())
}

func (c *Client) startSingletons(ctx context.Context, app deploy.App, p *types.Project) error {
	all, err := c.containers(ctx, p.Name)
	if err != nil {
		return err
	}
	present := singletonsOf(all)
	if err := c.enableRestart(ctx, present); err != nil {
		return err
	}
	return c.startDead(ctx, app, p, present)
}

// startSingletonsWithoutFiles starts the singletons from labels alone. What needs the
// files is told with cause.
func (c *Client) startSingletonsWithoutFiles(ctx context.Context, app deploy.App, color deploy.Color, present []observed, cause error) error {
	singles := singletonsOf(present)
	for _, name := range app.Singletons {
		exists := slices.ContainsFunc(singles, func(o observed) bool { return o.Service == name })
		if !exists || neverStarted(singles) {
			return fmt.Errorf("start %s of %s: it needs its files: %w", name, app.Project(color), cause)
		}
	}
	return c.startSingletons(ctx, app, projectFromLabels(app.Project(color), singles))
}

// A singleton that was stopped must not come back by itself, or two would run.
// With restart: always the daemon starts it again when it is restarted itself,
// although it was stopped; with on-failure too, because a stopped container
// mostly ended with a code other than 0. With unless-stopped it does not. So
// always becomes unless-stopped, which is the same until somebody stops it, and
// on-failure is taken away for as long as the singleton does not run.

// withSingletonRestart gives a singleton the policy it has while it runs, and notes it in
// a label, to be found again when it was taken away.
func withSingletonRestart(s types.ServiceConfig) types.ServiceConfig {
	s.Restart = project.RestartPolicy(s)
	if s.Deploy != nil {
		s.Deploy.RestartPolicy = nil
	}
	if s.Restart != "" {
		s.CustomLabels = s.CustomLabels.Add(project.LabelRestart, s.Restart)
	}
	return s
}

// disableRestart makes sure that the engine starts no singleton of the stack again.
// It comes after the stop, because the engine changes the policy of no container
// that it is just restarting.
func (c *Client) disableRestart(ctx context.Context, app deploy.App, color deploy.Color) error {
	all, err := c.containers(ctx, app.Project(color))
	if err != nil {
		return err
	}
	for _, o := range singletonsOf(all) {
		if o.restart.IsAlways() || o.restart.IsOnFailure() {
			if err := c.setRestart(ctx, o, container.RestartPolicy{Name: container.RestartPolicyDisabled}); err != nil {
				return err
			}
		}
	}
	return nil
}

// enableRestart gives the singletons back the policies that disableRestart took away.
func (c *Client) enableRestart(ctx context.Context, singles []observed) error {
	for _, o := range singles {
		want := parseRestart(o.labels[project.LabelRestart])
		if want.Name != "" && o.restart != want {
			if err := c.setRestart(ctx, o, want); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Client) setRestart(ctx context.Context, o observed, p container.RestartPolicy) error {
	_, err := c.engine.ContainerUpdate(ctx, o.ID, container.UpdateConfig{RestartPolicy: p})
	return engineError(ctx, "change the restart policy of "+o.Name, err)
}

// parseRestart reads what withSingletonRestart wrote.
func parseRestart(text string) container.RestartPolicy {
	name, number, _ := strings.Cut(text, ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		n = 0 // no limit
	}
	return container.RestartPolicy{Name: container.RestartPolicyMode(name), MaximumRetryCount: n}
}
