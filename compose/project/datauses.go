package project

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// What a datastore keeps in a volume or a directory of this host is lost when a second
// container writes there. So where one keeps its data, nobody else may write; to read it,
// for a backup, is harmless. This file finds that in the app's own files, and occupied.go
// asks the engine for what runs already.

// WritableMount is one place of this host that a service can write to: a volume or a
// directory.
type WritableMount struct {
	Project string
	Service string
	Place   string // what is mounted, in words: "volume shop-shared_data", "directory /srv/data"
	Data    bool   // as a datastore the service keeps its data there

	writer string                // the same for containers that never run at the same time
	count  int                   // containers of the service
	target string                // where it is mounted
	after  types.DependsOnConfig // of the service
}

// WritableMounts lists what the services of a project can write to. What comes from git is
// mounted read-only.
func WritableMounts(app deploy.App, p *types.Project) []WritableMount {
	var all []WritableMount
	for _, name := range p.ServiceNames() {
		s, mounts, writer := p.Services[name], mountsOf(p, name, map[string]bool{}), p.Name+"/"+name
		if p.Name != app.SharedProject() && (isSingleton(app, name) || isMigration(app, name)) {
			writer = app.Name + "/" + name // it runs for one color only, whichever
		}
		targets := make([]string, len(mounts))
		for i, m := range mounts {
			targets[i] = m.Target
		}
		data := DataDirectories(s.Image, targets)
		for _, m := range mounts {
			git := m.Type == types.VolumeTypeBind && rootfile.Below(filepath.Clean(app.Root), filepath.Clean(m.Source))
			if place := placeOf(p, m); place != "" && !m.ReadOnly && !git && s.GetScale() > 0 {
				all = append(all, WritableMount{
					Project: p.Name, Service: name, writer: writer, count: s.GetScale(), target: m.Target, Place: place, Data: data[m.Target], after: s.DependsOn,
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
		return DirectoryPlace(m.Source)
	case m.Type != types.VolumeTypeVolume || m.Source == "":
		return ""
	}
	v := p.Volumes[m.Source]
	place := VolumePlace(v.Name, v.DriverOpts)
	if m.Volume != nil && m.Volume.Subpath != "" {
		place += ", " + filepath.Clean(m.Volume.Subpath)
	}
	return place
}

// VolumePlace names a volume as the place of data, and looks through one that only shows
// something else.
func VolumePlace(name string, options map[string]string) string {
	o := policy.ParseVolumeOptions(options)
	switch {
	case o.Bind && filepath.IsAbs(o.Device):
		return DirectoryPlace(o.Device)
	case o.Unknown != "" && o.Device != "":
		return fmt.Sprintf("file system %s (%s)", o.Device, o.Flags)
	}
	return "volume " + name
}

// DirectoryPlace names a directory of this host as the place of data, links followed.
func DirectoryPlace(dir string) string {
	dir = filepath.Clean(dir)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return "directory " + dir
}

// dataFaults finds every service that would write where a datastore keeps its data.
func (r *Resolution) dataFaults(app deploy.App) deploy.Faults {
	var all []WritableMount
	if r.Shared != nil {
		all = WritableMounts(app, r.Shared)
	}
	for _, color := range deploy.Colors() {
		all = append(all, WritableMounts(app, r.Colored[color])...)
	}
	byPlace := map[string][]WritableMount{}
	for _, u := range all {
		byPlace[u.Place] = append(byPlace[u.Place], u)
	}
	var faults deploy.Faults
	for _, place := range sortedKeys(byPlace) {
		uses := byPlace[place]
		if i := slices.IndexFunc(uses, func(u WritableMount) bool { return u.Data }); i >= 0 {
			faults = append(faults, r.sharers(uses[i], uses)...)
		}
	}
	return faults
}

// sharers are the faults of those that write where owner keeps its data.
func (r *Resolution) sharers(owner WritableMount, uses []WritableMount) deploy.Faults {
	var faults deploy.Faults
	for _, u := range uses {
		c := newChecker(r.stackFile, r.Colored[deploy.Blue], hostRules{})
		if r.Shared != nil && u.Project == r.Shared.Name {
			c = newChecker(r.sharedFile, r.Shared, hostRules{})
		}
		where := at(u.Service, "volumes", "~"+u.target)
		switch {
		case u.writer == owner.writer && u.count > 1 && u.Data:
			c.fault(where, "%d containers of %s would write to the %s at once, and what a database keeps there would be lost: let there be one of it", u.count, u.Service, u.Place)
		case u.writer == owner.writer, owner.after[u.Service].Condition == types.ServiceConditionCompletedSuccessfully && u.Project == owner.Project:
		case u.Service == owner.Service && u.Project != owner.Project && IsDatastore(c.project.Services[u.Service].Image): // the projection has told
		case u.Service == owner.Service && u.Project != owner.Project && (r.Shared == nil || owner.Project != r.Shared.Name):
			c.fault(where, "the containers of both colors would write to the %s at once, and what a database keeps there would be lost: "+
				"move %s to the shared stack (shared: in tandem.yaml), where there is one of it", u.Place, u.Service)
		default:
			advice := "give " + u.Service + " a volume of its own"
			if !u.Data {
				advice = "mount it read-only (:ro) in " + u.Service + ", or " + advice
			}
			c.fault(where, "%s would write to the %s, where %s keeps its data, and that would be lost: %s", u.Service, u.Place, owner.Service, advice)
		}
		faults = append(faults, c.faults...)
	}
	return faults
}
