package compose

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// What a datastore keeps in a volume or a directory of this host is lost when a second
// container writes there. So where one keeps its data, nobody else may write; to read it,
// for a backup, is harmless. This file finds that in the app's own files, and occupied.go
// asks the engine for what runs already.

// use is one place of this host that a service can write to.
type use struct {
	project string
	service string
	writer  string // the same for containers that never run at the same time
	count   int    // containers of the service
	target  string // where it is mounted
	place   string // what is mounted, in words: "volume shop-shared_data", "directory /srv/data"
	data    bool   // as a datastore it keeps its data there
	after   types.DependsOnConfig
	words   string // a container that runs: what it is called
	name    string // the same: its name for Docker
}

// usesOf lists what the services of a project can write to. What comes from git is
// mounted read-only.
func usesOf(app deploy.App, p *types.Project) []use {
	var all []use
	for _, name := range p.ServiceNames() {
		s, mounts, writer := p.Services[name], mountsOf(p, name, map[string]bool{}), p.Name+"/"+name
		if p.Name != app.SharedProject() && (isSingleton(app, name) || isMigration(app, name)) {
			writer = app.Name + "/" + name // it runs for one color only, whichever
		}
		targets := make([]string, len(mounts))
		for i, m := range mounts {
			targets[i] = m.Target
		}
		data := dataTargets(s.Image, targets)
		for _, m := range mounts {
			git := m.Type == types.VolumeTypeBind && below(filepath.Clean(app.Root), filepath.Clean(m.Source))
			if place := placeOf(p, m); place != "" && !m.ReadOnly && !git && s.GetScale() > 0 {
				all = append(all, use{
					project: p.Name, service: name, writer: writer, count: s.GetScale(), target: m.Target, place: place, data: data[m.Target], after: s.DependsOn,
				})
			}
		}
	}
	return all
}

// mountsOf are the mounts of a service, with those that it has from other services.
func mountsOf(p *types.Project, name string, seen map[string]bool) []types.ServiceVolumeConfig {
	s, ok := p.Services[name]
	if !ok || seen[name] {
		return nil
	}
	seen[name] = true
	all := slices.Clone(s.Volumes)
	for _, from := range s.VolumesFrom {
		other, mode, _ := strings.Cut(from, ":")
		if strings.HasPrefix(from, types.ContainerPrefix) {
			continue // of a container that is not the app's: the policy has its say
		}
		for _, m := range mountsOf(p, other, seen) {
			m.ReadOnly = m.ReadOnly || mode == "ro"
			all = append(all, m)
		}
	}
	return all
}

// placeOf says what a mount mounts, in the same words for the same thing; "" for what no
// other container can have.
func placeOf(p *types.Project, m types.ServiceVolumeConfig) string {
	switch {
	case m.Type == types.VolumeTypeBind:
		return directoryPlace(m.Source)
	case m.Type != types.VolumeTypeVolume || m.Source == "":
		return ""
	}
	v := p.Volumes[m.Source]
	place := volumePlace(v.Name, v.DriverOpts)
	if m.Volume != nil && m.Volume.Subpath != "" {
		place += ", " + filepath.Clean(m.Volume.Subpath)
	}
	return place
}

// volumePlace looks through a volume that only shows something else.
func volumePlace(name string, options map[string]string) string {
	o := localVolume(options)
	switch {
	case o.bind && filepath.IsAbs(o.device):
		return directoryPlace(o.device)
	case o.strange != "" && o.device != "":
		return fmt.Sprintf("file system %s (%s)", o.device, o.flags)
	}
	return "volume " + name
}

func directoryPlace(dir string) string {
	dir = filepath.Clean(dir)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return "directory " + dir
}

// dataFaults finds every service that would write where a datastore keeps its data.
func (r *resolution) dataFaults(app deploy.App) deploy.Faults {
	var all []use
	if r.shared != nil {
		all = usesOf(app, r.shared)
	}
	for _, color := range deploy.Colors() {
		all = append(all, usesOf(app, r.colored[color])...)
	}
	byPlace := map[string][]use{}
	for _, u := range all {
		byPlace[u.place] = append(byPlace[u.place], u)
	}
	var faults deploy.Faults
	for _, place := range sortedKeys(byPlace) {
		uses := byPlace[place]
		if i := slices.IndexFunc(uses, func(u use) bool { return u.data }); i >= 0 {
			faults = append(faults, r.sharers(uses[i], uses)...)
		}
	}
	return faults
}

// sharers are the faults of those that write where owner keeps its data.
func (r *resolution) sharers(owner use, uses []use) deploy.Faults {
	var faults deploy.Faults
	for _, u := range uses {
		c := r.stackFile.checker(r.colored[deploy.Blue], hostRules{})
		if r.shared != nil && u.project == r.shared.Name {
			c = r.sharedFile.checker(r.shared, hostRules{})
		}
		where := at(u.service, "volumes", "~"+u.target)
		switch {
		case u.writer == owner.writer && u.count > 1 && u.data:
			c.fault(where, "%d containers of %s would write to the %s at once, and what a database keeps there would be lost: let there be one of it", u.count, u.service, u.place)
		case u.writer == owner.writer, owner.after[u.service].Condition == types.ServiceConditionCompletedSuccessfully && u.project == owner.project:
		case u.service == owner.service && u.project != owner.project && (r.shared == nil || owner.project != r.shared.Name):
			c.fault(where, "the containers of both colors would write to the %s at once, and what a database keeps there would be lost: "+
				"move %s to the shared stack (shared: in tandem.yaml), where there is one of it", u.place, u.service)
		default:
			advice := "give " + u.service + " a volume of its own"
			if !u.data {
				advice = "mount it read-only (:ro) in " + u.service + ", or " + advice
			}
			c.fault(where, "%s would write to the %s, where %s keeps its data, and that would be lost: %s", u.service, u.place, owner.service, advice)
		}
		faults = append(faults, c.faults...)
	}
	return faults
}
