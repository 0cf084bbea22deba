package nginx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tandem/internal/lib/atomicfile"
	"tandem/reconciler/deploy"
)

// Remove takes the generated files of an app away, and returns their names; none where
// there is none. It returns when the running Nginx does without them. Where Nginx's
// configuration still needs one they stay, and the error has Nginx's words: it may still
// send traffic to the app.
func (p *Proxy) Remove(ctx context.Context, app string) (gone []string, err error) {
	if err := p.loading.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer p.loading.Release(1)
	v, err := p.inspect(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.undoInterrupted(); err != nil {
		return nil, err
	}
	files, err := p.filesOf(app)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	if v.stopped != "" {
		return nil, p.doesNotRun(v)
	}
	configuration, err := p.test(ctx)
	if err != nil {
		return nil, fmt.Errorf("the configuration of Nginx has to be mended first: %w", err)
	}
	// As with load: what was begun is finished, or taken back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	if err := p.takeAway(files); err != nil {
		return nil, errors.Join(err, p.undo(files))
	}
	if _, err := p.test(ctx); err != nil {
		return nil, errors.Join(stillUsed(app, err, configuration), p.undo(files))
	}
	p.oldWorkers.note(v)
	if err := p.reload(ctx); err != nil {
		return nil, errors.Join(err, p.undo(files))
	}
	if err := p.awaitUnknown(ctx, v, app); err != nil {
		return nil, errors.Join(err, p.undo(files))
	}
	delete(p.sites, app)
	for _, f := range files {
		gone = append(gone, f.Name)
	}
	return gone, errors.Join(p.tested(), p.writeFlag(flagName(app), false), p.writeFlag(backupName(app), false))
}

// filesOf are the generated files of an app that exist, in the order in which they may
// go: the format of a log after the logs that have it.
func (p *Proxy) filesOf(app string) ([]change, error) {
	var files []change
	_, upstreams, err := p.writtenUpstreams(app)
	if err != nil {
		return nil, err
	}
	names := append(upstreams, app+confirmFile, app+serverFile, app+confFile, app+listenersFile, app+varsFile, app+formatFile)
	for _, name := range names {
		old, err := p.readOwn(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files = append(files, change{Name: name, Old: old, Existed: true})
	}
	return files, nil
}

// takeAway removes files as write writes them: a process that is killed before they were
// tested has them put back.
func (p *Proxy) takeAway(files []change) error {
	journal, err := json.Marshal(files)
	if err != nil {
		return fmt.Errorf("remove nginx files: %w", err)
	}
	if err := atomicfile.Write(p.path(untested), journal, 0o600); err != nil {
		return fmt.Errorf("remove nginx files: %w", err)
	}
	for _, f := range files {
		p.own.note(f.Name, content{})
		if err := atomicfile.Remove(p.path(f.Name)); err != nil {
			return fmt.Errorf("remove nginx file: %w", err)
		}
	}
	return nil
}

// awaitUnknown waits until no worker of the running Nginx knows the app any more.
func (p *Proxy) awaitUnknown(ctx context.Context, v environment, app string) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	since := time.Now()
	for {
		_, err := p.ask(ctx, v, app)
		var router *deploy.RouterError
		switch unknown := errors.As(err, &router) && router.Reason == deploy.NotIncluded; {
		case !unknown:
			since = time.Now()
		case time.Since(since) >= settleTime:
			return nil
		}
		select {
		case <-ctx.Done():
			return &deploy.RouterError{Reason: deploy.NginxBroken, Err: ctx.Err(), Detail: "Nginx goes on answering for " + app + " after a reload; its error log says why"}
		case <-tick.C:
		}
	}
}

// stillUsed says what is in the way of a removal.
func stillUsed(app string, err error, configuration string) error {
	detail := "Nginx's configuration still sends requests to the app " + app + "; take the lines out that need it, and reload Nginx: "
	if found := uses(configuration, missingName(err)); len(found) > 0 {
		detail += described(found) + ": "
	}
	return &deploy.RouterError{Reason: deploy.NginxBroken, Err: err, Detail: detail + err.Error()}
}
