package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"

	"tandem/internal/lib/overlay"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// hostFiles are the host directories of the apps: files that are not in git.
type hostFiles struct {
	dir string // with a directory for each app
	key string // file with the key of their digests
	log *slog.Logger

	polled map[string]string // by app: what the last poll saw; only the poll's own
}

var _ reconciler.HostFiles = hostFiles{}

func (h hostFiles) of(app string) (overlay.Dir, error) {
	d := overlay.Dir{Path: filepath.Join(h.dir, app)}
	if _, err := os.Lstat(d.Path); errors.Is(err, fs.ErrNotExist) {
		return d, nil // it has no files, and needs no key
	}
	key, err := overlay.Key(h.key)
	d.Key = key
	if err != nil {
		return d, fmt.Errorf("read the key of the host directories: %w", err)
	}
	return d, nil
}

// Version implements reconciler.HostFiles.
func (h hostFiles) Version(ctx context.Context, app string) (string, error) {
	d, err := h.of(app)
	if err != nil {
		return "", err
	}
	version, err := d.Version(ctx)
	return version, hostFaults(d, err)
}

// changed tells whether a poll sees something else than the last one: no event may have
// come of it.
func (h hostFiles) changed(ctx context.Context, app string) bool {
	now, err := h.Version(ctx, app)
	if err != nil {
		now = err.Error()
	}
	before, known := h.polled[app]
	h.polled[app] = now
	return known && now != before
}

// Lay implements reconciler.HostFiles.
func (h hostFiles) Lay(ctx context.Context, app, version, root string) error {
	d, err := h.of(app)
	if err != nil {
		return err
	}
	err = d.Lay(ctx, version, root)
	if errors.Is(err, overlay.ErrChanged) {
		return &deploy.TemporaryError{Reason: deploy.Failed, Err: fmt.Errorf("read %s: %w", d.Path, err)}
	}
	return hostFaults(d, err)
}

// hostFaults are what is wrong with a directory in the words of everybody else.
func hostFaults(d overlay.Dir, err error) error {
	var trouble overlay.Trouble
	if !errors.As(err, &trouble) {
		return err
	}
	var faults deploy.Faults
	for _, text := range trouble {
		faults = append(faults, deploy.Fault{File: d.Path, Text: text})
	}
	return faults
}

// watch tells, until ctx ends, of which app something was changed. A directory that does
// not exist yet is looked for in the one above.
func (h hostFiles) watch(ctx context.Context) (<-chan string, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch host directories: %w", err)
	}
	h.follow(w)
	told := make(chan string)
	go func() {
		defer close(told)
		defer func() { _ = w.Close() }() // nothing is read from it any more
		for {
			app := ""
			select {
			case <-ctx.Done():
				return
			case e := <-w.Events:
				rel, err := filepath.Rel(h.dir, e.Name)
				if err != nil || strings.HasPrefix(rel, "..") {
					h.follow(w) // it may have come
					continue
				}
				if app, _, _ = strings.Cut(rel, "/"); app == "." {
					app = ""
				}
			case err := <-w.Errors:
				h.log.Warn("watch host directories", "err", err) // events may have been lost
			}
			h.follow(w)
			select {
			case told <- app:
			case <-ctx.Done():
				return
			}
		}
	}()
	return told, nil
}

// follow watches what there is. Directories that are watched already stay so.
func (h hostFiles) follow(w *fsnotify.Watcher) {
	for dir := filepath.Dir(h.dir); ; dir = filepath.Dir(dir) {
		if w.Add(dir) == nil || dir == "/" {
			break
		}
	}
	_ = filepath.WalkDir(h.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			return w.Add(path)
		}
		return nil // what cannot be looked at is looked at with the next poll
	})
}
