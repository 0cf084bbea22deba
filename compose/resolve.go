package compose

import (
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler/deploy"
)

// resolution is an app's Compose files, resolved and found fit.
type resolution struct {
	colored    map[deploy.Color]*types.Project // all services of the stack, singletons too
	migrations map[deploy.MigrationKind]map[deploy.Color]*types.Project
	shared     *types.Project // nil: the app has none
	stackFile  *file
	sharedFile *file             // nil: the app has none
	made       map[string]string // service of shared -> serviceHash
	secrets    sealed            // the projects have marks in place of their values until they are revealed
	release    deploy.Release
}

// Resolve reads the Compose files under app.Root and returns the release. A
// file that cannot be run blue/green, or that asks for more of this host than
// its policy allows, is deploy.Faults: all of them at once. So is one that would
// begin with an empty volume where this host has the one with the data (see
// formerVolumes), or that asks for more processors than it has. Docker is asked only for what the file alone does not tell.
func (c *Client) Resolve(ctx context.Context, app deploy.App) (deploy.Release, error) {
	r, err := c.resolve(ctx, app)
	if err != nil {
		return deploy.Release{}, err
	}
	faults, err := c.processorFaults(ctx, r)
	if err != nil {
		return deploy.Release{}, err
	}
	if err := withFaults(faults, c.formerVolumes(ctx, app, r)); err != nil {
		return deploy.Release{}, err
	}
	return r.release, nil
}

func (c *Client) resolve(ctx context.Context, app deploy.App) (*resolution, error) {
	secrets, err := c.openSecrets(ctx, app)
	if err != nil {
		return nil, err
	}
	leave, err := c.tryOut(ctx, app, secrets)
	if err != nil {
		return nil, err
	}
	defer leave()
	return c.load(ctx, app, secrets)
}

// load loads and projects the app's files. It is the whole of what a trial does, too.
func (c *Client) load(ctx context.Context, app deploy.App, secrets sealed) (*resolution, error) {
	r := &resolution{secrets: secrets}
	stack, err := openStack(app)
	if err != nil {
		return nil, err
	}
	stack.secrets = r.secrets
	if r.colored, err = stack.colored(ctx); err != nil {
		return nil, err
	}
	shared, err := r.loadShared(ctx, app)
	if _, refused := deploy.AsFaults(err); err != nil && !refused {
		return nil, err
	}
	r.stackFile, r.sharedFile = stack, shared
	grave, more := r.budgetFaults(stack, shared)
	if len(grave) > 0 {
		return nil, withFaults(grave, err)
	}
	if err != nil {
		return nil, withFaults(stack.check(r.colored, c.rules(nil)), err)
	}
	free, err := c.freeOf(ctx, app, r.shared, r.colored[deploy.Blue], r.colored[deploy.Green], r.shared)
	if err != nil {
		return nil, err
	}
	faults := stack.check(r.colored, c.rules(free))
	if shared != nil {
		faults = append(faults, shared.checkShared(r.shared, c.rules(free))...)
	}
	faults = append(faults, inOrder(r.dataFaults(app))...)
	if err := append(faults, onNewLines(faults, more)...).Err(); err != nil {
		return nil, err
	}
	for color, p := range r.colored {
		if err := stack.settle(p); err != nil {
			return nil, err
		}
		r.colored[color] = p
	}
	if r.shared != nil {
		if err := shared.settle(r.shared); err != nil {
			return nil, err
		}
	}
	// Once more: the files with variables and labels count as well.
	if grave, _ := r.budgetFaults(stack, shared); len(grave) > 0 {
		return nil, grave
	}
	if err := r.separate(app); err != nil {
		return nil, err
	}
	if err := r.hash(ctx, app); err != nil {
		var much tooMuch
		if errors.As(err, &much) {
			return nil, deploy.Faults{{File: stack.name(), Text: err.Error()}}
		}
		return nil, err
	}
	return r, nil
}

// hash notes what the release and each shared service is made from.
func (r *resolution) hash(ctx context.Context, app deploy.App) error {
	files := newContents(app.Root)
	if err := r.hashShared(ctx, app, files); err != nil {
		return err
	}
	hash, err := releaseHash(ctx, app, r, files)
	if err != nil {
		return err
	}
	// What the contract migration mounts is no part of the release, and is mounted as well.
	for _, p := range r.migrations[deploy.ContractMigration] {
		if err := files.add(ctx, sha256.New(), filesOf(p, p.Services)); err != nil {
			return err
		}
	}
	r.release = deploy.Release{Tag: app.Tag, Hash: hash}
	return pointerFaults(app, files.lfs).Err()
}

// loadShared loads the shared stack; the file is nil when the app has none.
func (r *resolution) loadShared(ctx context.Context, app deploy.App) (*file, error) {
	shared, err := openShared(app)
	if err != nil || shared == nil {
		return nil, err
	}
	shared.secrets = r.secrets
	r.shared, err = shared.resolve(ctx, app.SharedProject(), sharedVariables(app, r.secrets))
	return shared, err
}

// rules are this host's, with what the engine says besides.
func (c *Client) rules(free map[external]bool) hostRules {
	socket, _ := strings.CutPrefix(c.host, "unix://")
	return hostRules{allowed: c.policy, socket: socket, free: free}
}

// resolveRelease resolves the app for being run, with the values of its secrets,
// and makes sure that its files are those of app.Release.
func (c *Client) resolveRelease(ctx context.Context, app deploy.App) (*resolution, error) {
	r, err := c.resolve(ctx, app)
	if faults, refused := deploy.AsFaults(err); refused {
		err = &deploy.FilesChangedError{Release: app.Release, Root: app.Root, Err: faults} // a release has none
	}
	if err == nil && r.release != app.Release {
		err = &deploy.FilesChangedError{Release: app.Release, Root: app.Root}
	}
	if err != nil {
		return nil, err
	}
	r.reveal()
	return r, nil
}

// reveal puts the values of the secrets into all projects.
func (r *resolution) reveal() {
	r.secrets.reveal(r.shared)
	for _, p := range r.colored {
		r.secrets.reveal(p)
	}
	for _, pair := range r.migrations {
		for _, p := range pair {
			r.secrets.reveal(p)
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

// withFaults adds the faults in err to those already found, so that a person is
// told of all of them; any other error comes first.
func withFaults(found deploy.Faults, err error) error {
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
func (f *file) settle(p *types.Project) error {
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
			if v.Type == types.VolumeTypeBind && below(filepath.Clean(f.app.Root), filepath.Clean(v.Source)) {
				s.Volumes[i].ReadOnly = true
			}
		}
		p.Services[name] = s
	}
	return nil
}

// labelFaults finds reserved labels that came from a file.
func (f *file) labelFaults(p *types.Project) deploy.Faults {
	c := f.checker(p, hostRules{})
	for _, name := range p.ServiceNames() {
		for _, key := range sortedKeys(p.Services[name].Labels) {
			if text := reserved(key); text != "" {
				c.fault(at(name, "label_file"), "%s: %s", key, text)
			}
		}
	}
	return c.faults
}

// loopback is where a port is published when the file names no address.
const loopback = "127.0.0.1"
