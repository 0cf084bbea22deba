package nginx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"

	"tandem/reconciler/deploy"
)

// watchers are the running watches, and the apps that were prepared so far.
type watchers struct {
	mu      sync.Mutex
	apps    map[string]bool
	running map[*fsnotify.Watcher]string // the directory it watches
}

// Watch tells, until ctx ends, the name of each app whose flag or generated file
// somebody else changed, created or removed; then the channel is closed. A
// name is told again only after it was received. What this Proxy writes
// itself is not told. The directory may be removed and come back.
func (p *Proxy) Watch(ctx context.Context) (<-chan string, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch nginx directory: %w", err)
	}
	p.watch.add(w, p.dir)
	told := make(chan string)
	go func() {
		defer close(told)
		defer p.watch.remove(w)
		p.tell(ctx, w, told)
	}()
	return told, nil
}

func (p *Proxy) tell(ctx context.Context, w *fsnotify.Watcher, told chan<- string) {
	pending := map[string]bool{}
	for {
		var out chan<- string
		var next string
		if len(pending) > 0 {
			out, next = told, slices.Min(slices.Collect(maps.Keys(pending)))
		}
		var apps []string
		select {
		case <-ctx.Done():
			return
		case out <- next:
			delete(pending, next)
		case e := <-w.Events:
			apps = p.concerned(e)
		case err := <-w.Errors:
			apps = p.watch.all() // events may have been lost
			p.log.Warn("watch nginx directory", "err", err)
		}
		for _, app := range apps {
			pending[app] = true
		}
	}
}

// concerned are the apps to which somebody else did something.
func (p *Proxy) concerned(e fsnotify.Event) []string {
	name, err := filepath.Rel(p.dir, e.Name)
	if err != nil || e.Op == fsnotify.Chmod {
		return nil
	}
	if name == "." || name == "live" || name == "log" {
		if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
			return p.watch.all()
		}
		return nil
	}
	stem, isFlag := flagged(name)
	if !isFlag {
		stem, _, _ = strings.Cut(name, ".")
		if !slices.Contains([]string{confFile, formatFile, serverFile, varsFile, confirmFile, listenersFile, upstreamFile}, filepath.Ext(name)) {
			return nil
		}
	}
	if !deploy.ValidName(stem) || p.own.knows(name) && !p.own.altered(name, p.now(name, isFlag)) {
		return nil
	}
	if stem == ownName {
		return p.watch.all()
	}
	return []string{stem}
}

// flagged tells whose flag the name is, if it is one.
func flagged(name string) (app string, ok bool) {
	app, inside := strings.CutPrefix(name, "live/")
	app, green := strings.CutSuffix(app, ".green")
	app, backup := strings.CutSuffix(app, ".backup")
	return app, inside && green != backup
}

// now is what is at the path. Of a flag only its existence counts.
func (p *Proxy) now(name string, isFlag bool) content {
	data, err := os.ReadFile(p.path(name))
	switch {
	case err != nil:
		return content{}
	case isFlag:
		return contentOf(nil)
	default:
		return contentOf(data)
	}
}

func (s *watchers) add(w *fsnotify.Watcher, dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running = map[*fsnotify.Watcher]string{}
	}
	s.running[w] = dir
	subscribe(w, dir)
}

func (s *watchers) remove(w *fsnotify.Watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, w)
	_ = w.Close() // nothing can be lost: nobody reads it any more
}

// refresh watches directories again that were removed and made anew.
func (s *watchers) refresh(app string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apps == nil {
		s.apps = map[string]bool{}
	}
	s.apps[app] = true
	for w, dir := range s.running {
		subscribe(w, dir)
	}
}

// subscribe watches what exists; Prepare makes the rest and calls again.
func subscribe(w *fsnotify.Watcher, dir string) {
	for _, d := range []string{dir, filepath.Join(dir, "live")} {
		if err := w.Add(d); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, fsnotify.ErrClosed) {
			// The watch only makes noticing faster; passes compare the files anyway.
			continue
		}
	}
}

func (s *watchers) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.apps))
}
