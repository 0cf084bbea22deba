package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
	"tandem/compose/project/composefile"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// What an app writes must be there after every deploy, and two containers must not write
// to it unless somebody says that they may. So whoever keeps data is a shared service, or
// tandem.yaml says of each volume who has it. A directory beside the Compose file is one of
// the release's copy, which is removed one day: what is written lies in the app's data
// directory.

// places projects what the services mount.
func (x *projection) places(ctx context.Context) {
	used := map[string]bool{}
	if x.shared != nil {
		for name, s := range x.shared.Services {
			s.Volumes = slices.Clone(s.Volumes)
			for i, v := range s.Volumes {
				s.Volumes[i] = x.sharedMount(name, v, DataDirectories(s.Image, targetsOf(s))[v.Target])
			}
			x.shared.Services[name] = s
		}
	}
	for _, name := range x.colored[deploy.Blue].ServiceNames() {
		x.datastore(ctx, name)
	}
	x.eachColored(func(color deploy.Color, name string, s types.ServiceConfig) types.ServiceConfig {
		s.Volumes = slices.Clone(s.Volumes)
		for i, v := range s.Volumes {
			switch {
			case v.Type == types.VolumeTypeVolume && v.Source != "":
				x.namedVolume(color, name, v, used)
			case v.Type == types.VolumeTypeBind:
				s.Volumes[i] = x.coloredMount(color, name, v, used)
			}
		}
		return s
	})
	for key := range x.App.Volumes {
		if !used[key] {
			x.appFault([]string{"volumes", key}, "no colored service of %s writes to %s: correct the name, or remove it", x.Name(), key)
		}
	}
}

func targetsOf(s types.ServiceConfig) []string {
	targets := make([]string, len(s.Volumes))
	for i, v := range s.Volumes {
		targets[i] = v.Target
	}
	return targets
}

// datastore asks for a database or cache of the colored stack to be shared, also one
// without a volume: what one color writes, the other one would not find.
func (x *projection) datastore(ctx context.Context, name string) {
	s := x.colored[deploy.Blue].Services[name]
	image := s.Image
	if image == "" {
		image = BaseImage(ctx, x.App.Root, s.Build)
	}
	if !IsDatastore(image) || isMigration(x.App, name) || s.GetScale() == 0 {
		return
	}
	file, line := x.Locate("services", name)
	x.appFault([]string{"shared"}, "%s (%s:%d) is a datastore (%s), and each color would have one with half the data: write shared: [%s]",
		name, file, line, image, x.withShared(name))
}

// withShared is the list of shared services with one more.
func (x *projection) withShared(name string) string {
	return strings.Join(append(slices.Clone(x.App.SharedServices), name), ", ")
}

// namedVolume projects a named volume that a colored service mounts.
func (x *projection) namedVolume(color deploy.Color, name string, m types.ServiceVolumeConfig, used map[string]bool) {
	p := x.colored[color]
	v := p.Volumes[m.Source]
	if bool(v.External) {
		return // the file says that there is one
	}
	use := x.App.Volumes[m.Source]
	used[m.Source] = true
	shared := x.plain.Volumes[m.Source]
	switch {
	case use == deploy.VolumeBoth, use == "" && m.ReadOnly:
		x.keepShared(m.Source, shared)
		p.Volumes[m.Source] = types.VolumeConfig{Name: shared.Name, External: true}
		x.note([]string{"volumes", m.Source}, "both colors have the volume %s", shared.Name)
	case use == deploy.VolumeEach:
		v.Name = p.Name + "_" + m.Source
		p.Volumes[m.Source] = v
		x.note([]string{"volumes", m.Source}, "each color has a volume of its own: %s_%s and %s_%s",
			x.App.Project(deploy.Blue), m.Source, x.App.Project(deploy.Green), m.Source)
	case !IsDatastore(x.written[deploy.Blue][name].Image): // of a datastore, a person is told already
		x.undecided(name, at(name, "volumes", "~"+m.Target), "the volume "+m.Source, m.Source)
	}
}

// undecided asks who has what a colored service writes to.
func (x *projection) undecided(name string, where []string, what, key string) {
	file, line := x.Locate(where...)
	if strings.ContainsAny(key, "/. ") {
		key = fmt.Sprintf("%q", key)
	}
	advice := fmt.Sprintf("two versions write to it at once during a deploy: if they may, write volumes: {%s: both}; if each color may have one of its own, such as a cache, write volumes: {%s: each}", key, key)
	if x.routeTo(name) == "" {
		advice += fmt.Sprintf("; if there is to be one %s, write shared: [%s]", name, x.withShared(name))
	}
	x.appFault([]string{"volumes"}, "%s (%s:%d) keeps data in %s, and %s", name, file, line, what, advice)
}

// keepShared lets the shared stack have the volume, so that it is there once.
func (x *projection) keepShared(key string, v types.VolumeConfig) {
	if x.shared == nil {
		x.shared = x.fromFile
	}
	if x.shared == nil {
		empty := *x.plain
		empty.Services, empty.Volumes, empty.Networks, empty.Configs, empty.Secrets = types.Services{}, nil, nil, nil, nil
		x.shared = &empty
	}
	x.shared.Volumes = maps.Clone(x.shared.Volumes)
	if x.shared.Volumes == nil {
		x.shared.Volumes = types.Volumes{}
	}
	if _, has := x.shared.Volumes[key]; !has {
		x.shared.Volumes[key] = v
	}
}

