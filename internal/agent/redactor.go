package agent

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"tandem/internal/lib/rootfile"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// learnTime bounds how long the start of an app waits for its older secrets.
const learnTime = 10 * time.Second

// primeRedactor opens the encrypted files of the releases that may still run, so that what
// their containers print is free of values which the newest commit has no more.
// What cannot be opened any more is left.
func (a *Agent) primeRedactor(app string) {
	ctx, cancel := context.WithTimeout(context.Background(), learnTime)
	defer cancel()
	trees := filepath.Join(a.cfg.State, "trees", app)
	entries, err := os.ReadDir(trees)
	if err != nil {
		return // there is none yet
	}
	for _, e := range entries {
		for _, old := range a.appsIn(ctx, filepath.Join(trees, e.Name())) {
			if err := a.stacks.LearnSecrets(ctx, old); err != nil {
				a.log.Debug("secrets of an older release not opened", "app", app, "err", err)
			}
		}
	}
}

// appsIn reads what repo.apps makes a tandem.yaml in the files of a release. A container
// of an older tandem could write there: what is no file, or is one of somewhere else, is
// left out, as is what has faults.
func (a *Agent) appsIn(ctx context.Context, root string) []deploy.App {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }() // it was only read
	var apps []deploy.App
	seen := map[string]bool{}
	for _, pattern := range a.cfg.Repo.Apps {
		names, err := fs.Glob(dir.FS(), path.Base(pattern))
		if err != nil {
			continue // it is no pattern of a name
		}
		for _, name := range names {
			data, err := rootfile.ReadIn(ctx, dir, name, deploy.MaxFileSize)
			if err != nil || seen[name] {
				continue
			}
			seen[name] = true
			app, err := appfile.ParseApp(deploy.AppFile{Dir: filepath.Base(filepath.Dir(root)), Path: filepath.Join(root, name), Data: data})
			if err == nil {
				app.Root = root
				apps = append(apps, app)
			}
		}
	}
	return apps
}
