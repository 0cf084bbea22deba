package agent

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/internal/lib/pause"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// publisher commits statuses to git, one push for all that is waiting. A status
// that cannot be pushed now waits, and only the newest of an app is kept; a
// deploy never waits for it.
type publisher struct {
	source reconciler.Publisher
	path   func(app string) string
	pushed func(error) // hears how each push went; must not block
	log    *slog.Logger

	wake chan struct{} // of size one

	mu         sync.Mutex
	waiting    map[string]deploy.Status // by path
	lastLogged string                   // the last error that was logged
}

func newPublisher(source reconciler.Publisher, path func(string) string, pushed func(error), log *slog.Logger) *publisher {
	return &publisher{
		source: source, path: path, pushed: pushed, log: log,
		wake: make(chan struct{}, 1), waiting: map[string]deploy.Status{},
	}
}

// Handle takes a changed status; it never blocks.
func (p *publisher) Handle(e deploy.Event) {
	if e.Kind != deploy.StatusChanged {
		return
	}
	p.mu.Lock()
	p.waiting[p.path(e.App)] = *e.Status
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Forget implements listener: what is still to be published of the app stays true.
func (p *publisher) Forget(string) {}

// publishTime bounds one try, publishPause is the longest pause between two.
const (
	publishTime  = time.Minute
	publishPause = 5 * time.Minute
)

// run publishes until ctx ends, and then once more what is still waiting.
func (p *publisher) run(ctx context.Context) {
	pauses := pause.NewGrowing(time.Second, publishPause)
	for {
		var again <-chan time.Time
		if err := p.flush(ctx); err != nil && ctx.Err() == nil {
			again = pauses.Next()
		} else {
			pauses.Reset()
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			_ = p.flush(last) // flush has logged it; at the next start the status is published again
			return
		case <-p.wake:
		case <-again:
		}
	}
}

// flush publishes what is waiting. What arrives meanwhile stays waiting.
func (p *publisher) flush(ctx context.Context) error {
	p.mu.Lock()
	batch := maps.Clone(p.waiting)
	p.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	files := map[string][]byte{}
	var words []string
	for _, path := range slices.Sorted(maps.Keys(batch)) {
		s := batch[path]
		data, err := reconciler.EncodeStatus(s)
		if err != nil {
			return fmt.Errorf("write status of %s: %w", s.App, err)
		}
		files[path] = data
		words = append(words, headline(s))
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	err := p.source.Publish(ctx, strings.Join(words, ", "), files)
	p.pushed(err)
	p.report(err)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for path, s := range batch {
		if now, ok := p.waiting[path]; ok && sameStatus(now, s) {
			delete(p.waiting, path)
		}
	}
	return nil
}

// headline is the commit message for one status: "shop: Live 1.4.2 on green".
func headline(s deploy.Status) string {
	if s.Live == nil {
		return fmt.Sprintf("%s: %s (%s)", s.App, s.Phase, s.Reason)
	}
	return fmt.Sprintf("%s: %s (%s), %s on %s", s.App, s.Phase, s.Reason, s.Live.Tag, s.Live.Color)
}

func sameStatus(a, b deploy.Status) bool {
	x, errX := reconciler.EncodeStatus(a)
	y, errY := reconciler.EncodeStatus(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// report logs a failure once, until its text changes or it is over.
func (p *publisher) report(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == p.lastLogged {
		return
	}
	if err != nil {
		p.log.Warn("status not published; it will be tried again", "err", err)
	} else {
		p.log.Info("status published again")
	}
	p.lastLogged = text
}