// sharedMount is a directory of this host that a shared service mounts.
func (x *projection) sharedMount(name string, v types.ServiceVolumeConfig, data bool) types.ServiceVolumeConfig {
	if v.Type != types.VolumeTypeBind || !x.toBeWritten(v, data) {
		return v
	}
	from := x.relative(v.Source)
	v.Source = filepath.Join(x.dataDir, filepath.FromSlash(from))
	x.note(at(name, "volumes", "~"+v.Target), "%s is %s: the release's own copy is removed one day, and what %s writes stays", from, v.Source, name)
	return v
}

// coloredMount is a directory of this host that a colored service mounts.
func (x *projection) coloredMount(color deploy.Color, name string, v types.ServiceVolumeConfig, used map[string]bool) types.ServiceVolumeConfig {
	key := path.Clean(filepath.ToSlash(v.Source))
	if rootfile.Below(filepath.Clean(x.App.Root), v.Source) {
		key = x.relative(v.Source)
	}
	where := at(name, "volumes", "~"+v.Target)
	decided := x.decidedBy(key, where, v.Target)
	use := x.App.Volumes[decided]
	used[decided] = used[decided] || use != ""
	switch {
	case use == "" && x.toBeWritten(v, false):
		x.undecided(name, where, "the directory "+key, key)
		v.Source = filepath.Join(x.dataDir, filepath.FromSlash(key)) // else a second fault says that it is not in git
	case use == "":
		return v
	case path.IsAbs(key) && use == deploy.VolumeEach:
		x.appFault([]string{"volumes", key}, "%s is one directory of this host: write both, or a volume in the Compose file", key)
	case path.IsAbs(key):
		x.note(where, "both colors have the directory %s", key)
	case use == deploy.VolumeEach:
		v.Source = filepath.Join(x.dataDir, string(color), filepath.FromSlash(key))
		x.note(where, "%s is a directory of each color below %s", key, x.dataDir)
	default:
		v.Source = filepath.Join(x.dataDir, filepath.FromSlash(key))
		x.note(where, "%s is %s, for both colors: the release's own copy is removed one day, and what %s writes stays", key, v.Source, name)
	}
	return v
}

// decidedBy is what tandem.yaml calls the source of a mount: its path, or the words of the
// Compose file where a variable or a home is in them, which each host has for itself.
func (x *projection) decidedBy(key string, where []string, target string) string {
	if _, ok := x.App.Volumes[key]; ok {
		return key
	}
	written := ""
	for _, item := range []string{"~:" + target, "~" + target} {
		x.Says(func(text string) bool {
			text = strings.Trim(text, `"' `)
			source, rest, short := strings.Cut(text, ":"+target)
			if m := longSource.FindStringSubmatch(text); m != nil {
				written = m[1]
			} else if short && (rest == "" || rest[0] == ':') {
				written = source
			}
			return written != ""
		}, append(slices.Clone(where[:len(where)-1]), item)...)
		if written != "" {
			break
		}
	}
	if written = path.Clean(written); strings.Contains(written, "$") || strings.HasPrefix(written, "~") {
		if _, ok := x.App.Volumes[written]; ok {
			return written
		}
	}
	return key
}

// longSource is the source in the long form of a mount.
var longSource = regexp.MustCompile(`(?m)source["']?:\s*["']?([^\s"',]+)`)

// relative is a path of the app's files as the Compose file has it, slash-separated.
func (x *projection) relative(source string) string {
	return filepath.ToSlash(rootfile.Relative(x.Dir(), source))
}

// toBeWritten tells whether a directory beside the Compose file is there to be written to: it
// may be, and nobody put it into git, or a datastore keeps its data there. What has an
// extension is a file that somebody forgot, and no directory.
func (x *projection) toBeWritten(v types.ServiceVolumeConfig, data bool) bool {
	if x.IsHostFile(v.Source) {
		return false // it is mounted read-only from the host directory
	}
	if v.ReadOnly || !rootfile.Below(filepath.Clean(x.App.Root), filepath.Clean(v.Source)) {
		return false
	}
	_, err := rootfile.Inside(x.App.Root, v.Source)
	return data || errors.Is(err, fs.ErrNotExist) && filepath.Ext(v.Source) == ""
}

// nestedData finds data directories that lie in another one to which a container writes: it
// could put a link in place of the inner one, and lead the next container elsewhere.
func (r *Resolution) nestedData(host policy.Host, app deploy.App) deploy.Faults {
	type use struct {
		*checker
		service string
		types.ServiceVolumeConfig
	}
	var all []use
	collect := func(f *composefile.File, p *types.Project) {
		for _, name := range p.ServiceNames() {
			for _, v := range p.Services[name].Volumes {
				if v.Type == types.VolumeTypeBind && rootfile.Below(cmp.Or(app.Data, host.DataOf(app.Name)), filepath.Clean(v.Source)) {
					all = append(all, use{newChecker(f, p, hostRules{}), name, v})
				}
			}
		}
	}
	for _, color := range deploy.Colors() {
		collect(r.stackFile, r.Colored[color])
	}
	if r.Shared != nil {
		collect(r.sharedFile, r.Shared)
	}
	var faults deploy.Faults
	for _, inner := range all {
		for _, outer := range all {
			a, b := filepath.Clean(outer.Source), filepath.Clean(inner.Source)
			if !outer.ReadOnly && a != b && rootfile.Below(a, b) {
				c := newChecker(inner.File, inner.project, hostRules{})
				c.fault(at(inner.service, "volumes", "~"+inner.Target), "%s lies in %s, to which %s writes: mount directories beside each other", b, a, outer.service)
				faults = append(faults, c.faults...)
				break
			}
		}
	}
	return faults
}
