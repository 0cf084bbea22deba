package validate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tandem/compose/project"
	"tandem/internal/secrets"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// Files makes the agent's checks on files of this machine: each path is a
// tandem.yaml, or a directory below which all of them are checked. It needs
// neither Docker nor Nginx nor git, and no age key: encrypted files are checked as
// far as they can be without being opened. checked is the number of apps; err is for a
// path that cannot be read. own are the ports that are the agent's: see
// config.Config.OwnPorts. chosen are those that routes without ports would get.
func Files(ctx context.Context, paths []string, policy []string, own map[int]string, chosen deploy.PortRange) (faults []deploy.Fault, notes []deploy.Note, checked int, err error) {
	files, err := findApps(paths)
	if err != nil {
		return nil, nil, 0, err
	}
	loader, err := project.NewLoader(project.LoaderOptions{Policy: policy, Vault: secrets.NewClosed(), Trial: []string{TrialCommand}, AppsDir: project.DefaultAppsDir, Elsewhere: true})
	if err != nil {
		return nil, nil, 0, err
	}
	var apps []deploy.App
	for _, path := range files {
		app, found, err := validateFile(ctx, loader, path, own, chosen)
		notes = append(notes, found...)
		if refused, ok := deploy.AsFaults(err); ok {
			faults = append(faults, refused...)
		} else if err != nil {
			return nil, nil, 0, err
		}
		if app.Name != "" {
			apps = append(apps, app)
		}
	}
	clashes := appfile.Collisions(apps, nil)
	for _, path := range files {
		faults = append(faults, clashes[path]...)
	}
	return faults, notes, len(files), nil
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
		return nil, errors.New("no tandem.yaml found in " + strings.Join(paths, ", "))
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// validateFile checks one tandem.yaml and the Compose files that it names. The
// app has a name if at least its own file could be read.
func validateFile(ctx context.Context, loader *project.Loader, path string, own map[int]string, chosen deploy.PortRange) (deploy.App, []deploy.Note, error) {
	root, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return deploy.App{}, nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return deploy.App{}, nil, err
	}
	if len(data) > deploy.MaxFileSize {
		data = nil
	}
	file := deploy.AppFile{Dir: filepath.Base(root), Path: path, Tree: "local", Data: data}
	app, err := appfile.ParseAppBeside(file, own)
	if err != nil {
		return deploy.App{}, nil, err
	}
	app.Root = root
	filled, err := withPorts(app, own, chosen)
	if err != nil {
		return app, nil, err
	}
	r, err := loader.Load(ctx, filled)
	if err != nil {
		return app, nil, err
	}
	return app, r.Notes, nil
}

// withPorts gives the routes ports where the file names none. They are the same each time,
// and only stand for those that an agent chooses: which of them its host has free, nobody
// knows here.
func withPorts(app deploy.App, own map[int]string, chosen deploy.PortRange) (deploy.App, error) {
	return deploy.PortTable{}.Choose(app, chosen, func(port int) bool { _, is := own[port]; return is })
}

// TrialCommand is the argument with which a program has to call Trial: it is started so,
// once more, before it reads a release's Compose files itself.
const TrialCommand = "trial"

// Trial reads Compose files in a process of its own, on behalf of an agent that gave
// the job to its standard input. It limits the whole process.
func Trial(ctx context.Context, in io.Reader, out io.Writer) error {
	return project.RunTrial(ctx, in, out)
}
