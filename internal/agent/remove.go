package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tandem/internal/api"
	"tandem/reconciler/appfile"
	"tandem/reconciler/deploy"
)

// remove takes away what is left of an app that git does not have any more, and says
// what that was: Nginx's files first, because Nginx refuses to do without them for as
// long as it may send traffic to the app, then the standby, then the stack that was
// live. Volumes and the shared services stay. What is gone already is no error, so that
// it can be done again where it was cut short.
func (a *Agent) remove(ctx context.Context, app string) (done []string, err error) {
	leave, err := a.reserve(ctx, app)
	if err != nil {
		return nil, err
	}
	defer leave()
	of := deploy.App{Name: app}
	stacks, err := a.stacks.Observe(ctx, of)
	if err != nil {
		return nil, err
	}
	if err := a.owned.check(app, stacks); err != nil {
		return nil, &api.RefusedError{Why: err.Error()}
	}
	order := deploy.Colors()
	if live, err := a.proxy.Live(ctx, of); err == nil && live == order[0] {
		slices.Reverse(order[:])
	}
	files, err := a.proxy.Remove(ctx, app)
	if err != nil && deploy.ReasonOf(err) == deploy.NginxBroken {
		return nil, &api.RefusedError{Why: err.Error()}
	}
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		done = append(done, "removed the file "+filepath.Join(a.cfg.Nginx.Dir, f))
	}
	for _, color := range order {
		a.drainOut(ctx, stacks, color)
		n, err := a.stacks.RemoveStack(ctx, of, color)
		if err != nil {
			return done, err
		}
		if n > 0 {
			done = append(done, fmt.Sprintf("removed the stack %s, containers: %d", of.Project(color), n))
		}
	}
	shared, err := a.stacks.Shared(ctx, of)
	if err != nil {
		return done, err
	}
	if len(shared.Containers) > 0 {
		done = append(done, fmt.Sprintf("the shared services stay: docker compose -p %s down ends them, and keeps their volumes", of.SharedProject()))
	}
	return done, a.forgetApp(ctx, app)
}

// reserve makes sure that git does not have the app, and that no runner of it begins
// until leave is called.
func (a *Agent) reserve(ctx context.Context, app string) (leave func(), err error) {
	if !deploy.ValidName(app) {
		return nil, fmt.Errorf("%q is no name of an app", app)
	}
	leave, free := a.apps.reserve(app)
	if !free {
		return nil, &api.RefusedError{Why: fmt.Sprintf("the repository still has the app %s, or it is being removed already: take its directory out of the repository first", app)}
	}
	rev, err := a.source.Peek(ctx) // the last poll may be a while ago
	if err != nil {
		leave()
		return nil, fmt.Errorf("see whether the repository still has %s: %w", app, err)
	}
	for _, file := range rev.Files {
		if of, _ := appfile.ParseApp(file); of.Name == app || a.apps.cameFrom(file.Dir) == app {
			leave()
			return nil, &api.RefusedError{Why: fmt.Sprintf("the repository still has the app %s, in %s: take its directory out of the repository first", app, file.Path)}
		}
	}
	return leave, nil
}

// drainOut waits, within the time of the app's own file, until the requests are answered
// that Nginx had sent to the stack.
func (a *Agent) drainOut(ctx context.Context, stacks [2]deploy.Stack, color deploy.Color) {
	for _, s := range stacks {
		if s.Color != color || s.Root == "" {
			continue
		}
		for _, app := range a.appsIn(ctx, s.Root) {
			app, _ = a.ports.Allocated(app) // of a route without ports nothing is to be waited for
			a.untilIdle(ctx, app, color)
		}
	}
}

func (a *Agent) untilIdle(ctx context.Context, app deploy.App, color deploy.Color) {
	ctx, cancel := context.WithTimeout(ctx, app.Drain.WebSockets)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		open, err := a.proxy.Connections(ctx, app, color)
		if err != nil || open.Idle() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forgetApp removes what this agent itself kept of the app.
func (a *Agent) forgetApp(ctx context.Context, app string) error {
	for _, kind := range []deploy.MigrationKind{deploy.ExpandMigration, deploy.ContractMigration} {
		if err := a.stacks.Forget(ctx, deploy.App{Name: app}, kind); err != nil {
			return err
		}
	}
	memory, _ := loadMemory(a.cfg.State, app) // without it images stay, and nothing else
	var images []deploy.Image
	for _, i := range memory.Images {
		if !a.apps.need(app, i.Image) {
			images = append(images, i.Image)
		}
	}
	if _, err := a.stacks.RemoveImages(ctx, images); err != nil {
		return err
	}
	if err := pruneTrees(ctx, filepath.Join(a.cfg.State, "trees", app), nil, a.stacks.Roots); err != nil {
		return err
	}
	if err := os.Remove(memoryFile(a.cfg.State, app)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return a.ports.forget(ctx, app)
}
