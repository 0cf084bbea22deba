package compose

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

// rejectOccupied rejects the release where a container that is to be started would share what
// a datastore keeps with one that runs already: that of the Compose project which ran the
// app before, of another app, or of a service that no file names any more. The projects
// are those whose containers are made new; of the shared stack those count that do not
// run. It is asked before anything is touched.
func (c *Client) rejectOccupied(ctx context.Context, app deploy.App, r *project.Resolution, projects ...*types.Project) error {
	var wanted []project.WritableMount
	for _, p := range projects {
		wanted = append(wanted, project.WritableMounts(app, p)...)
	}
	if r.Shared != nil {
		starting, err := c.sharedToStart(ctx, app, r)
		if err != nil {
			return err
		}
		wanted = append(wanted, slices.DeleteFunc(project.WritableMounts(app, r.Shared), func(w project.WritableMount) bool { return !starting[w.Service] })...)
	}
	if len(wanted) == 0 {
		return nil
	}
	running, same, err := c.writers(ctx)
	if err != nil {
		return err
	}
	former, stacks := r.FormerProjects(app), []string{app.Project(deploy.Blue), app.Project(deploy.Green)}
	for _, w := range wanted {
		w.Place = cmp.Or(same[w.Place], w.Place)
		for _, o := range running {
			mine := o.Project == w.Project && o.Service == w.Service || slices.Contains(stacks, o.Project) && slices.Contains(stacks, w.Project)
			// The old one of the app's own services is the same program, known or not.
			again := w.Project == app.SharedProject() && slices.Contains(former, o.Project)
			if o.Place == w.Place && !mine && (w.Data || o.Data || again) {
				return &deploy.RejectError{Reason: deploy.CannotStart, Detail: fmt.Sprintf(
					"create %s: %s would write to the %s, to which %s writes, and what a database keeps there would be lost: "+
						"stop that one and remove it (docker stop %s && docker rm %s; what it has written stays), or give %s a volume of its own; then tandem retry %s",
					w.Project, w.Service, w.Place, o.words, o.name, o.name, w.Service, app.Name)}
			}
		}
	}
	return nil
}

// sharedToStart are the services of the shared stack of which something would be made or
// started.
func (c *Client) sharedToStart(ctx context.Context, app deploy.App, r *project.Resolution) (map[string]bool, error) {
	present, err := c.containers(ctx, r.Shared.Name)
	if err != nil {
		return nil, err
	}
	changed, missing := sharedChanges(app, r.Shared, present, r.SharedHashes)
	starting := map[string]bool{}
	for _, name := range append(changed, missing...) {
		starting[name] = true
	}
	for _, o := range present {
		starting[o.Service] = starting[o.Service] || !isAlive(o.Container)
	}
	return starting, nil
}

// runningWriter is a container that runs, and one place of this host that it can write to.
type runningWriter struct {
	project.WritableMount
	words string // what the container is called, for people
	name  string // its name for Docker
}

// writers lists what the containers that run on this engine can write to. same has the
// words for what a volume only shows, by those for the volume, and for a volume by those
// for the directory in which the engine keeps it.
func (c *Client) writers(ctx context.Context) (all []runningWriter, same map[string]string, err error) {
	if err := c.ready(ctx); err != nil {
		return nil, nil, err
	}
	volumes, err := c.engine.VolumeList(ctx, volume.ListOptions{})
	if err != nil {
		return nil, nil, engineError(ctx, "list the volumes", err)
	}
	same = map[string]string{}
	for _, v := range volumes.Volumes {
		place := project.VolumePlace(v.Name, v.Options)
		same["volume "+v.Name], same[project.DirectoryPlace(v.Mountpoint)] = place, place
	}
	list, err := c.engine.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, nil, engineError(ctx, "list what runs", err)
	}
	for _, s := range list {
		targets := make([]string, len(s.Mounts))
		for i, m := range s.Mounts {
			targets[i] = m.Destination
		}
		data := project.DataDirectories(s.Image, targets)
		for _, m := range s.Mounts {
			place := "volume " + m.Name
			if m.Type == mount.TypeBind {
				place = project.DirectoryPlace(m.Source)
			}
			if m.RW && (m.Type == mount.TypeBind || m.Type == mount.TypeVolume) {
				all = append(all, runningWriter{WritableMount: project.WritableMount{
					Project: s.Labels[api.ProjectLabel], Service: s.Labels[api.ServiceLabel], Place: cmp.Or(same[place], place), Data: data[m.Destination],
				}, words: wordsFor(s), name: strings.TrimPrefix(slices.Concat(s.Names, []string{s.ID})[0], "/")})
			}
		}
	}
	return all, same, nil
}
