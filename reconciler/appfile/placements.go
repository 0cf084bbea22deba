package appfile

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// This file reads what a person decides about the services and volumes of the Compose
// files: which run, where, and with which image.

func (p appParser) placements() {
	for _, n := range p.root.Get("profiles").Items() {
		var name string
		switch {
		case !n.Text(&name):
		case !profilePattern.MatchString(name):
			n.Fault("want the name of a Compose profile (letters, digits, . _ -), got %s", quoted(name))
		case slices.Contains(p.app.Profiles, name):
			n.Fault("%s is listed twice; keep one", name)
		default:
			p.app.Profiles = append(p.app.Profiles, name)
		}
	}
	p.serviceList(p.root.Get("ignore"), &p.app.Ignore)
	p.volumes()
	p.images()
	p.data()
	p.adopt()
}

// projectPattern is what Compose allows as the name of a project.
var projectPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,127}$`)

// adopt reads which Compose project ran the app until now.
func (p appParser) adopt() {
	var name string
	n := p.root.Get("adopt")
	if !n.Present() || !n.Text(&name) || name == "" {
		return
	}
	colored := []string{p.app.Project(deploy.Blue), p.app.Project(deploy.Green)}
	switch {
	case !projectPattern.MatchString(name):
		n.Fault("want the name of a Compose project (small letters, digits, _ and -), as docker compose ls prints it, got %s", quoted(name))
	case slices.Contains(colored, name):
		n.Fault("%s is the project of one color of this app; write the one that ran the app before, as docker compose ls prints it", name)
	default:
		p.app.Adopt = name
	}
}

var profilePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// serviceList reads names of services, each of which may stand there once.
func (p appParser) serviceList(list strictyaml.Node, to *[]string) {
	seen := map[string]strictyaml.Node{}
	for _, n := range list.Items() {
		var name string
		if !p.service(n, &name) {
			continue
		}
		if first, twice := seen[name]; twice {
			n.Fault("%s is listed twice (first in line %d); keep one", name, first.Line)
			continue
		}
		seen[name] = n
		*to = append(*to, name)
	}
}

// volumes reads who has a volume that colored services write to.
func (p appParser) volumes() {
	list := p.root.Get("volumes")
	if !list.Mapping() {
		return
	}
	for name, n := range list.Entries() {
		var use deploy.VolumeUse
		if !strictyaml.OneOf(n, &use, deploy.VolumeBoth, deploy.VolumeEach) {
			continue
		}
		if p.app.Volumes == nil {
			p.app.Volumes = map[string]deploy.VolumeUse{}
		}
		if strings.ContainsRune(name, '/') {
			name = path.Clean(name) // a directory, however it is written
		}
		p.app.Volumes[name] = use
	}
}

// images reads which repository of a service's image the tag belongs to.
func (p appParser) images() {
	list := p.root.Get("images")
	if !list.Mapping() {
		return
	}
	for service, n := range list.Entries() {
		var repository string
		switch {
		case !servicePattern.MatchString(service):
			n.Fault("want the name of a Compose service before the colon (letters, digits, . _ -), got %s", quoted(service))
		case !n.Text(&repository):
		case !isRepository(repository):
			n.Fault("want the image without a tag, such as acme/api, got %s: tag has the tag", quoted(repository))
		default:
			if p.app.Images == nil {
				p.app.Images = map[string]string{}
			}
			p.app.Images[service] = repository
		}
	}
}

// isRepository tells whether the text is an image's name without tag and digest.
func isRepository(s string) bool {
	named, err := reference.ParseNormalizedNamed(s)
	return err == nil && reference.IsNameOnly(named)
}

// data reads the directory in which the services' own directories are.
func (p appParser) data() {
	var dir string
	n := p.root.Get("data")
	if !n.Present() || !n.Text(&dir) {
		return
	}
	if !path.IsAbs(dir) || path.Clean(dir) == "/" || strings.ContainsAny(dir, ":,\\") {
		n.Fault("want an absolute directory of the server, such as /srv/shop, got %s", quoted(dir))
		return
	}
	p.app.Data = path.Clean(dir)
}
