package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// patience bounds one conversation with a server, for callers whose context has
// no end.
const patience = 5 * time.Minute

// dialer opens conversations with one repository on a server. The context bounds
// the whole conversation, not only its beginning.
type dialer interface {
	fetch(ctx context.Context) (transport.UploadPackSession, error)
	push(ctx context.Context) (transport.ReceivePackSession, error)
}

// networkRemote is a repository behind http or ssh, with a cache of what was fetched.
type networkRemote struct {
	dialer dialer
	branch string // where older commits are looked for
	cache  *cached
	log    *slog.Logger

	mu   sync.Mutex
	seen map[string]plumbing.Hash // branch -> where it was when the server was asked last
	held map[string]plumbing.Hash // branch -> the last commit of it that is in the cache
}

func (w *networkRemote) head(ctx context.Context, branch string) (hash plumbing.Hash, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := w.dialer.fetch(ctx)
	if err != nil {
		return hash, err
	}
	defer func() { err = closeErr(s, err) }()
	adv, err := s.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return hash, kindf(ErrBranchMissing, "the repository is empty: push a commit to the branch %q", branch)
	}
	if err != nil {
		return hash, err
	}
	hash, ok := adv.References[plumbing.NewBranchReferenceName(branch).String()]
	if !ok {
		return hash, kindf(ErrBranchMissing, "there is no branch %q; nothing is changed until there is one", branch)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen, w.held = map[string]plumbing.Hash{}, map[string]plumbing.Hash{}
	}
	w.seen[branch] = hash
	return hash, nil
}

// before returns the last commit of the same branch that is in the cache; zero where
// none is known.
func (w *networkRemote) before(commit plumbing.Hash) plumbing.Hash {
	w.mu.Lock()
	defer w.mu.Unlock()
	for branch, head := range w.seen {
		if head == commit {
			return w.held[branch]
		}
	}
	return plumbing.ZeroHash
}

// hold notes that the commit is in the cache.
func (w *networkRemote) hold(commit plumbing.Hash) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for branch, head := range w.seen {
		if head == commit {
			w.held[branch] = commit
		}
	}
}

func (w *networkRemote) withCommit(ctx context.Context, commit plumbing.Hash, read func(*objects) error, older ...plumbing.Hash) error {
	if err := w.cache.lock.Acquire(ctx, 1); err != nil {
		return err
	}
	defer w.cache.lock.Release(1)

	err := w.withCached(ctx, commit, read, older)
	if !isDamaged(err) || ctx.Err() != nil {
		return err
	}
	if !errors.Is(err, errFull) {
		w.log.Warn("the cache of the repository is replaced", "commit", commit.String(), "err", err)
	}
	return w.withFresh(ctx, commit, read, older)
}

// withCached reads from the cache, after fetching what is new. Whatever goes wrong
// with the cache is a *damagedError.
func (w *networkRemote) withCached(ctx context.Context, commit plumbing.Hash, read func(*objects) error, older []plumbing.Hash) error {
	store, err := w.cache.open()
	if err != nil {
		return &damagedError{err}
	}
	if full(store) && !hasAll(store, append(older, commit)) {
		return &damagedError{errFull}
	}
	if err := w.fill(ctx, store, commit, older); err != nil {
		return err
	}
	return read(&objects{store: store})
}

// withFresh replaces the cache, but not before the new one is complete: a remote
// that goes away meanwhile must not cost what was there.
func (w *networkRemote) withFresh(ctx context.Context, commit plumbing.Hash, read func(*objects) error, older []plumbing.Hash) error {
	store, dir, err := w.cache.fresh()
	if err != nil {
		return err
	}
	if err := w.fill(ctx, store, commit, older); err != nil {
		return errors.Join(err, removeAll(dir))
	}
	if err := w.cache.keep(dir); err != nil {
		return err
	}
	if store, err = w.cache.open(); err != nil {
		return err
	}
	return read(&objects{store: store, fresh: true})
}

// fill fetches what the store lacks.
func (w *networkRemote) fill(ctx context.Context, store *filesystem.Storage, commit plumbing.Hash, older []plumbing.Hash) error {
	if !has(store, commit) {
		if err := w.update(ctx, store, commit); err != nil {
			return err
		}
	}
	w.hold(commit)
	for _, c := range older {
		if has(store, c) {
			continue
		}
		if err := w.fetchOlder(ctx, store, c); err != nil {
			return err
		}
	}
	return nil
}

// fetch gets one commit into the store. A pack that cannot be stored is a
// *damagedError: with other haves it may be another pack.
func (w *networkRemote) fetch(ctx context.Context, store *filesystem.Storage, commit plumbing.Hash, ask fetchSpec) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	haves, err := held(store)
	if err != nil {
		return &damagedError{err}
	}
	s, err := w.dialer.fetch(ctx)
	if err != nil {
		return err
	}
	defer func() { err = closeErr(s, err) }()
	adv, err := s.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		adv, err = packp.NewAdvRefs(), nil // it has not one commit
	}
	if err != nil {
		return err
	}
	req, err := ask(adv, commit, haves)
	if err != nil {
		return err
	}
	return receive(ctx, s, req, store, commit)
}

// receive stores the pack that the request is answered with.
func receive(ctx context.Context, s transport.UploadPackSession, req *packp.UploadPackRequest, store *filesystem.Storage, commit plumbing.Hash) (err error) {
	answer, err := s.UploadPack(ctx, req)
	if err != nil {
		return &damagedError{fmt.Errorf("fetch %s: %w", commit, err)}
	}
	defer func() { err = closeErr(answer, err) }()
	var pack io.Reader = answer
	if req.Capabilities.Supports(capability.Sideband64k) {
		pack = sideband.NewDemuxer(sideband.Sideband64k, answer)
	}
	whole := limitPack(pack, maxObject)
	err = packfile.UpdateObjectStorage(store, whole)
	if exceeded := whole.close(); exceeded != nil {
		return exceeded
	}
	if err != nil {
		return &damagedError{fmt.Errorf("fetch %s: %w", commit, err)}
	}
	if store.HasEncodedObject(commit) != nil {
		if len(req.Haves) > 0 {
			return &damagedError{fmt.Errorf("fetch %s: the cache lacks what it said it had", commit)}
		}
		return errShort
	}
	ref := plumbing.NewHashReference(plumbing.NewBranchReferenceName(commit.String()), commit)
	if err := store.SetReference(ref); err != nil {
		return &damagedError{fmt.Errorf("fetch %s: %w", commit, err)}
	}
	return nil
}

func (w *networkRemote) push(ctx context.Context, branch string, old, tip plumbing.Hash, objs []newObject) error {
	return sendPack(ctx, w.dialer.push, branch, old, tip, objs)
}

// closeErr closes a conversation; its own error counts only when all went well.
func closeErr(c io.Closer, err error) error {
	if closeErr := c.Close(); err == nil {
		return closeErr
	}
	return err
}
