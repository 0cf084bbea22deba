package nginx

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/reconciler/deploy"
)

// joinTime is how long who has the turn looks at what those need that wait for theirs.
const joinTime = 5 * time.Second

// turn is one Prepare. What it found and did is guarded by Proxy.loading.
type turn struct {
	app    deploy.App
	called time.Time // the wait for the turn comes after
	diff   appDiff
	done   bool // by another one, which took its files along
	err    error
}

// waiting are the turns that have not begun.
type waiting struct {
	mu    sync.Mutex
	turns []*turn
}

func (q *waiting) add(t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turns = append(q.turns, t)
}

func (q *waiting) remove(t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turns = slices.DeleteFunc(q.turns, func(x *turn) bool { return x == t })
}

func (q *waiting) all() []*turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.turns)
}

// begin finds out what there is to do, and does what needs no reload. due tells whether
// Nginx has to load something.
func (p *Proxy) begin(ctx context.Context, t *turn) (due bool, err error) {
	if err := p.undoInterrupted(); err != nil {
		return false, err
	}
	w, err := p.diff(ctx, t.app, deploy.NoColor, t.called)
	if err != nil {
		return false, err
	}
	t.diff = w
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if err := p.carryLiveColor(t.app.Name, w); err != nil {
		return false, err
	}
	newLog, err := p.makeDirs()
	if err != nil {
		return false, err
	}
	if err := p.dropBackup(t.app.Name, w); err != nil {
		return false, err
	}
	p.watch.refresh(t.app.Name)
	return len(w.changes) > 0 || !w.inForce() || newLog, nil
}

// join writes and tests the files of those who wait for their turn, so that apps and
// routes that come together are one reload. Where Nginx does not accept them all, it is
// as if nobody had waited: whose fault it is shows when each has a turn of its own.
func (p *Proxy) join(ctx context.Context, configuration string) ([]*turn, string) {
	var joined []*turn
	var changes []change
	looking, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for _, t := range p.waiting.all() {
		if due, err := p.begin(looking, t); err == nil && due {
			joined, changes = append(joined, t), append(changes, t.diff.changes...)
		}
	}
	if len(joined) == 0 {
		return nil, configuration
	}
	tested, err := p.install(ctx, changes)
	if err != nil {
		return nil, configuration
	}
	return joined, tested
}

// install writes files, and has Nginx test them. What it does not accept is undone.
func (p *Proxy) install(ctx context.Context, changes []change) (configuration string, err error) {
	if err := p.write(changes); err != nil {
		return "", err
	}
	configuration, err = p.test(ctx)
	if err != nil {
		return "", p.undoRefused(ctx, changes, err)
	}
	return configuration, p.tested()
}

// loadAll reloads, and waits until the files of w and of those that joined are in force.
func (p *Proxy) loadAll(ctx context.Context, w appDiff, joined []*turn, configuration string) error {
	started := time.Now()
	p.oldWorkers.note(w.environment)
	if err := p.reload(ctx); err != nil {
		return err
	}
	err := p.awaitLoaded(ctx, w, configuration)
	apps := []string{w.app}
	for _, t := range joined {
		t.done, t.err = true, p.awaitLoaded(ctx, t.diff, configuration)
		apps = append(apps, t.app.Name)
	}
	p.log.Info("nginx reloaded", "app", strings.Join(apps, " "), "took", time.Since(started))
	return err
}

// awaitLoaded waits until the files that were loaded are in force.
func (p *Proxy) awaitLoaded(ctx context.Context, w appDiff, configuration string) error {
	if !w.includesFiles(configuration) {
		return p.notIncluded(w, httpLine, configuration)
	}
	if err := p.await(ctx, w.environment, w.app, afterReload, func(a answer) bool { return a.generation == w.generation }); err != nil {
		return errors.Join(err, p.undo(w.changes))
	}
	return p.siteIncluded(w, configuration)
}
