package project

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"tandem/compose/project/buildcontext"
	"tandem/compose/project/composefile"
	"tandem/reconciler/deploy"
)

// Build is an image that this host's engine makes of the commit's files.
type Build struct {
	Service string
	Image   string            // its name: "<app>-<service>:<tag>"
	Config  types.BuildConfig // with an absolute context in the app's directory

	// Input is the hash of all that the image is made from, but for the images that it
	// begins with. It is the same for the same files, whatever commit they are of.
	Input string
	// Secrets are those that a step of the Dockerfile can read, by their ids. No layer
	// has one. The values are placeholders until SubstituteSecrets.
	Secrets map[string]types.SecretConfig
}

// buildIn returns the build of one service of the project, if it has one.
func (r *Resolution) buildIn(p *types.Project, service string) (Build, bool) {
	i := slices.IndexFunc(r.Builds, func(b Build) bool { return b.Service == service && b.Image == p.Services[service].Image })
	if i < 0 {
		return Build{}, false
	}
	return r.Builds[i], true
}

// BuildsOf returns the builds of the project's services.
func (r *Resolution) BuildsOf(p *types.Project) []Build {
	var builds []Build
	for _, name := range p.ServiceNames() {
		if b, ok := r.buildIn(p, name); ok {
			builds = append(builds, b)
		}
	}
	return builds
}

// takeBuilds takes what is built out of the projects: where a service has an image beside
// its build, that is pulled; where it has a build alone, the image gets a name of ours.
func (r *Resolution) takeBuilds(app deploy.App) deploy.Faults {
	shared := newChecker(cmp.Or(r.sharedFile, r.stackFile), r.Shared, hostRules{})
	blue := newChecker(r.stackFile, r.Colored[deploy.Blue], hostRules{})
	if r.Shared != nil {
		r.takeProject(app, shared, r.Shared)
	}
	r.takeProject(app, blue, r.Colored[deploy.Blue])
	first := r.Builds
	r.Builds = nil
	green := newChecker(r.stackFile, r.Colored[deploy.Green], hostRules{})
	r.takeProject(app, green, r.Colored[deploy.Green])
	for _, b := range r.Builds {
		i := slices.IndexFunc(first, func(o Build) bool { return o.Service == b.Service })
		if i >= 0 && !sameBuild(first[i].Config, b.Config) {
			blue.fault(at(b.Service, "build"), "blue and green would be built differently, and run one image: take ${COLOR} and the ports out of build, and give them to the container under environment")
		}
	}
	r.Builds = first
	return append(shared.faults, blue.faults...)
}

func sameBuild(a, b types.BuildConfig) bool { return buildText(a, "") == buildText(b, "") }

// takeProject takes the builds out of one project.
func (r *Resolution) takeProject(app deploy.App, c *checker, p *types.Project) {
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		if s.Build == nil {
			continue
		}
		config := *s.Build
		switch {
		case s.Image != "":
			r.note(c, at(name, "build"), "the image is pulled, and not built here: build is for the machines that have no image yet")
		case !app.Build:
			c.fault(at(name, "build"), "the service has a build and no image: write build: true in tandem.yaml to have it built on this host from the commit, or build it in CI and write image: <repository>:${TAG} here")
			s.Image = builtName(app, name) // of which nothing is said besides
		default:
			s.Image, s.PullPolicy = builtName(app, name), types.PullPolicyNever
			c.build(name, config)
			if i := slices.IndexFunc(r.Builds, func(b Build) bool { return b.Image == s.Image }); i >= 0 {
				c.fault(at(name, "build"), "the image would be called %s, as that of %s is: give one of the services another name", s.Image, r.Builds[i].Service)
			}
			r.noteUnused(c, name, config)
			r.Builds = append(r.Builds, Build{Service: name, Image: s.Image, Config: config, Secrets: c.buildSecrets(name, config)})
		}
		s.Build = nil
		p.Services[name] = s
	}
}

func builtName(app deploy.App, service string) string {
	name := app.Name + "-" + service + ":" + app.Tag
	if _, err := reference.ParseNormalizedNamed(name); err == nil {
		return name
	}
	return app.Name + "-" + repositoryPart(service) + ":" + app.Tag
}

// repositoryPart is the name of a service, which may be no part of an image's name, as one.
func repositoryPart(service string) string {
	var out []rune
	for _, r := range service {
		switch {
		case r >= 'A' && r <= 'Z':
			out = append(out, r-'A'+'a')
		case r == '_' || r == '.':
			out = append(out, '-') // which may stand in a row, unlike these
		default:
			out = append(out, r)
		}
	}
	if len(out) > 0 && out[len(out)-1] == '-' {
		out = append(out, 'x') // a name ends with a letter
	}
	return string(out)
}

