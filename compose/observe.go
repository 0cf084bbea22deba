package compose

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sync/errgroup"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// Observe returns the stacks as the engine has them, blue first. It reads
// labels only, so it also works for an app whose files are gone. A container of
// the project that has no label of ours (somebody's own "docker compose up")
// leaves the release unknown, so that Up replaces it.
func (c *Client) Observe(ctx context.Context, app deploy.App) ([2]deploy.Stack, error) {
	var stacks [2]deploy.Stack
	// Before the engine is asked: what is lost from here on, the next look tells.
	lost := int(c.lost.Load())
	group, ctx := errgroup.WithContext(ctx)
	for i, color := range deploy.Colors() {
		group.Go(func() error {
			containers, err := c.containers(ctx, app.Project(color))
			if err != nil {
				return err
			}
			stacks[i] = sum(color, containers)
			stacks[i].EngineLost = lost
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return [2]deploy.Stack{}, err
	}
	return stacks, nil
}

// observed is one container with the labels that the domain does not need.
type observed struct {
	deploy.Container
	labels  map[string]string
	created time.Time
	// finished is when it ended last, or when the engine came to know.
	finished time.Time
	health   string // the engine's opinion, "" without a health check
	restart  container.RestartPolicy
	// unstartable tells that the engine cannot start it as it was made, and would have to.
	unstartable bool
	// plainName tells that it was made by a tandem that gave no color names.
	plainName bool
	// publishes are the ports of the host that it is to have.
	publishes []hostPort
	image     string   // as it was asked for
	variables []string // of its environment, as "NAME=value"
	mounts    []container.MountPoint
	networks  map[string]string // that it joins: name -> id, which is empty before its first start
}

// containers returns the containers of a project, sorted by service and name,
// without those that somebody runs once beside it.
func (c *Client) containers(ctx context.Context, projectName string) ([]observed, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	list, err := c.engine.ContainerList(ctx, container.ListOptions{
		All:     true,
		Filters: filters.NewArgs(filters.Arg("label", api.ProjectLabel+"="+projectName)),
	})
	if err != nil {
		return nil, engineError(ctx, "list the containers of "+projectName, err)
	}
	list = slices.DeleteFunc(list, func(s container.Summary) bool {
		return s.Labels[api.OneoffLabel] == "True" || s.Labels[api.HookLabel] != ""
	})
	return c.inspect(ctx, list)
}

// inspect looks at the listed containers, and sorts them by service and name.
func (c *Client) inspect(ctx context.Context, list []container.Summary) ([]observed, error) {
	found := make([]*observed, len(list))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, s := range list {
		group.Go(func() error {
			info, err := c.engine.ContainerInspect(inner, s.ID)
			if cerrdefs.IsNotFound(err) {
				return nil // removed since it was listed
			}
			if err != nil {
				return engineError(ctx, "inspect container "+s.ID, err)
			}
			found[i] = describe(info)
			if found[i].Unpublished != "" {
				able, err := c.canPublish(inner, info)
				if err != nil {
					return err
				}
				if !able {
					found[i].Unpublished = ""
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := make([]observed, 0, len(found))
	for _, f := range found {
		if f != nil {
			all = append(all, *f)
		}
	}
	slices.SortFunc(all, func(a, b observed) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

func describe(info container.InspectResponse) *observed {
	labels := info.Config.Labels
	o := &observed{labels: labels, restart: info.HostConfig.RestartPolicy}
	o.ID = info.ID
	o.Name = strings.TrimPrefix(info.Name, "/")
	o.Service = labels[api.ServiceLabel]
	o.Image = cmp.Or(labels[project.LabelImage], info.Image)
	o.State = info.State.Status
	o.ExitCode, o.OutOfMemory = info.State.ExitCode, info.State.OOMKilled
	o.Restarts = info.RestartCount
	o.HealthCommand = healthCommand(info.Config) != nil
	o.StartedAt = parseTime(info.State.StartedAt)
	o.created = parseTime(info.Created)
	o.finished = parseTime(info.State.FinishedAt)
	if info.State.Health != nil {
		o.health = info.State.Health.Status
	}
	m, _ := project.ParseServiceList(labels[project.LabelServices]).Find(o.Service)
	o.OneShot, o.MayEnd, o.Singleton = m.OneShot, m.MayEnd, m.Singleton
	o.unstartable = !isAlive(o.Container) && !o.Up() && (info.State.Error != "" || filesGone(info))
	o.publishes = hostPortsOf(info)
	o.image, o.variables, o.mounts = info.Config.Image, info.Config.Env, info.Mounts
	o.networks = networksIn(info.NetworkSettings)
	if o.State == "running" {
		o.Unpublished = unpublished(info)
	}
	o.plainName = hasPlainName(*o, info.NetworkSettings)
	return o
}

func networksIn(settings *container.NetworkSettings) map[string]string {
	networks := map[string]string{}
	if settings == nil {
		return networks
	}
	for name, e := range settings.Networks {
		if e != nil {
			networks[name] = e.NetworkID
		}
	}
	return networks
}

// parseTime reads the engine's times; it writes year 1 for "never".
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// sum makes one stack of its containers.
func sum(color deploy.Color, all []observed) deploy.Stack {
	s := deploy.Stack{Color: color}
	if len(all) == 0 {
		return s
	}
	first := slices.MinFunc(all, func(a, b observed) int { return a.created.Compare(b.created) })
	s.Tag, s.Commit, s.Root = first.labels[project.LabelTag], first.labels[project.LabelCommit], first.labels[project.LabelRoot]
	s.Ports = labelledPorts(first.labels[project.LabelApp], first.labels[project.LabelPorts])
	s.Foreign = !slices.ContainsFunc(all, func(o observed) bool { return o.labels[project.LabelApp] != "" })
	release := first.labels[project.LabelRelease]
	counts := map[string]int{}
	for _, o := range all {
		s.Containers = append(s.Containers, o.Container)
		counts[o.Service]++
		if o.labels[project.LabelRelease] != release {
			release = ""
		}
	}
	s.Release = deploy.ReleaseFromText(release)
	if s.Release.IsZero() {
		s.Tag, s.Commit, s.Root, s.Ports = "", "", "", nil
	}
	var off []string // singletons without a container
	for _, m := range project.ParseServiceList(first.labels[project.LabelServices]) {
		switch {
		case counts[m.Name] >= m.Count:
		case m.Singleton:
			off = append(off, m.Name)
		default:
			s.Missing = append(s.Missing, m.Name)
			if m.MayEnd {
				s.MissingOneShots = append(s.MissingOneShots, m.Name)
			}
		}
	}
	singletons, plain := split(s.Containers)
	s.Condition = condition(plain, s.Missing)
	s.Singletons = singletonState(singletons, off)
	return s
}

// split sets the singletons apart.
func split(all []deploy.Container) (singletons, plain []deploy.Container) {
	for _, c := range all {
		if c.Singleton {
			singletons = append(singletons, c)
		} else {
			plain = append(plain, c)
		}
	}
	return singletons, plain
}

func condition(all []deploy.Container, missing []string) deploy.Condition {
	up, alive := countUp(all)
	switch {
	case up == len(all) && len(missing) == 0:
		return deploy.Running
	case alive == 0:
		return deploy.Stopped
	default:
		return deploy.Broken
	}
}

// singletonState takes singletons that have all ended well for ones that run: StopSingletons leaves
// no container of such.
func singletonState(singletons []deploy.Container, missing []string) deploy.SingletonState {
	up, alive := countUp(singletons)
	switch {
	case len(singletons)+len(missing) == 0:
		return deploy.NoSingletons
	case up == len(singletons) && len(missing) == 0:
		return deploy.SingletonsRunning
	case alive == 0:
		return deploy.SingletonsStopped
	default:
		return deploy.SingletonsPartly
	}
}

// countUp counts the containers that do what they should, and those that have a
// process.
func countUp(all []deploy.Container) (up, alive int) {
	for _, c := range all {
		if c.Up() {
			up++
		}
		if isAlive(c) {
			alive++
		}
	}
	return up, alive
}

// isAlive tells whether the engine keeps a process for the container, or is about to.
func isAlive(c deploy.Container) bool {
	return c.State == "running" || c.State == "restarting" || c.State == "paused"
}

// Shared returns the shared stack of the app as the engine has it: a stack
// without a color and without a release.
func (c *Client) Shared(ctx context.Context, app deploy.App) (deploy.Stack, error) {
	all, err := c.containers(ctx, app.SharedProject())
	if err != nil {
		return deploy.Stack{}, err
	}
	return sum(deploy.NoColor, all), nil
}

// Roots returns the directories that containers of any app came from, running
// or not. They may have files mounted from there, so none of these directories
// may be removed.
func (c *Client) Roots(ctx context.Context) (map[string]bool, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	list, err := c.engine.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", project.LabelRoot)),
	})
	if err != nil {
		return nil, engineError(ctx, "list the containers of tandem", err)
	}
	roots := map[string]bool{}
	for _, s := range list {
		roots[s.Labels[project.LabelRoot]] = true
	}
	return roots, nil
}
