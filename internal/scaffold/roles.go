package scaffold

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// service is one service of the files, with what was found out about it.
type service struct {
	types.ServiceConfig
	order  int    // in which it stands in the files
	image  image  // that it runs; nothing where it is only built
	base   image  // that its Dockerfile is built from; nothing where that is not known
	expose []int  // ports that its Dockerfile exposes
	asked  string // the image as it is written, with variables
	data   []dataMount
	places []string // all that it mounts, to be read alone too
	role   role
}

// dataMount is a place in which a service keeps something.
type dataMount struct {
	key    string // volume, or directory as it is written
	volume bool
	target string
}

// role is what a service is, before anything is decided about it.
type role int

const (
	roleApp       role = iota
	roleStore          // a database, a cache, a broker
	roleProxy          // stands between people and everything on the host
	roleWebServer      // Nginx and the like: part of the app, or a proxy
	roleMail           // swallows mail
	roleTool           // for the person who looks after the host
	roleCollector      // takes in logs and figures
)

// survey is all services of a source.
type survey struct {
	*Source
	all    map[string]*service
	sorted []*service // as they stand in the files
}

func newSurvey(s *Source) *survey {
	v := &survey{Source: s, all: map[string]*service{}}
	for name, config := range s.Project.Services {
		svc := &service{ServiceConfig: config, order: s.raw[name].order, asked: s.raw[name].image, image: parseImage(config.Image)}
		svc.base, svc.expose = s.dockerfileOf(config)
		for _, m := range config.Volumes {
			if d, ok := v.dataOf(m); ok {
				if written := s.raw[name].written(m.Target, s.env); written != "" {
					d.key = written
				}
				svc.data = append(svc.data, d)
			}
			if m.Source != "" {
				svc.places = append(svc.places, m.Source)
			}
		}
		svc.role = roleOf(svc)
		v.all[name] = svc
		v.sorted = append(v.sorted, svc)
	}
	slices.SortFunc(v.sorted, func(a, b *service) int { return a.order - b.order })
	return v
}

// roleOf tells what a service is by its image, and by what it asks of the host.
func roleOf(s *service) role {
	is := s.image
	if s.Build != nil {
		// The name is the person's own. What it is built from tells, if that is a store.
		if isStore(s.base) {
			return roleStore
		}
		is = image{}
	}
	command := strings.Join(append(slices.Clone(s.Entrypoint), s.Command...), " ")
	switch {
	case isStore(is):
		return roleStore
	case is.isOneOf(proxies) || strings.Contains(command, "kamal-proxy run") || is.name == "cloudflared" && strings.Contains(command, "tunnel"):
		return roleProxy
	case is.isOneOf(mailCatchers):
		return roleMail
	case s.mountsDockerSocket() && s.publishes(80, 443):
		return roleProxy
	case is.isOneOf(tools) || s.mountsDockerSocket() && len(s.Ports) == 0 && len(s.needs()) == 0:
		return roleTool
	case is.isOneOf(collectors):
		return roleCollector
	case is.isOneOf(webServers) || s.Build != nil && s.base.isOneOf(webServers):
		return roleWebServer
	}
	return roleApp
}

func (s *service) mountsDockerSocket() bool {
	return slices.ContainsFunc(s.Volumes, func(m types.ServiceVolumeConfig) bool { return path.Base(m.Source) == "docker.sock" })
}

// publishes tells whether one of the ports is published on the host.
func (s *service) publishes(ports ...int) bool {
	return slices.ContainsFunc(s.Ports, func(p types.ServicePortConfig) bool {
		return slices.ContainsFunc(ports, func(port int) bool { return p.Published == itoa(port) })
	})
}

// systemDirectories are of the host, and no app keeps its data there.
var systemDirectories = []string{"/etc", "/proc", "/sys", "/dev", "/run", "/var/run", "/lib", "/usr", "/bin", "/boot", "/tmp", "/var/log", "/var/lib/docker"}

// dataOf tells whether a mount is a place to keep something in: a volume, or a directory
// that a service may write to and that does not come from git.
func (v *survey) dataOf(m types.ServiceVolumeConfig) (dataMount, bool) {
	if m.ReadOnly || m.Source == "" {
		return dataMount{}, false
	}
	switch m.Type {
	case types.VolumeTypeVolume:
		return dataMount{key: m.Source, volume: true, target: m.Target}, true
	case types.VolumeTypeBind:
		rel, local := v.inside(m.Source)
		if v.isFile(m) || local && v.Tracked(rel) {
			return dataMount{}, false
		}
		if slices.ContainsFunc(systemDirectories, func(dir string) bool { return m.Source == dir || strings.HasPrefix(m.Source, dir+"/") }) || m.Source == "/" {
			return dataMount{}, false
		}
		return dataMount{key: m.Source, target: m.Target}, true
	}
	return dataMount{}, false
}

// needs are the services that one waits for or is linked to.
func (s *service) needs() []string {
	names := s.GetDependencies()
	for _, link := range s.Links {
		name, _, _ := strings.Cut(link, ":")
		names = append(names, name)
	}
	return names
}

// reaches tells whether one service waits for another, directly or not.
func (v *survey) reaches(from, to string) bool {
	seen := map[string]bool{}
	var walk func(name string) bool
	walk = func(name string) bool {
		s := v.all[name]
		if s == nil || seen[name] {
			return false
		}
		seen[name] = true
		return slices.ContainsFunc(s.needs(), func(next string) bool { return next == to || walk(next) })
	}
	return walk(from)
}

// shareData tells whether two services mount something that one of them may write to.
func shareData(a, b *service) bool {
	writes := func(w, r *service) bool {
		return slices.ContainsFunc(w.data, func(m dataMount) bool { return slices.Contains(r.places, m.key) })
	}
	return writes(a, b) || writes(b, a)
}

// line is what a service runs, in one line, for the words in it.
func (s *service) line() string {
	return strings.Join(append(slices.Clone(s.Entrypoint), s.Command...), " ")
}

// sameProgram tells whether two services are of one app: the same build, or images of the
// same repository, or with the same variable as their tag, or of one owner and with the same
// tag.
func sameProgram(a, b *service) bool {
	if v := a.tagVariable(); v != "" && v == b.tagVariable() {
		return true
	}
	if a.Build != nil && b.Build != nil && filepath.Clean(a.Build.Context) == filepath.Clean(b.Build.Context) {
		return true
	}
	if a.image.name == "" || b.image.name == "" {
		return false
	}
	official := strings.HasPrefix(a.image.path, "library/")
	return a.image.owner == b.image.owner && (a.image.repository == b.image.repository || !official && a.image.tag == b.image.tag)
}
