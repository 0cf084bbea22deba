package project

import (
	"context"
	"crypto/sha256"
	"maps"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/project/composefile"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// Resolution is an app's Compose files, resolved and found fit.
type Resolution struct {
	Release      deploy.Release
	Colored      map[deploy.Color]*types.Project // all services of the stack, singletons too
	Migrations   map[deploy.MigrationKind]map[deploy.Color]*types.Project
	Shared       *types.Project    // nil: the app has none
	SharedHashes map[string]string // service of Shared -> hash of what it is made from
	Notes        []deploy.Note     // what was changed of the files, and why
	Builds       []Build           // the images that are built on this host

	groups     map[string]Group
	ignored    map[string]string // service that is not run -> its image
	stackFile  *composefile.File
	sharedFile *composefile.File      // nil: the app has none
	secrets    composefile.SecretRefs // the projects have placeholders until SubstituteSecrets
}

// Fault tells a person what is wrong with one of the projects, at the deepest part of
// path that the file of the project has.
func (r *Resolution) Fault(p *types.Project, path []string, format string, args ...any) deploy.Fault {
	c := newChecker(r.stackFile, p, hostRules{})
	if p == r.Shared {
		c = newChecker(r.sharedFile, p, hostRules{})
	}
	c.fault(path, format, args...)
	return c.faults[0]
}

// hash notes what the release and each shared service is made from.
func (r *Resolution) hash(ctx context.Context, app deploy.App) error {
	files := newContents(app.Root)
	files.absent, files.hostDir = r.stackFile.MayBeInHostDir, r.stackFile.HostPath(app.Root)
	if err := r.readBuilds(ctx, app, files); err != nil {
		return err
	}
	if err := r.hashShared(ctx, app, files); err != nil {
		return err
	}
	hash, err := releaseHash(ctx, app, r, files)
	if err != nil {
		return err
	}
	// What the contract migration mounts is no part of the release, and is mounted as well.
	for _, p := range r.Migrations[deploy.ContractMigration] {
		if err := files.add(ctx, sha256.New(), filesOf(p, p.Services)); err != nil {
			return err
		}
	}
	r.Release = deploy.Release{Tag: app.Tag, Hash: hash}
	return composefile.LFSFaults(app, files.lfs).Err()
}

// loadShared loads the shared stack; the file is nil when the app has none.
func (r *Resolution) loadShared(ctx context.Context, app deploy.App) (*composefile.File, error) {
	shared, err := composefile.OpenShared(app, r.secrets)
	if err != nil || shared == nil {
		return nil, err
	}
	r.Shared, err = shared.Resolve(ctx, app.SharedProject(), sharedVariables(app, r.secrets))
	return shared, err
}

// SubstituteSecrets puts the values of the secrets in place of their placeholders. The
// projects go to Docker from there; nothing else may be made of them afterwards.
func (r *Resolution) SubstituteSecrets() {
	r.secrets.Substitute(r.Shared)
	for _, p := range r.Colored {
		r.secrets.Substitute(p)
	}
	for _, pair := range r.Migrations {
		for _, p := range pair {
			r.secrets.Substitute(p)
		}
	}
	for _, b := range r.Builds {
		r.secrets.Substitute(&types.Project{Secrets: b.Secrets})
	}
}

// WithFaults adds the faults in err to those already found, so that a person is
// told of all of them; any other error comes first.
func WithFaults(found deploy.Faults, err error) error {
	if err == nil {
		return found.Err()
	}
	if more, ok := deploy.AsFaults(err); ok {
		return append(found, more...)
	}
	return err
}

// finalize makes a project that was found fit what is run: the files with
// environment and labels are read, a port that names no address can only be
// reached from this host, and what comes from git can only be read. A container that
// could write there could put a link to / in place of a directory, which Docker would
// follow when the next container that mounts it is started.
func finalize(f *composefile.File, p *types.Project) error {
	if err := f.AddVariables(p); err != nil {
		return err
	}
	if faults := labelFaults(f, p); len(faults) > 0 {
		return faults
	}
	fromHost(f, p)
	for name, s := range p.Services {
		for i := range s.Ports {
			if s.Ports[i].HostIP == "" {
				s.Ports[i].HostIP = loopback
			}
		}
		for i, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && rootfile.Below(filepath.Clean(f.App.Root), filepath.Clean(v.Source)) {
				s.Volumes[i].ReadOnly = true
			}
		}
		p.Services[name] = s
	}
	return nil
}

// labelFaults finds reserved labels that came from a file.
func labelFaults(f *composefile.File, p *types.Project) deploy.Faults {
	c := newChecker(f, p, hostRules{})
	for _, name := range p.ServiceNames() {
		for _, key := range sortedKeys(p.Services[name].Labels) {
			if text := ReservedLabel(key); text != "" {
				c.fault(at(name, "label_file"), "%s: %s", key, text)
			}
		}
	}
	return c.faults
}

// loopback is where a port is published when the file names no address.
const loopback = "127.0.0.1"

// ReachableOnLoopback tells whether a port that is published on the address answers on
// 127.0.0.1, which is where Nginx asks.
func ReachableOnLoopback(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "127.0.0.1" }

// resolveColors resolves the file once for each color, with the app's migrations.
func resolveColors(ctx context.Context, f *composefile.File) (map[deploy.Color]*types.Project, error) {
	projects := map[deploy.Color]*types.Project{}
	for _, color := range deploy.Colors() {
		variables := f.Secrets.Variables()
		maps.Copy(variables, f.App.Variables(color))
		p, err := f.Resolve(ctx, f.App.Project(color), variables, namedServices(f.App)...)
		if err != nil {
			return nil, err
		}
		projects[color] = p
	}
	return projects, nil
}

// sharedVariables are what the shared file can interpolate: the variables and
// secrets of the app that are the same for both colors. The tag is not among them, because
// what it names must survive every deploy.
func sharedVariables(app deploy.App, secrets composefile.SecretRefs) map[string]string {
	v := secrets.Variables()
	maps.Copy(v, app.Env)
	return v
}
