package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/lib/atomicfile"
)

// mostOwn bounds how many of the agent's own commits are remembered. One that is
// forgotten counts as anybody's, so that forgetting never lets a commit in.
const mostOwn = 500

// record is what cannot be seen in the repository: which commit was verified last,
// and which commits this agent made itself. It is read from its file once; one
// process writes it.
type record struct {
	path string
	log  *slog.Logger

	mu        sync.Mutex
	known     *recorded // nil: not read yet
	senseless bool      // the file is there, and makes no sense
}

// recorded is the file's form.
type recorded struct {
	InForce string      `json:"in_force,omitempty"` // the commit that was verified last
	Own     []ownCommit `json:"own,omitempty"`      // the oldest first
}

// ownCommit is a commit that this agent made for the watched branch. It may never
// have arrived there.
type ownCommit struct {
	Commit string `json:"commit"`
	Parent string `json:"parent"`
}

// inForce is the commit that was verified last; zero: none.
func (r *record) inForce() (plumbing.Hash, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.read()
	return plumbing.NewHash(k.InForce), err
}

// setInForce remembers that the commit was verified.
func (r *record) setInForce(commit plumbing.Hash) error {
	return r.change(func(k *recorded) bool {
		changed := k.InForce != commit.String()
		k.InForce = commit.String()
		return changed
	})
}

// own remembers that the commit on top of parent is the agent's.
func (r *record) own(commit, parent plumbing.Hash) error {
	return r.change(func(k *recorded) bool {
		k.Own = append(k.Own, ownCommit{commit.String(), parent.String()})
		k.Own = k.Own[max(0, len(k.Own)-mostOwn):]
		return true
	})
}

// below goes down from a commit past the agent's own ones, until stop or the first
// commit that is somebody else's.
func (r *record) below(commit, stop plumbing.Hash) (plumbing.Hash, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.read()
	if err != nil {
		return commit, err
	}
	parents := map[string]string{}
	for _, o := range k.Own {
		parents[o.Commit] = o.Parent
	}
	for commit != stop {
		parent, own := parents[commit.String()]
		if !own {
			break
		}
		commit = plumbing.NewHash(parent)
	}
	return commit, nil
}

// read returns what is known; the lock is held. Where the file makes no sense, nothing
// was verified before, which lets no commit in.
func (r *record) read() (recorded, error) {
	if r.known != nil {
		return *r.known, nil
	}
	data, err := os.ReadFile(r.path)
	var k recorded
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return k, fmt.Errorf("read which commit was verified: %w", err)
	default:
		if err := json.Unmarshal(data, &k); err != nil {
			r.log.Warn("the record of verified commits is not readable; it is begun anew", "file", r.path, "err", err)
			k, r.senseless = recorded{}, true
		}
	}
	r.known = &k
	return k, nil
}

// change writes what changed. What could not be written is not known.
func (r *record) change(f func(*recorded) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.read()
	if err != nil || !f(&k) {
		return err
	}
	data, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return err
	}
	if r.senseless { // and kept for a person to look at
		if err := os.Rename(r.path, r.path+".bad"); err != nil {
			return err
		}
		r.senseless = false
	}
	if err := atomicfile.Write(r.path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("remember which commit was verified: %w", err)
	}
	r.known = &k
	return nil
}
