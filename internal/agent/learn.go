package agent

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"tandem/reconciler"
)

// learnTime bounds how long the start of an app waits for its older secrets.
const learnTime = 10 * time.Second

// learn opens the encrypted files of the releases that may still run, so that what
// their containers print is free of values which the newest commit has no more.
// What cannot be opened any more is left.
func (a *Agent) learn(app string) {
	ctx, cancel := context.WithTimeout(context.Background(), learnTime)
	defer cancel()
	trees := filepath.Join(a.cfg.State, "trees", app)
	entries, err := os.ReadDir(trees)
	if err != nil {
		return // there is none yet
	}
	for _, e := range entries {
		root := filepath.Join(trees, e.Name())
		for _, file := range a.appFiles(root) {
			data, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			old, err := reconciler.ParseApp(reconciler.AppFile{Dir: app, Path: file, Data: data})
			if err != nil {
				continue
			}
			old.Root = root
			if _, err := a.vault.Open(ctx, old); err != nil {
				a.log.Debug("secrets of an older release not opened", "app", app, "err", err)
			}
		}
	}
}

// appFiles lists what repo.apps makes a tandem.yaml in the directory.
func (a *Agent) appFiles(root string) []string {
	var files []string
	for _, pattern := range a.cfg.Repo.Apps {
		found, err := filepath.Glob(filepath.Join(root, path.Base(pattern)))
		if err == nil {
			files = append(files, found...)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}
