package composefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/compose-spec/compose-go/v2/utils"

	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// File is what an app's Compose files say together.
type File struct {
	App     deploy.App
	paths   []string   // absolute; later ones win
	source  sources    // where everything stands in them, for messages
	Secrets SecretRefs // that the variables of Resolve are of
	quota   *quota
	walked  bool          // the references were looked at
	refused deploy.Faults // what was wrong with them
	growth  *growth       // what they are

	unset     *Unset           // who is told of variables without a value; nil: nobody
	gaps      map[string][]gap // by the text that has them
	mentioned []variableText
	hostFiles map[string]string // see isHostFile; nil: nobody has looked yet
}

// OpenStack finds the app's files: those that it names, those that its .env file lists, or the first of
// deploy.ComposeNames that exists.
func OpenStack(app deploy.App, secrets SecretRefs) (*File, error) {
	if len(app.Compose) > 0 {
		return openFile(app, secrets, "compose", app.Compose...)
	}
	if f, err := openListed(app, secrets); f != nil || err != nil {
		return f, err
	}
	for _, name := range deploy.ComposeNames() {
		if exists(app.Root, name) {
			return openFile(app, secrets, "compose", name)
		}
	}
	return nil, deploy.Faults{{File: app.File, Path: "compose", Text: fmt.Sprintf(
		"there is no Compose file in %q: add a compose.yaml (or compose.yml, docker-compose.yaml, docker-compose.yml) beside tandem.yaml, or name yours here", app.Dir)}}
}

// Override returns the file that Compose reads besides where nobody names one, and that is
// not read here: it is there for a laptop, mostly. "" for none.
func (f *File) Override() string {
	for _, name := range cli.DefaultOverrideFileNames {
		if len(f.App.Compose) == 0 && exists(f.App.Root, name) {
			return name
		}
	}
	return ""
}

func exists(root, name string) bool {
	_, err := os.Stat(filepath.Join(root, name))
	return err == nil
}

// openFile reads the named files, which are relative to the app's directory and
// must be inside it. key is what names them in tandem.yaml.
func openFile(app deploy.App, secrets SecretRefs, key string, names ...string) (*File, error) {
	f := &File{App: app, Secrets: secrets, quota: newQuota(), unset: secrets.unset}
	for _, name := range names {
		full, err := rootfile.Inside(app.Root, filepath.Join(app.Root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, deploy.Faults{{File: app.File, Path: key, Text: fmt.Sprintf(
				"%s does not exist in %q: add it, or name the right file", name, app.Dir)}}
		}
		if errors.Is(err, rootfile.ErrOutside) {
			return nil, deploy.Faults{{File: app.File, Path: key, Text: fmt.Sprintf(
				"%s leads out of the app's directory: move the file into it", name)}}
		}
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		data, err := f.read(full)
		if err != nil {
			return nil, deploy.Faults{{File: app.File, Path: key, Text: err.Error()}}
		}
		f.paths = append(f.paths, full)
		f.source = append(f.source, parseSource(data, path.Join(app.Dir, filepath.ToSlash(name))))
	}
	return f, nil
}

// Dir is the directory that the file's relative paths begin at, as in Compose.
func (f *File) Dir() string { return filepath.Dir(f.paths[0]) }

// Locate returns the file and the line of the deepest part of path that the files have.
func (f *File) Locate(path ...string) (name string, line int) { return f.source.locate(path...) }

// Mentions tells whether what stands at path has the text in it.
func (f *File) Mentions(text string, path ...string) bool { return f.source.mention(text, path...) }

// Says asks about the text of what stands at path itself.
func (f *File) Says(matches func(string) bool, path ...string) bool {
	return f.source.says(matches, path...)
}

// Base is the name of the first file, without its directory.
func (f *File) Base() string { return path.Base(f.source[0].name) }

// Name is the file as a person knows it, for messages that belong to no line.
func (f *File) Name() string { return f.source[0].name }

// Resolve loads the file as the Compose project of that name, with the active
// services and those of also. Variables come from the arguments, then from the
// .env file beside it, and from nowhere else: what the agent was started with
// must not decide what is deployed.
func (f *File) Resolve(ctx context.Context, project string, variables map[string]string, also ...string) (*types.Project, error) {
	if fault := f.referenceFaults(); len(fault) > 0 {
		return nil, fault
	}
	env := types.Mapping(maps.Clone(variables))
	more, err := f.dotenv(variables)
	if err != nil {
		return nil, err
	}
	env.Merge(more)
	details := types.ConfigDetails{WorkingDir: f.Dir(), Environment: env}
	for _, full := range f.paths {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: full, Content: f.quota.seen[full]})
	}
	p, err := guarded(func() (*types.Project, error) {
		return loader.LoadWithContext(ctx, details, f.bounded, func(o *loader.Options) {
			o.SetProjectName(project, true)
			o.Profiles = append(profilesOf(env), f.App.Profiles...)
			o.ConvertWindowsPaths = utils.StringToBool(env["COMPOSE_CONVERT_WINDOWS_PATHS"])
			// Files that a service names are read after they were found to be the app's.
			o.SkipResolveEnvironment, o.SkipResolveLabels = true, true
		})
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if fault := f.portFault(); fault != nil {
		return nil, fault
	}
	if err != nil {
		f.closeGaps(nil)
		return nil, f.loadFault(err)
	}
	p.ComposeFiles = slices.Clone(f.paths)
	enable(p, also)
	f.closeGaps(f.runs(p))
	return p.WithoutUnnecessaryResources(), nil
}

// runs are the services of a project that tandem runs.
func (f *File) runs(p *types.Project) map[string]bool {
	set := map[string]bool{}
	for name, s := range p.Services {
		set[name] = s.GetScale() > 0 && !slices.Contains(f.App.Ignore, name)
	}
	return set
}

// profilesOf are the profiles that the variables make active, as Compose reads them.
func profilesOf(env types.Mapping) []string {
	var profiles []string
	for name := range strings.SplitSeq(env[consts.ComposeProfiles], ",") {
		if name = strings.TrimSpace(name); name != "" {
			profiles = append(profiles, name)
		}
	}
	return profiles
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

// projectName is what the file itself calls its project with name:, "" for nothing.
func (f *File) projectName(variable template.Mapping) string {
	for _, s := range slices.Backward(f.source) {
		node, _, depth := s.walk([]string{"name"})
		if node = s.plain(node); depth == 0 || node == nil {
			continue
		}
		name, err := template.Substitute(strings.Trim(node.String(), `"' `), variable)
		if err != nil {
			return "" // what cannot be read names nothing; the loader says so where it matters
		}
		return name
	}
	return ""
}

// OpenShared returns nil when the app has no shared stack.
func OpenShared(app deploy.App, secrets SecretRefs) (*File, error) {
	if app.Shared == "" {
		return nil, nil
	}
	return openFile(app, secrets, "shared", app.Shared)
}

// ProjectNames are the names that Compose would have given the file's project p, or "":
// COMPOSE_PROJECT_NAME of the .env file, name: of the file, and its directory.
func (f *File) ProjectNames(p *types.Project) []string {
	var names []string
	beside, err := f.dotenv(nil) // the loader writes its own project's name over it
	if err == nil {
		names = append(names, beside[consts.ComposeProjectName])
	}
	return append(names, f.projectName(p.Environment.Resolve), path.Base(path.Dir(f.Name())))
}