// note tells what is made of what stands at where, once.
func (r *Resolution) note(c *checker, where []string, text string) {
	name, line := c.Locate(where...)
	n := deploy.Note{File: name, Line: line, Path: composefile.PathText(where), Text: text}
	if !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}

// noteUnused tells what of a build has no meaning for an image that stays on this host.
func (r *Resolution) noteUnused(c *checker, name string, b types.BuildConfig) {
	unused := map[string]bool{
		"cache_from": len(b.CacheFrom) > 0, "cache_to": len(b.CacheTo) > 0, "tags": len(b.Tags) > 0,
		"provenance": b.Provenance != "", "sbom": b.SBOM != "",
	}
	for _, key := range sortedKeys(unused) {
		if unused[key] {
			r.note(c, at(name, "build", key), "left out: the image stays on this host, whose own cache is used")
		}
	}
}

// buildSecrets finds the secrets that the build asks for.
func (c *checker) buildSecrets(name string, b types.BuildConfig) map[string]types.SecretConfig {
	secrets := map[string]types.SecretConfig{}
	for _, ref := range b.Secrets {
		secret := c.project.Secrets[ref.Source]
		if secret.File == "" && secret.Environment == "" && secret.Content == "" && !bool(secret.External) {
			c.fault(at(name, "build", "secrets"), "the file declares no secret %s with a file or a variable: add it under secrets", ref.Source)
			continue
		}
		c.fileObject([]string{"secrets", ref.Source}, types.FileObjectConfig(secret))
		secrets[path.Base(cmp.Or(ref.Target, ref.Source))] = secret
	}
	return secrets
}

// readBuilds hashes what each image is made from.
func (r *Resolution) readBuilds(ctx context.Context, app deploy.App, files *contents) error {
	var faults deploy.Faults
	for i, b := range r.Builds {
		input, err := files.buildInput(ctx, app, b)
		var wrong *buildcontext.Error
		switch {
		case errors.As(err, &wrong):
			c := newChecker(r.stackFile, nil, hostRules{})
			if r.sharedFile != nil && r.Shared != nil && r.Shared.Services[b.Service].Image == b.Image {
				c.File = r.sharedFile
			}
			if c.MissingElsewhere(dockerfileOf(b.Config), at(b.Service, "build", wrong.Key)...) {
				continue
			}
			c.fault(at(b.Service, "build", wrong.Key), "%s", wrong.Text)
			faults = append(faults, c.faults...)
		case err != nil:
			return fmt.Errorf("read what %s is built from: %w", b.Service, err)
		}
		r.Builds[i].Input = input
	}
	return composefile.SortFaults(faults).Err()
}

// dockerfileOf is the path of the file that says how an image is built.
func dockerfileOf(b types.BuildConfig) string {
	name := cmp.Or(b.Dockerfile, "Dockerfile")
	if !filepath.IsAbs(name) {
		name = filepath.Join(b.Context, name)
	}
	return name
}

// buildInput is the hash of what one image is made from.
func (c *contents) buildInput(ctx context.Context, app deploy.App, b Build) (_ string, err error) {
	from, err := OpenContext(ctx, app, b)
	if err != nil {
		return "", err
	}
	defer func() { err = closeErr(from, err) }()
	h := sha256.New()
	writePart(h, []byte(buildText(b.Config, app.Root)))
	writePart(h, from.Dockerfile)
	for _, id := range slices.Sorted(maps.Keys(b.Secrets)) {
		writePart(h, []byte("secret "+id))
	}
	below := relativeTo(app.Root, b.Config.Context)
	err = from.Walk(ctx, func(name string, mode fs.FileMode) error {
		sum, err := c.digest(ctx, from.Dir(), filepath.FromSlash(name), path.Join(below, name), mode)
		if err != nil {
			return plain(err)
		}
		writePart(h, []byte(name))
		writePart(h, []byte(sum))
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// OpenContext opens what an image is built from. The app's tandem.yaml is no part of it: a
// new tag alone changes no image.
func OpenContext(ctx context.Context, app deploy.App, b Build) (*buildcontext.Context, error) {
	return buildcontext.Open(ctx, app.Root, b.Config, filepath.Join(app.Root, path.Base(app.File)))
}
