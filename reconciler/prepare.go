package reconciler

import (
	"context"
	"fmt"
	"path"
	"path/filepath"

	"tandem/internal/lib/overlay"
	"tandem/internal/lib/rootfile"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// prepare turns what a commit says into an App that can be run. When the
// commit's files are refused, or cannot be had at the moment (which is the
// error), it returns the last App that could be read, frozen, so that what is
// live is kept alive; nil when there never was one.
func (r *Runner) prepare(ctx context.Context, d Desired) (*deploy.App, passState, error) {
	v := passState{desired: d}
	r.file = path.Base(d.File.Path)
	app, err := r.read(ctx, d)
	if err == nil {
		r.ready = &app
		return &app, v, nil
	}
	if _, refused := deploy.AsFaults(err); refused {
		v.refused, err = err, nil
		if err := r.logRefusal(d); err != nil {
			return nil, v, err
		}
	}
	last, unknown := r.lastApp()
	if unknown != nil {
		return nil, v, err
	}
	last.FilesRefused = true
	return &last, v, err
}

// read gives the routes their ports, exports and resolves.
func (r *Runner) read(ctx context.Context, d Desired) (deploy.App, error) {
	if d.Err != nil {
		return deploy.App{}, d.Err
	}
	app := d.App
	app.Commit, app.Tree = d.File.Commit, d.File.Tree
	app.Commit.Hash = r.memory.Commit
	version, err := r.hostVersion(ctx, app)
	if err != nil {
		return deploy.App{}, err
	}
	var unknown error // whether the same files run already
	if tagsByCommit(d) {
		app.Tag, unknown = r.treeTag(ctx, app)
	}
	if r.ready != nil && r.ready.Tree == app.Tree && overlay.VersionOf(r.ready.Root) == version {
		return *r.ready, nil
	}
	if err := r.options.Slots.Acquire(ctx, 1); err != nil {
		return deploy.App{}, err
	}
	defer r.options.Slots.Release(1)
	app, err = r.options.Ports.Allocate(ctx, app)
	if err != nil {
		return deploy.App{}, err
	}
	app, err = r.exported(ctx, d, app, version)
	if err == nil && unknown != nil {
		return deploy.App{}, unknown // what is wrong with the files can be told without
	}
	return app, err
}

// hostVersion is that of the files which this host has for the app, "" for none.
func (r *Runner) hostVersion(ctx context.Context, app deploy.App) (string, error) {
	if r.options.HostFiles == nil {
		return "", nil
	}
	return r.options.HostFiles.Version(ctx, app.Name)
}

// prepareSite gives Nginx the files of an app of which nothing runs, and whose Compose
// files were refused: a site that includes them must not keep Nginx from being reloaded
// or started. They lead nowhere. Where something of the app does run, they stay as they
// are, and where they cannot be made, the refusal is what has to be told.
func (r *Runner) prepareSite(ctx context.Context, app deploy.App) {
	app, complete := r.options.Ports.Allocated(app)
	if !complete {
		return
	}
	stacks, err := r.observeStacks(ctx, app)
	if err != nil || stacks[0].Condition != deploy.Absent || stacks[1].Condition != deploy.Absent {
		return
	}
	_ = r.options.Router.Reserve(ctx, app)
}

// logRefusal writes the refusal into the history, once a tree.
func (r *Runner) logRefusal(d Desired) error {
	if h := r.memory.History; len(h) > 0 && h[0].Commit == r.memory.Commit && h[0].Result == deploy.RefusedFiles {
		return nil
	}
	now := r.options.Now()
	r.memory.Log(deploy.Entry{Commit: r.memory.Commit, Tag: d.App.Tag, Result: deploy.RefusedFiles, Reason: deploy.Refused, Started: now})
	return r.save()
}

// lastApp is the App that was read last or, after a restart, the one that is live.
func (r *Runner) lastApp() (deploy.App, error) {
	if r.ready != nil {
		return *r.ready, nil
	}
	t := r.memory.Live
	return r.appAt(t.Root, t.Release, t.Commit, nil)
}

// appAt reads the App of a stack from the files that brought it up. The release's
// containers had these files, too: what is there now may be anything. Reading it takes
// no time that a context would have to end, and a flip must not miss a stack's ports
// because one just did. chosen are the ports that its containers say were chosen for its
// routes; where they say nothing, what is kept counts.
func (r *Runner) appAt(root string, release deploy.Release, commit string, chosen map[string]deploy.Ports) (deploy.App, error) {
	if root == "" {
		return deploy.App{}, fmt.Errorf("the files of release %s are not known", release)
	}
	root = r.unchanged(root)
	app, known := r.apps[root]
	if !known {
		data, err := rootfile.Read(context.Background(), root, r.file, deploy.MaxFileSize)
		if err != nil {
			return deploy.App{}, fmt.Errorf("read the files of release %s in %s: %w", release, root, err)
		}
		app, err = appfile.ParseApp(deploy.AppFile{Dir: r.options.Name, Path: filepath.Join(root, r.file), Data: data})
		if err != nil {
			return deploy.App{}, fmt.Errorf("read the files of release %s: %w", release, err)
		}
		r.apps[root] = app
	}
	app.Name = r.options.Name
	if app, known = (deploy.PortTable{app.Name: chosen}).Fill(app); !known {
		app, known = r.options.Ports.Allocated(app)
	}
	if !known {
		return deploy.App{}, fmt.Errorf("the ports of release %s are not known", release)
	}
	app.Name, app.Root, app.Release, app.Commit.Hash = r.options.Name, root, release, commit
	if app.Build && release.Tag != "" {
		app.Tag = release.Tag // the commit's, which no file of it can hold
	}
	return app, nil
}

// appOf returns the App with which a release can be brought up: the desired one,
// or the one that its stack or the memory of it names.
func (r *Runner) appOf(app deploy.App, w world, s deploy.Step) (deploy.App, error) {
	if s.Release == app.Release {
		return app, nil
	}
	for _, stack := range w.stacks {
		if stack.Release == s.Release && stack.Root != "" {
			return r.appAt(stack.Root, stack.Release, stack.Commit, stack.Ports)
		}
	}
	if t := r.memory.Live; t.Release == s.Release {
		return r.appAt(t.Root, t.Release, t.Commit, nil)
	}
	return deploy.App{}, fmt.Errorf("the files of release %s are not known", s.Release)
}
