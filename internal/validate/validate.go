package validate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"tandem/compose/project"
	"tandem/internal/secrets"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// Options say what is checked, and for which host.
type Options struct {
	Paths  []string       // each a tandem.yaml, or a directory below which all of them are checked
	Policy []string       // what the host allows
	Own    map[int]string // the ports that are the agent's: see config.Config.OwnPorts

	// Ports are those that routes without ports would get theirs from.
	Ports deploy.PortRange

	// Apps is the directory with the host directories of apps. Where it has none of an app,
	// what only the server may have is a note.
	Apps string

	// PolicyKnown says that Policy is that of the host that deploys. Else what is not in it
	// is a note.
	PolicyKnown bool
}

// loader is one for a host that allows what the list says.
func (o Options) loader(allowed []string) (*project.Loader, error) {
	return project.NewLoader(project.LoaderOptions{Policy: allowed, Vault: secrets.NewClosed(), Trial: []string{TrialCommand}, AppsDir: o.Apps, Elsewhere: true})
}

// Report is what was found out.
type Report struct {
	Checked int            // apps
	Apps    []App          // those that could be projected, in the order of their files
	LeftOut []deploy.Note  // what lies beside the files, and git does not have
	Faults  []deploy.Fault // of all apps
}

// App is what becomes of one app's Compose files.
type App struct {
	Name     string
	Services []project.Placement // with paths as the person has them
	Notes    []deploy.Note
	Projects map[string]string // the projected Compose files, by the names of their projects
}

// Files makes the agent's checks on files of this machine. It needs neither Docker nor Nginx
// nor git, and no age key: encrypted files are checked as far as they can be without being
// opened. In a Git work tree it judges what git has, as the agent will. An error is for a
// path that cannot be read.
func Files(ctx context.Context, o Options) (Report, error) {
	files, err := findApps(o.Paths)
	if err != nil {
		return Report{}, err
	}
	if _, err := o.loader(o.Policy); err != nil {
		return Report{}, err
	}
	// The library that reads Compose files warns of what does no harm.
	logrus.SetOutput(io.Discard)
	report := Report{Checked: len(files)}
	var apps []deploy.App
	for _, path := range files {
		app, err := report.add(ctx, path, o)
		if found, ok := deploy.AsFaults(err); ok {
			report.Faults = append(report.Faults, found...)
		} else if err != nil {
			return Report{}, err
		}
		if app.Name != "" {
			apps = append(apps, app)
		}
	}
	clashes := appfile.Collisions(apps, nil)
	for _, path := range files {
		report.Faults = append(report.Faults, clashes[path]...)
	}
	return report, nil
}

// findApps lists the tandem.yaml files that the paths mean, each once.
func findApps(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && strings.HasPrefix(d.Name(), ".") && p != path:
				return fs.SkipDir
			case d.Name() == "tandem.yaml":
				files = append(files, p)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for tandem.yaml below %s: %w", path, err)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no tandem.yaml found in " + strings.Join(paths, ", ") + "; tandem init writes a first one")
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// add checks one tandem.yaml and the Compose files that it names. The app has a name if at
// least its own file could be read.
func (r *Report) add(ctx context.Context, path string, o Options) (deploy.App, error) {
	root, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return deploy.App{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return deploy.App{}, err
	}
	if len(data) > deploy.MaxFileSize {
		data = nil
	}
	file := deploy.AppFile{Dir: filepath.Base(root), Path: path, Tree: "local", Data: data}
	app, err := appfile.ParseAppBeside(file, o.Own)
	if err != nil {
		return deploy.App{}, err
	}
	app.Dir = filepath.ToSlash(filepath.Dir(path)) // of the names in messages
	copied, err := copyTree(root)
	if err != nil {
		return app, err
	}
	defer copied.remove()
	if note := copied.leftOut(path); note.Text != "" {
		r.LeftOut = append(r.LeftOut, note)
	}
	app.Root = copied.root
	filled, err := withPorts(app, o)
	if err != nil {
		return app, err
	}
	resolved, taken, err := o.load(ctx, filled)
	if err != nil {
		return app, copied.rename(err)
	}
	resolved.Notes = append(resolved.Notes, taken...)
	result, err := reportOf(app, resolved, copied)
	if err != nil {
		return app, err
	}
	r.Apps = append(r.Apps, result)
	return app, nil
}

// withPorts gives the routes ports where the file names none. They are the same each time,
// and only stand for those that an agent chooses: which of them its host has free, nobody
// knows here.
func withPorts(app deploy.App, o Options) (deploy.App, error) {
	return deploy.PortTable{}.Choose(app, o.Ports, func(port int) bool { _, is := o.Own[port]; return is })
}

// reportOf says what became of an app's files, with the names that a person knows.
func reportOf(app deploy.App, resolved *project.Resolution, t *tree) (App, error) {
	result := App{Name: app.Name, Services: resolved.Placements(), Notes: slices.Clone(resolved.Notes), Projects: map[string]string{}}
	for i := range result.Services {
		s := &result.Services[i]
		s.Build, s.Volumes = t.relative(s.Build), slices.Clone(s.Volumes)
		for j := range s.Volumes {
			s.Volumes[j] = t.relative(s.Volumes[j])
		}
	}
	for i := range result.Notes {
		result.Notes[i].Text = t.known(result.Notes[i].Text)
	}
	slices.SortStableFunc(result.Notes, func(a, b deploy.Note) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	projects, err := resolved.ComposeFiles()
	if err != nil {
		return App{}, err
	}
	for name, text := range projects {
		result.Projects[name] = t.known(text)
	}
	return result, nil
}

// TrialCommand is the argument with which a program has to call Trial: it is started so,
// once more, before it reads a release's Compose files itself.
const TrialCommand = "trial"

// Trial reads Compose files in a process of its own, on behalf of an agent that gave
// the job to its standard input. It limits the whole process.
func Trial(ctx context.Context, in io.Reader, out io.Writer) error {
	return project.RunTrial(ctx, in, out)
}
