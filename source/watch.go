package source

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// rewatch is how often a repository that is not there (yet) is looked for.
	rewatch = time.Second
	// maxRefDirs is how many directories of branches are watched.
	maxRefDirs = 1000
	// maxRefEntries is how many branches and directories one of them may have for that.
	maxRefEntries = 100_000
)

// Watch tells, for a repository on this machine, that the watched branch may have
// moved: the channel gets a value within milliseconds, and holds at most one, so
// that a burst of pushes is one wake-up. It only ever saves waiting for the next
// Poll. For a remote repository the channel is nil, which blocks for ever. The
// channel is never closed; watching ends with ctx.
func (r *Repo) Watch(ctx context.Context) (<-chan struct{}, error) {
	l, ok := r.remote.(*local)
	if !ok {
		return nil, nil
	}
	fsw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", l.path, err)
	}
	w := &watcher{local: l, branch: r.options.Branch, fsw: fsw, moved: make(chan struct{}, 1)}
	w.add()
	go w.run(ctx)
	return w.moved, nil
}

// watcher listens to the files that say where a branch is: refs/heads/<branch>,
// packed-refs and HEAD.
type watcher struct {
	local  *local
	branch string
	fsw    *fsnotify.Watcher
	moved  chan struct{}
	dir    string      // of the repository; empty while there is none
	info   fs.FileInfo // of dir, to see that it is another one of the same name
}

func (w *watcher) run(ctx context.Context) {
	defer func() { _ = w.fsw.Close() }() // nothing is left to lose
	again := time.NewTicker(rewatch)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.fsw.Events:
			if !ok {
				return
			}
			w.handle(e)
		case _, ok := <-w.fsw.Errors:
			if !ok {
				return
			}
			// Events were lost. Which ones is unknown, so look at everything again.
			w.add()
			w.signal()
		case <-again.C:
			if w.lost() && w.add() {
				w.signal()
			}
		}
	}
}

// lost tells whether the directories that were watched are gone: a repository
// that is replaced has other ones.
func (w *watcher) lost() bool {
	if w.dir == "" {
		return true
	}
	info, err := os.Stat(w.dir)
	return err != nil || !os.SameFile(info, w.info)
}

func (w *watcher) handle(e fsnotify.Event) {
	if e.Has(fsnotify.Create) && e.Name == filepath.Join(w.dir, "refs") {
		w.addRefs() // else no push to a repository that was still being copied would be heard
	} else if e.Has(fsnotify.Create) {
		if rel, ok := strings.CutPrefix(e.Name, w.dir+"/"); ok && strings.HasPrefix(rel, "refs/heads") && w.addTree(rel) {
			w.signal() // what was made in it before it was watched was not seen
			return
		}
	}
	if e.Op == fsnotify.Chmod {
		return
	}
	rel, err := filepath.Rel(w.dir, e.Name)
	if err != nil {
		return
	}
	switch rel = filepath.ToSlash(rel); rel {
	case "refs/heads/" + w.branch, "packed-refs", "HEAD", "refs", "refs/heads", ".":
		w.signal()
	default:
		// The directory of a branch with slashes in its name came or went.
		if strings.HasPrefix("refs/heads/"+w.branch, rel+"/") {
			w.signal()
		}
	}
}

func (w *watcher) signal() {
	select {
	case w.moved <- struct{}{}:
	default:
	}
}

// add watches the repository if there is one.
func (w *watcher) add() bool {
	for _, old := range w.fsw.WatchList() {
		_ = w.fsw.Remove(old) // it may be gone already
	}
	w.dir = ""
	dir, err := w.local.open()
	if err != nil {
		return false
	}
	defer func() { _ = dir.close() }() // it was only read
	w.info = dir.info
	if err := w.fsw.Add(dir.path); err != nil {
		return false
	}
	w.dir = dir.path
	w.addRefs()
	return true
}

// addRefs watches the branches. In a repository that is being made they may be
// missing; handle sees them come.
func (w *watcher) addRefs() {
	_ = w.fsw.Add(filepath.Join(w.dir, "refs"))
	w.addTree("refs/heads")
}

// addTree watches a directory and those in it, and tells whether it is one. They are
// found below a descriptor of the repository. Watched they are by their paths: where
// its owner leads one elsewhere, the most that can come of it is a look too many.
func (w *watcher) addTree(top string) bool {
	dir, err := w.local.open()
	if err != nil {
		return false
	}
	defer func() { _ = dir.close() }() // it was only read
	if info, err := dir.lstat(top); err != nil || !info.IsDir() {
		return false
	}
	left := maxRefDirs
	w.addBelow(dir, top, &left)
	return true
}

// addBelow goes on while there are some left.
func (w *watcher) addBelow(dir *gitDir, name string, left *int) {
	if *left--; *left < 0 {
		return // the next poll finds what moves there
	}
	_ = w.fsw.Add(dir.full(name)) // one that went away meanwhile needs no watching
	entries, err := dir.entries(name, maxRefEntries)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			w.addBelow(dir, path.Join(name, e.Name()), left)
		}
	}
}
