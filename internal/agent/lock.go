package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Two agents that work on the same thing undo each other's flips. So an agent locks
// what is its own: its state directory, nginx.dir, and each app that it looks after.
// Each lock is that of one file. It dies with the process, so no stale one can be left
// behind; the name of the agent, which is the file's content, stays.

// owner is an agent, as the files that it locks name it.
type owner struct {
	Repo   string `json:"repo"` // without a password
	Branch string `json:"branch"`
	State  string `json:"state"` // its state directory
}

func (o owner) String() string {
	return fmt.Sprintf("the agent of %s, branch %s, with the state directory %s", o.Repo, o.Branch, o.State)
}

// is tells whether both are the same agent. One whose state directory was lost or moved
// still has its repository, and one whose repository has another address still has its
// state directory.
func (o owner) is(p owner) bool {
	return o.State == p.State || o.Repo == p.Repo && o.Branch == p.Branch
}

// OwnedError says that something belongs to another agent.
type OwnedError struct {
	What string // "nginx.dir /etc/nginx/tandem"
	Mend string // what a person does about it
	by   owner  // zero: that one did not say
}

func (e *OwnedError) Error() string {
	by := e.by.String()
	if e.by == (owner{}) {
		by = "another agent"
	}
	return fmt.Sprintf("%s belongs to %s: %s", e.What, by, e.Mend)
}

// errLocked says that another process has the lock.
var errLocked = errors.New("locked by another process")

// lock opens the file, which it makes if need be, and takes its lock. Where another
// process has it, the error is errLocked, and the file is open all the same.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return f, errLocked
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// named reads whose file it is; zero where it does not say.
func named(f *os.File) owner {
	var o owner
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<16))
	if err != nil || json.Unmarshal(data, &o) != nil {
		return owner{} // the name is for people; the lock does not depend on it
	}
	return o
}

// writeName writes into the file whose it is. The file cannot be replaced by another one,
// because that would have no lock.
func writeName(f *os.File, o owner) error {
	if named(f) == o {
		return nil
	}
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if _, err := f.WriteAt(data, 0); err != nil {
		return fmt.Errorf("write the owner: %w", err)
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		return fmt.Errorf("write the owner: %w", err)
	}
	return f.Sync()
}

// lockState takes the lock of a state directory.
func lockState(state string) (*os.File, error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	f, err := lock(filepath.Join(state, "lock"))
	if errors.Is(err, errLocked) {
		return nil, errors.Join(fmt.Errorf("another tandem works with %s already: stop it first, or give this one a --state of its own", state), f.Close())
	}
	return f, err
}

// ownerFile is the file in nginx.dir that says whose the directory is.
const ownerFile = ".owner"

// lockNginx takes the lock of nginx.dir, which has to be nobody's or this agent's own.
// Nothing in the directory of another agent is touched.
func lockNginx(dir string, me owner) (*os.File, error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		// As nginx.Proxy makes it: Nginx's workers look for flags in there.
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
			return nil, fmt.Errorf("make nginx.dir: %w", err)
		}
	}
	path := filepath.Join(dir, ownerFile)
	f, err := lock(path)
	if f == nil {
		return nil, fmt.Errorf("nginx.dir: %w", err)
	}
	by := named(f)
	foreign := &OwnedError{What: "nginx.dir " + dir, by: by, Mend: "give this agent an nginx.dir of its own"}
	switch {
	case err != nil:
		return nil, errors.Join(foreign, f.Close())
	case by != (owner{}) && !by.is(me):
		foreign.Mend += ", or remove " + path + " if that one is gone for good"
		return nil, errors.Join(foreign, f.Close())
	}
	if err := writeName(f, me); err != nil {
		return nil, errors.Join(fmt.Errorf("nginx.dir: %w", err), f.Close())
	}
	return f, nil
}

// locks takes those without which an agent must not work, and returns what gives them
// back.
func (a *Agent) locks() (unlock func(), err error) {
	state, err := lockState(a.cfg.State)
	if err != nil {
		return nil, err
	}
	dir, err := lockNginx(a.cfg.Nginx.Dir, a.owned.me)
	if err != nil {
		return nil, errors.Join(err, state.Close())
	}
	return func() {
		a.owned.close()
		_, _ = dir.Close(), state.Close() // the locks end with the process in any case
	}, nil
}
