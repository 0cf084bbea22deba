package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/sync/semaphore"

	"tandem/reconciler/deploy"
)

// Repo is one repository that holds the desired state. Its methods may be called
// at the same time.
type Repo struct {
	options   Options
	remote    remote
	reader    reader
	sanitizer *errSanitizer
	trust     *trust // nil: every commit is taken
	log       *slog.Logger

	publishing *semaphore.Weighted // this process does not race with itself
	exporting  *semaphore.Weighted // nor writes the same directory twice at once

	mu        sync.Mutex
	last      snapshot
	oversized rejectedTip
}

// rejectedTip is a commit of the branch that exceeds a limit. It is not fetched and walked again at
// every look.
type rejectedTip struct {
	tip plumbing.Hash
	err error
}

// snapshot is what the newest Poll found. It is replaced, never changed.
type snapshot struct {
	tip      plumbing.Hash // where the branch was; the revision may be of an older commit
	revision deploy.Revision
	paths    appPaths
}

// New checks the options and contacts nobody. Its error holds no credential.
func New(o Options) (*Repo, error) {
	o, err := o.withDefaults()
	a, addressErr := parseAddress(o.URL)
	if err := errors.Join(addressErr, err); err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	apps, err := parseGlobs(o.Apps)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	r := &Repo{
		options:    o,
		reader:     reader{apps: apps, statusPaths: o.StatusPaths},
		sanitizer:  &errSanitizer{address: a},
		log:        o.Logger,
		publishing: semaphore.NewWeighted(1),
		exporting:  semaphore.NewWeighted(1),
	}
	r.remote, err = newRemote(a, o, r.sanitizer)
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", a, err)
	}
	if r.trust, err = newTrust(o); err != nil {
		return nil, fmt.Errorf("open repository %s: %w", a, err)
	}
	if a.plain && o.Auth.TokenFile != "" {
		r.log.Warn("the token travels unencrypted: use https", "url", a.String())
	}
	return r, nil
}

// Poll asks the remote where the watched branch is, and reads the commit when
// that is not the one of the last Poll. Every error is a
// *deploy.TemporaryError with GitAway, or with Unverified when no commit of the
// branch was ever verified; see ErrBranchMissing and ErrCredentials. It returns as
// soon as ctx ends.
func (r *Repo) Poll(ctx context.Context) (deploy.Revision, error) { return r.ask(ctx, true) }

// Peek is Poll for somebody who only wants to know: which commit is in force then
// is not remembered.
func (r *Repo) Peek(ctx context.Context) (deploy.Revision, error) { return r.ask(ctx, false) }

func (r *Repo) ask(ctx context.Context, remember bool) (deploy.Revision, error) {
	rev, err := await(ctx, func() (deploy.Revision, error) { return r.poll(ctx, remember) })
	if err != nil {
		return deploy.Revision{}, r.sanitizer.away("poll", err)
	}
	return rev, nil
}

func (r *Repo) poll(ctx context.Context, remember bool) (deploy.Revision, error) {
	const tries = 5
	var err error
	for range tries {
		var head plumbing.Hash
		head, err = r.remote.head(ctx, r.options.Branch)
		if err != nil {
			return deploy.Revision{}, err
		}
		if s := r.snapshot(); s.tip == head && s.revision.Withheld == nil {
			return clone(s.revision), nil
		}
		if err := r.knownOversized(head); err != nil {
			return deploy.Revision{}, err
		}
		var s snapshot
		s, err = r.accept(ctx, head, remember)
		r.rememberOversized(head, err)
		if err == nil {
			r.mu.Lock()
			r.last = s
			r.mu.Unlock()
			return clone(s.revision), nil
		}
		// Between the two requests the branch may have moved on by force,
		// and nobody hands out a commit that no branch has.
		if !errors.Is(err, ErrGone) {
			break
		}
	}
	return deploy.Revision{}, err
}

func (r *Repo) knownOversized(tip plumbing.Hash) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.oversized.tip == tip {
		return r.oversized.err
	}
	return nil
}

func (r *Repo) rememberOversized(tip plumbing.Hash, err error) {
	if isOverLimit(err) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.oversized = rejectedTip{tip, err}
	}
}

// read reads a commit of the branch, which is at tip.
func (r *Repo) read(ctx context.Context, tip, commit plumbing.Hash) (snapshot, error) {
	s := snapshot{tip: tip}
	err := r.remote.withCommit(ctx, tip, func(o *objects) error {
		var err error
		s.revision, s.paths, err = r.reader.revision(ctx, o, commit)
		return err
	}, besides(tip, commit)...)
	return s, err
}

// besides are the commits that have to be read besides the tip.
func besides(tip, commit plumbing.Hash) []plumbing.Hash {
	if commit == tip {
		return nil
	}
	return []plumbing.Hash{commit}
}

func (r *Repo) snapshot() snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// clone keeps a caller that changes what it got from changing the next answer.
func clone(rev deploy.Revision) deploy.Revision {
	rev.Files = slices.Clone(rev.Files)
	for i := range rev.Files {
		rev.Files[i].Data = slices.Clone(rev.Files[i].Data)
	}
	return rev
}

// await returns when f does or ctx ends. An f that is stuck where no context
// reaches (a dead network disk) is left behind.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case d := <-done:
		if d.err != nil && ctx.Err() != nil {
			return d.value, ctx.Err() // a broken connection is only how the end of ctx looks from inside
		}
		return d.value, d.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
