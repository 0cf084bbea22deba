package project

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// Group is where the projection puts a service.
type Group string

// The groups of services.
const (
	GroupColored   Group = "colored"   // once a color
	GroupShared    Group = "shared"    // once, beside both colors
	GroupSingleton Group = "singleton" // in the live color
	GroupMigration Group = "migration" // once around a release
	GroupIgnored   Group = "ignored"   // nowhere
)

// Placement is what becomes of one service.
type Placement struct {
	Name    string
	Group   Group
	Image   string   // empty: it is built
	Build   string   // the directory that it is built from, as a path of this host; empty: it is pulled
	Ports   []string // as Compose writes them; of a colored service those of both colors, blue's first
	Volumes []string // the same
}

// groups tells where each service of the file is.
func (x *projection) groups() map[string]Group {
	all := map[string]Group{}
	for name := range x.written[deploy.Blue] {
		all[name] = GroupColored
	}
	for _, name := range x.App.Singletons {
		all[name] = GroupSingleton
	}
	for _, name := range migrationsOf(x.App) {
		all[name] = GroupMigration
	}
	for _, name := range x.App.SharedServices {
		all[name] = GroupShared
	}
	for _, name := range x.App.Ignore {
		all[name] = GroupIgnored
	}
	return all
}

// Placements tells what becomes of each service of the app's files, by name.
func (r *Resolution) Placements() []Placement {
	var all []Placement
	add := func(name string, group Group, services ...types.ServiceConfig) {
		p := Placement{Name: name, Group: group}
		for _, s := range services {
			p.Image = s.Image
			if i := slices.IndexFunc(r.Builds, func(b Build) bool { return b.Service == name && b.Image == s.Image }); i >= 0 {
				p.Image, p.Build = "", r.Builds[i].Config.Context // its name has the commit in it, which need not be known yet
			}
			for _, port := range s.Ports {
				p.Ports = append(p.Ports, portText(port))
			}
			for _, v := range s.Volumes {
				if text := mountText(v); !slices.Contains(p.Volumes, text) {
					p.Volumes = append(p.Volumes, text)
				}
			}
		}
		all = append(all, p)
	}
	of := func(name string) []types.ServiceConfig {
		var found []types.ServiceConfig
		for _, color := range deploy.Colors() {
			if s, ok := r.Colored[color].Services[name]; ok {
				found = append(found, s)
			}
			for _, pair := range r.Migrations {
				if s, ok := pair[color].Services[name]; ok {
					found = append(found, s)
				}
			}
		}
		return found
	}
	for _, name := range sortedKeys(r.groups) {
		switch group := r.groups[name]; group {
		case GroupShared:
			add(name, group, r.Shared.Services[name])
		case GroupIgnored:
			all = append(all, Placement{Name: name, Group: group, Image: r.ignored[name]})
		default:
			add(name, group, of(name)...)
		}
	}
	if r.Shared != nil && r.sharedFile != r.stackFile {
		for _, name := range r.Shared.ServiceNames() {
			add(name, GroupShared, r.Shared.Services[name])
		}
	}
	return all
}

func portText(p types.ServicePortConfig) string {
	text := fmt.Sprint(p.Target)
	if p.Published != "" {
		text = p.Published + ":" + text
	}
	if p.HostIP != "" {
		text = p.HostIP + ":" + text
	}
	if p.Protocol == "udp" {
		text += "/udp"
	}
	return text
}

func mountText(v types.ServiceVolumeConfig) string {
	words := []string{v.Source, v.Target}
	if v.Source == "" {
		words = words[1:]
	}
	if v.ReadOnly {
		words = append(words, "ro")
	}
	return strings.Join(words, ":")
}

// ComposeFiles writes each project as a Compose file, under the name of the project.
// Secrets are left out.
func (r *Resolution) ComposeFiles() (map[string]string, error) {
	files := map[string]string{}
	write := func(name string, p *types.Project) error {
		text, err := p.MarshalYAML()
		if err != nil {
			return fmt.Errorf("write the project %s: %w", name, err)
		}
		files[name] = r.secrets.Hide(string(text))
		return nil
	}
	for _, p := range r.Colored {
		if err := write(p.Name, p); err != nil {
			return nil, err
		}
	}
	for kind, pair := range r.Migrations {
		for _, p := range pair {
			if err := write(p.Name+"-"+string(kind), p); err != nil {
				return nil, err
			}
		}
	}
	if r.Shared != nil {
		return files, write(r.Shared.Name, r.Shared)
	}
	return files, nil
}
