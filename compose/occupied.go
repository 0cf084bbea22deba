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

	"tandem/reconciler/deploy"
)

// rejectOccupied rejects the release where a container that is to be started would share what
// a datastore keeps with one that runs already: that of the Compose project which ran the
// app before, of another app, or of a service that no file names any more. The projects
// are those whose containers are made new; of the shared stack those count that do not
// run. It is asked before anything is touched.
func (c *Client) rejectOccupied(ctx context.Context, app deploy.App, r *resolution, projects ...*types.Project) error {
	var uses []use
	for _, p := range projects {
		uses = append(uses, usesOf(app, p)...)
	}
	if r.shared != nil {
		starting, err := c.sharedToStart(ctx, r)
		if err != nil {
			return err
		}
		uses = append(uses, slices.DeleteFunc(usesOf(app, r.shared), func(u use) bool { return !starting[u.service] })...)
	}
	if len(uses) == 0 {
		return nil
	}
	running, same, err := c.writers(ctx)
	if err != nil {
		return err
	}
	former, stacks := r.formerProjects(app), []string{app.Project(deploy.Blue), app.Project(deploy.Green)}
	for _, u := range uses {
		u.place = cmp.Or(same[u.place], u.place)
		for _, o := range running {
			mine := o.project == u.project && o.service == u.service || slices.Contains(stacks, o.project) && slices.Contains(stacks, u.project)
			// The old one of the app's own services is the same program, known or not.
			again := u.project == app.SharedProject() && slices.Contains(former, o.project)
			if o.place == u.place && !mine && (u.data || o.data || again) {
				return &deploy.RejectError{Reason: deploy.CannotStart, Detail: fmt.Sprintf(
					"create %s: %s would write to the %s, to which %s writes, and what a database keeps there would be lost: "+
						"stop that one and remove it (docker stop %s && docker rm %s; what it has written stays), or give %s a volume of its own; then tandem retry %s",
					u.project, u.service, u.place, o.words, o.name, o.name, u.service, app.Name)}
			}
		}
	}
	return nil
}

// sharedToStart are the services of the shared stack of which something would be made or
// started.
func (c *Client) sharedToStart(ctx context.Context, r *resolution) (map[string]bool, error) {
	present, err := c.containers(ctx, r.shared.Name)
	if err != nil {
		return nil, err
	}
	changed, missing := sharedChanges(r.shared, present, r.made)
	starting := map[string]bool{}
	for _, name := range append(changed, missing...) {
		starting[name] = true
	}
	for _, o := range present {
		starting[o.Service] = starting[o.Service] || !isAlive(o.Container)
	}
	return starting, nil
}

// writers lists what the containers that run on this engine can write to. same has the
// words for what a volume only shows, by those for the volume, and for a volume by those
// for the directory in which the engine keeps it.
func (c *Client) writers(ctx context.Context) (all []use, same map[string]string, err error) {
	if err := c.ready(ctx); err != nil {
		return nil, nil, err
	}
	volumes, err := c.engine.VolumeList(ctx, volume.ListOptions{})
	if err != nil {
		return nil, nil, engineError(ctx, "list the volumes", err)
	}
	same = map[string]string{}
	for _, v := range volumes.Volumes {
		place := volumePlace(v.Name, v.Options)
		same["volume "+v.Name], same[directoryPlace(v.Mountpoint)] = place, place
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
		data := dataTargets(s.Image, targets)
		for _, m := range s.Mounts {
			place := "volume " + m.Name
			if m.Type == mount.TypeBind {
				place = directoryPlace(m.Source)
			}
			if m.RW && (m.Type == mount.TypeBind || m.Type == mount.TypeVolume) {
				all = append(all, use{
					project: s.Labels[api.ProjectLabel], service: s.Labels[api.ServiceLabel], place: cmp.Or(same[place], place), data: data[m.Destination],
					words: wordsFor(s), name: strings.TrimPrefix(slices.Concat(s.Names, []string{s.ID})[0], "/"),
				})
			}
		}
	}
	return all, same, nil
}
