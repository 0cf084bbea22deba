package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"tandem/reconciler/deploy"
)

// lockSuffix ends the name of the file whose lock an agent has for as long as it looks
// after an app: "apps/shop.lock" in its state directory.
const lockSuffix = ".lock"

// owned are the apps that an agent looks after. Whose the containers of an app are tells
// the directory that they were made from, which lies in the state directory of the agent
// that made them: that agent's lock of the app says whether it is still there.
type owned struct {
	me owner

	mu   sync.Mutex
	held map[string]*os.File // by app
}

func newOwned(me owner) *owned { return &owned{me: me, held: map[string]*os.File{}} }

func appLock(state, app string) string { return filepath.Join(state, "apps", app+lockSuffix) }

// take takes the lock of an app of this agent, and keeps it.
func (o *owned) take(app string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held[app] != nil {
		return nil
	}
	path := appLock(o.me.State, app)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := lock(path)
	if errors.Is(err, errLocked) {
		return errors.Join(&deploy.TemporaryError{Reason: deploy.OtherAgent, Err: &OwnedError{
			What: "the app " + app, by: named(f), Mend: "wait until it is done"}}, f.Close())
	}
	if err != nil {
		return err
	}
	if err := writeName(f, o.me); err != nil {
		return errors.Join(err, f.Close())
	}
	o.held[app] = f
	return nil
}

// keep gives up the apps that wanted does not name, also those of a process before this
// one: from now on another agent may have them.
func (o *owned) keep(wanted func(app string) bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	files, err := filepath.Glob(appLock(o.me.State, "*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range files {
		app := strings.TrimSuffix(filepath.Base(path), lockSuffix)
		if wanted(app) {
			continue
		}
		errs = append(errs, os.Remove(path))
		if f := o.held[app]; f != nil {
			errs = append(errs, f.Close())
			delete(o.held, app)
		}
	}
	return errors.Join(errs...)
}

// close ends the locks; whose the apps are is still written there.
func (o *owned) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for app, f := range o.held {
		_ = f.Close() // the lock ends with the process in any case
		delete(o.held, app)
	}
}

// check returns an *OwnedError where the stacks belong to another agent: it looks after
// the app now, or it did when it was stopped.
func (o *owned) check(app string, stacks [2]deploy.Stack) error {
	for _, s := range stacks {
		if err := o.checkRoot(app, s.Root); err != nil {
			return &deploy.TemporaryError{Reason: deploy.OtherAgent, Err: err}
		}
	}
	return nil
}

// checkRoot is check for the directory that containers were made from:
// "<state>/trees/<app>/<tree>".
func (o *owned) checkRoot(app, root string) error {
	trees := filepath.Dir(filepath.Dir(root))
	state := filepath.Dir(trees)
	if root == "" || filepath.Base(trees) != "trees" || sameDir(state, o.me.State) {
		return nil
	}
	path := appLock(state, app)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // that agent gave the app up, or its state directory was lost or moved
	}
	if err != nil {
		return fmt.Errorf("see whether another agent looks after %s: %w", app, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	by := named(f)
	foreign := &OwnedError{What: "the stack of " + app + " that runs here", by: by,
		Mend: fmt.Sprintf("give the app another name in one of the two repositories; to hand it over, take its directory out of that agent's repository and wait until `tandem status` of that agent no longer lists %s", app)}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return foreign
	case err != nil:
		return fmt.Errorf("see whether another agent looks after %s: %w", app, err)
	case by == (owner{}) || by.is(o.me):
		return nil
	}
	foreign.Mend += ", or remove " + path + " if it is gone for good"
	return foreign
}

func sameDir(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// ownStacks lets an agent see the stacks of an app only while the app is its own: so
// it plans nothing for those of another agent, and does nothing to them.
type ownStacks struct {
	redactingStacks
	owned *owned
}

// Observe implements reconciler.Stacks.
func (s ownStacks) Observe(ctx context.Context, app deploy.App) ([2]deploy.Stack, error) {
	if err := s.owned.take(app.Name); err != nil {
		return [2]deploy.Stack{}, err
	}
	stacks, err := s.redactingStacks.Observe(ctx, app)
	if err != nil {
		return stacks, err
	}
	return stacks, s.owned.check(app.Name, stacks)
}
