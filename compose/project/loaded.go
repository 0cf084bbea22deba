package project

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// Resolution is an app's Compose files, resolved and found fit.
type Resolution struct {
	Colored    map[deploy.Color]*types.Project // all services of the stack, singletons too
	Migrations map[deploy.MigrationKind]map[deploy.Color]*types.Project
	Shared     *types.Project // nil: the app has none
	StackFile  *file
	SharedFile *file             // nil: the app has none
	Made       map[string]string // service of shared -> serviceHash
	secrets    secretRefs        // the projects have marks in place of their values until they are revealed
	Release    deploy.Release
}

// hash notes what the release and each shared service is made from.
func (r *Resolution) hash(ctx context.Context, app deploy.App) error {
	files := newContents(app.Root)
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
	return pointerFaults(app, files.lfs).Err()
}

// loadShared loads the shared stack; the file is nil when the app has none.
func (r *Resolution) loadShared(ctx context.Context, app deploy.App) (*file, error) {
	shared, err := openShared(app)
	if err != nil || shared == nil {
		return nil, err
	}
	shared.secrets = r.secrets
	r.Shared, err = shared.resolve(ctx, app.SharedProject(), sharedVariables(app, r.secrets))
	return shared, err
}

// Reveal puts the values of the secrets into all projects.
func (r *Resolution) Substitute() {
	r.secrets.substitute(r.Shared)
	for _, p := range r.Colored {
		r.secrets.substitute(p)
	}
	for _, pair := range r.Migrations {
		for _, p := range pair {
			r.secrets.substitute(p)
		}
	}
}

// openShared returns nil when the app has no shared stack.
func openShared(app deploy.App) (*file, error) {
	if app.Shared == "" {
		return nil, nil
	}
	return openFile(app, "shared", app.Shared)
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

// settle makes a project that was found fit what is run: the files with
// environment and labels are read, a port that names no address can only be
// reached from this host, and what comes from git can only be read. A container that
// could write there could put a link to / in place of a directory, which Docker would
// follow when the next container that mounts it is started.
func (f *file) finalize(p *types.Project) error {
	if err := f.variableBytes(p); err != nil {
		return err
	}
	if err := f.addVariables(p); err != nil {
		return f.loadFault(err)
	}
	if faults := f.labelFaults(p); len(faults) > 0 {
		return faults
	}
	for name, s := range p.Services {
		for i := range s.Ports {
			if s.Ports[i].HostIP == "" {
				s.Ports[i].HostIP = loopback
			}
		}
		for i, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && Below(filepath.Clean(f.app.Root), filepath.Clean(v.Source)) {
				s.Volumes[i].ReadOnly = true
			}
		}
		p.Services[name] = s
	}
	return nil
}

// labelFaults finds reserved labels that came from a file.
func (f *file) labelFaults(p *types.Project) deploy.Faults {
	c := f.Checker(p, HostRules{})
	for _, name := range p.ServiceNames() {
		for _, key := range SortedKeys(p.Services[name].Labels) {
			if text := Reserved(key); text != "" {
				c.Fault(At(name, "label_file"), "%s: %s", key, text)
			}
		}
	}
	return c.Faults
}

// loopback is where a port is published when the file names no address.
const loopback = "127.0.0.1"

// OnLoopback tells whether a port that is published on the address answers on
// 127.0.0.1, which is where Nginx asks.
func OnLoopback(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "127.0.0.1" }

// HooksLabel writes hooks for LabelPreStop, "" for none.
func HooksLabel(hooks []types.ServiceHook) string {
	if len(hooks) == 0 {
		return ""
	}
	text, err := json.Marshal(hooks)
	if err != nil {
		panic("lists and maps of words cannot be written: " + err.Error())
	}
	return string(text)
}
