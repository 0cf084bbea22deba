package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"tandem/internal/lib/overlay"
	"tandem/reconciler/deploy"
)

// The files of an app are exported into a directory that is called like their Git tree,
// and containers have parts of it mounted. What git has is what counts: where somebody
// changed the copy, it is left as it is, for those containers, and made anew beside. What
// this host has for the app lies over it, in a copy of its own for each version, so that a
// release keeps the values that it was made with.

// remadeSuffix is what the directory of files that were exported once more ends with.
const remadeSuffix = "-anew"

// exported exports and resolves the app of the commit.
func (r *Runner) exported(ctx context.Context, d Desired, app deploy.App, version string) (deploy.App, error) {
	root := filepath.Join(r.options.Trees, app.Name, app.Tree+overlay.Suffix(version))
	app.Root = r.unchanged(root)
	got, err := r.exportedIn(ctx, d, app)
	_, refused := deploy.AsFaults(err)
	live := r.memory.Live
	if strings.TrimSuffix(live.Root, remadeSuffix) != root || app.Root != root || !refused && (err != nil || got.Release == live.Release) {
		return got, err
	}
	// The same tree was another release before. Either its copy was changed since, which
	// must deploy nothing, or it is read in another way than it was.
	app.Root += remadeSuffix
	if fresh, freshErr := r.exportedIn(ctx, d, app); freshErr == nil && fresh.Release != got.Release {
		r.changed[root] = true
		return fresh, nil
	}
	if err == nil {
		r.keepRoots(got)
	}
	return got, err
}

// exportedIn does it in app.Root, where the files may be already.
func (r *Runner) exportedIn(ctx context.Context, d Desired, app deploy.App) (deploy.App, error) {
	r.keepRoots(app) // before they exist, or pruning could take them away again
	if _, err := os.Stat(app.Root); err != nil {
		if err := r.options.Source.Export(ctx, d.File.Commit.Hash, app.Dir, app.Root); err != nil {
			if faults, refused := deploy.AsFaults(err); refused {
				return deploy.App{}, faults
			}
			return deploy.App{}, fmt.Errorf("export %s: %w", app.Dir, err)
		}
	}
	if version := overlay.VersionOf(app.Root); version != "" {
		if err := r.options.HostFiles.Lay(ctx, app.Name, version, app.Root); err != nil {
			return deploy.App{}, err
		}
	}
	release, err := r.options.Resolver.Resolve(ctx, app)
	if err != nil {
		return deploy.App{}, err
	}
	app.Release = release
	return app, nil
}

// unchanged is the directory to use in place of root.
func (r *Runner) unchanged(root string) string {
	if r.changed[root] {
		return root + remadeSuffix
	}
	return root
}

// exportAnew exports the files of a release beside those that were changed, if that is
// what a step failed with. The next pass uses them.
func (r *Runner) exportAnew(ctx context.Context, of deploy.App, failed error) error {
	var changed *deploy.FilesChangedError
	if !errors.As(failed, &changed) || strings.HasSuffix(changed.Root, remadeSuffix) {
		return failed
	}
	dest := changed.Root + remadeSuffix
	r.exchange.mu.Lock()
	r.exchange.roots[dest] = true // before it exists, as in exportedIn
	r.exchange.mu.Unlock()
	if _, err := os.Stat(dest); err != nil {
		if err := r.options.Source.Export(ctx, of.Commit.Hash, r.inHand.desired.File.Dir, dest); err != nil {
			return errors.Join(failed, fmt.Errorf("export them anew: %w", err))
		}
	}
	r.changed[changed.Root] = true
	if r.ready != nil && r.ready.Root == changed.Root {
		r.ready = nil
	}
	return failed
}

// Roots are the directories of exported files that the runner may still need,
// besides those that containers name. It may be called from anywhere.
func (r *Runner) Roots() map[string]bool {
	r.exchange.mu.Lock()
	defer r.exchange.mu.Unlock()
	return maps.Clone(r.exchange.roots)
}

// keepRoots notes which exported files are needed from now on.
func (r *Runner) keepRoots(app deploy.App) {
	r.exchange.mu.Lock()
	defer r.exchange.mu.Unlock()
	r.exchange.roots = map[string]bool{app.Root: true, r.memory.Live.Root: true, r.unchanged(r.memory.Live.Root): true}
}

// treeTag is the tag of an app whose tandem.yaml leaves it to the commit: what the same
// files had when they were first seen and else the commit of now. Where all memory is lost,
// the stacks tell what their files had.
func (r *Runner) treeTag(ctx context.Context, app deploy.App) (string, error) {
	tag := r.memory.TagOf(app.Tree)
	if tag != "" {
		return tag, nil
	}
	tag = app.Commit.Tag()
	if r.memory.Live.Release.IsZero() {
		stacks, err := r.observeStacks(ctx, app)
		if err != nil {
			return tag, err
		}
		for _, s := range stacks {
			if s.Release.Tag != "" && strings.TrimSuffix(overlay.Base(filepath.Base(s.Root)), remadeSuffix) == app.Tree {
				tag = s.Release.Tag
			}
		}
	}
	r.memory.RecordTag(app.Tree, tag)
	return tag, nil
}

// tagsByCommit tells whether the app's tandem.yaml leaves the tag to the commit. No file can
// hold the hash of its own commit.
func tagsByCommit(d Desired) bool { return d.App.Build && d.App.Tag == d.File.Commit.Tag() }

// desiredTag is the tag that the newest commit asks for.
func (r *Runner) desiredTag(d Desired) string {
	if tag := r.memory.TagOf(d.File.Tree); tag != "" && tagsByCommit(d) {
		return tag
	}
	return d.App.Tag
}
