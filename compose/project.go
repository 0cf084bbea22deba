package compose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"tandem/reconciler"
)

// file is one Compose file of an app, together with the override file that
// Compose reads beside a file that it found by itself.
type file struct {
	app     reconciler.App
	paths   []string // absolute; later ones win
	source  sources  // where everything stands in them, for messages
	secrets sealed   // that the variables of resolve are of
	quota   *quota
}

// openStack finds the file of the colored stack: the one that the app names, or
// the first of reconciler.ComposeNames that exists.
func openStack(app reconciler.App) (*file, error) {
	if app.Compose != "" {
		return openFile(app, "compose", app.Compose)
	}
	for _, name := range reconciler.ComposeNames() {
		if exists(app.Root, name) {
			return openFile(app, "compose", append([]string{name}, overrides(app.Root)...)...)
		}
	}
	return nil, reconciler.Faults{{File: app.File, Path: "compose", Text: fmt.Sprintf(
		"there is no Compose file in %q: add a compose.yaml (or compose.yml, docker-compose.yaml, docker-compose.yml) beside tandem.yaml, or name yours here", app.Dir)}}
}

func overrides(root string) []string {
	for _, name := range cli.DefaultOverrideFileNames {
		if exists(root, name) {
			return []string{name}
		}
	}
	return nil
}

func exists(root, name string) bool {
	_, err := os.Stat(filepath.Join(root, name))
	return err == nil
}

// openFile reads the named files, which are relative to the app's directory and
// must be inside it. key is what names them in tandem.yaml.
func openFile(app reconciler.App, key string, names ...string) (*file, error) {
	f := &file{app: app, quota: newQuota()}
	for _, name := range names {
		full, err := inside(app.Root, filepath.Join(app.Root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, reconciler.Faults{{File: app.File, Path: key, Text: fmt.Sprintf(
				"%s does not exist in %q: add it, or name the right file", name, app.Dir)}}
		}
		if errors.Is(err, errOutside) {
			return nil, reconciler.Faults{{File: app.File, Path: key, Text: fmt.Sprintf(
				"%s leads out of the app's directory: move the file into it", name)}}
		}
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		if _, err := f.read(full); err != nil {
			return nil, reconciler.Faults{{File: app.File, Path: key, Text: err.Error()}}
		}
		src, err := readSource(full, path.Join(app.Dir, filepath.ToSlash(name)))
		if err != nil {
			return nil, err
		}
		f.paths = append(f.paths, full)
		f.source = append(f.source, src)
	}
	return f, nil
}

// dir is the directory that the file's relative paths begin at, as in Compose.
func (f *file) dir() string { return filepath.Dir(f.paths[0]) }

// name is the file as a person knows it, for messages that belong to no line.
func (f *file) name() string { return f.source[0].name }

// resolve loads the file as the Compose project of that name, with the active
// services and those of also. Variables come from the arguments, then from the
// .env file beside it, and from nowhere else: what the agent was started with
// must not decide what is deployed.
func (f *file) resolve(ctx context.Context, project string, variables map[string]string, also ...string) (*types.Project, error) {
	if fault := f.referenceFaults(); len(fault) > 0 {
		return nil, fault
	}
	env := make([]string, 0, len(variables))
	for _, key := range sortedKeys(variables) {
		env = append(env, key+"="+variables[key])
	}
	options := []cli.ProjectOptionsFn{
		cli.WithWorkingDirectory(f.dir()),
		cli.WithName(project),
		cli.WithEnv(env),
		// Files that a service names are read after they were found to be the app's.
		cli.WithoutEnvironmentResolution,
		cli.WithoutLabelsResolution,
		cli.WithLoadOptions(f.bounded),
	}
	dotenv := filepath.Join(f.dir(), ".env")
	if _, err := os.Stat(dotenv); err == nil {
		if _, err := inside(f.app.Root, dotenv); err != nil {
			return nil, reconciler.Faults{{File: path.Join(f.app.Dir, ".env"), Text: "it leads out of the app's directory: make it a file of its own"}}
		}
		if err := f.readVariables(dotenv); err != nil {
			return nil, reconciler.Faults{{File: path.Join(f.app.Dir, ".env"), Text: err.Error()}}
		}
		options = append(options, cli.WithEnvFiles(dotenv), cli.WithDotEnv)
	}
	options = append(options, cli.WithDefaultProfiles())
	o, err := cli.NewProjectOptions(f.paths, options...)
	if err != nil {
		return nil, f.loadFault(err)
	}
	p, err := guarded(func() (*types.Project, error) { return o.LoadProject(ctx) })
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, f.loadFault(err)
	}
	enable(p, also)
	return p.WithoutUnnecessaryResources(), nil
}

// enable makes services of inactive profiles active, one by one: a profile may
// hold others, which nobody asked for.
func enable(p *types.Project, names []string) {
	for _, name := range names {
		if s, ok := p.DisabledServices[name]; ok {
			delete(p.DisabledServices, name)
			if p.Services == nil {
				p.Services = types.Services{}
			}
			p.Services[name] = s
		}
	}
}

// colored resolves the file once for each color, with the app's migrations.
func (f *file) colored(ctx context.Context) (map[reconciler.Color]*types.Project, error) {
	projects := map[reconciler.Color]*types.Project{}
	for _, color := range reconciler.Colors() {
		variables := f.secrets.variables()
		maps.Copy(variables, f.app.Variables(color))
		p, err := f.resolve(ctx, f.app.Project(color), variables, migrationsOf(f.app)...)
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
func sharedVariables(app reconciler.App, secrets sealed) map[string]string {
	v := secrets.variables()
	maps.Copy(v, app.Env)
	return v
}
