package source

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// fetchSpec makes the request for a commit of what the server advertises. haves
// are the commits that are here already.
type fetchSpec func(adv *packp.AdvRefs, commit plumbing.Hash, haves []plumbing.Hash) (*packp.UploadPackRequest, error)

// errShort: the part of the history that came does not reach back to the commit.
var errShort = errors.New("the commit is older than what was fetched")

// newest asks for a commit that a branch is at.
func newest(adv *packp.AdvRefs, commit plumbing.Hash, haves []plumbing.Hash) (*packp.UploadPackRequest, error) {
	if !advertised(adv, commit) {
		return nil, kindf(ErrGone, "commit %s is not in the cache, and no branch of the repository is there any more", commit)
	}
	return fetchRequest(adv, commit, 1, haves), nil
}

// since asks for a commit that a branch is at, and for its history back to the time
// of the last commit of the branch that is here. So the server sees that one among
// the ancestors and sends what changed since; asked for the commit alone it sends
// every file again, because what is here is then no ancestor of it.
func since(when time.Time) fetchSpec {
	return func(adv *packp.AdvRefs, commit plumbing.Hash, haves []plumbing.Hash) (*packp.UploadPackRequest, error) {
		req, err := newest(adv, commit, haves)
		if err == nil && req.Capabilities.Supports(capability.Shallow) && adv.Capabilities.Supports(capability.DeepenSince) {
			// It takes no value, and that is the only thing Set could object to.
			_ = req.Capabilities.Set(capability.DeepenSince)
			req.Depth = packp.DepthSince(when)
		}
		return req, err
	}
}

// update fetches a commit that a branch is at.
func (w *networkRemote) update(ctx context.Context, store *filesystem.Storage, commit plumbing.Hash) error {
	when, err := timeOf(store, w.before(commit))
	if err != nil {
		return &damagedError{err}
	}
	if !when.IsZero() {
		// A commit that is older than what is here, after a force-push or by a wrong
		// clock, has no history since then, which the server takes for an error.
		if err := w.fetch(ctx, store, commit, since(when)); !isDamaged(err) || ctx.Err() != nil {
			return err
		}
	}
	return w.fetch(ctx, store, commit, newest)
}

// history asks for a commit that the branch may have left behind. A server that
// hands out no commit by its hash is asked for the branch, so many commits deep;
// 0 is all of it.
func history(branch string, depth int) fetchSpec {
	return func(adv *packp.AdvRefs, commit plumbing.Hash, haves []plumbing.Hash) (*packp.UploadPackRequest, error) {
		if advertised(adv, commit) || adv.Capabilities.Supports(capability.AllowReachableSHA1InWant) {
			return fetchRequest(adv, commit, 1, haves), nil
		}
		head, ok := adv.References[plumbing.NewBranchReferenceName(branch).String()]
		if !ok {
			return nil, kindf(errLost, "commit %s is not in the cache, and there is no branch %q to find it on", commit, branch)
		}
		return fetchRequest(adv, head, depth, nil), nil
	}
}

// fetchOlder fetches a commit that no branch may be at any more. Without a server
// that hands it out by its hash, the near past is looked at first.
func (w *networkRemote) fetchOlder(ctx context.Context, store *filesystem.Storage, commit plumbing.Hash) error {
	for _, depth := range []int{100, 0} {
		err := w.fetch(ctx, store, commit, history(w.branch, depth))
		switch {
		case errors.Is(err, errShort):
			continue
		case err != nil && strings.Contains(err.Error(), "not our ref"):
			return kindf(errLost, "the repository does not hand out the commit %s any more: %v", commit, err)
		default:
			return err
		}
	}
	return kindf(errLost, "commit %s is not in the history of the branch %q", commit, w.branch)
}

func advertised(adv *packp.AdvRefs, commit plumbing.Hash) bool {
	for _, hash := range adv.References {
		if hash == commit {
			return true
		}
	}
	return false
}

// fetchRequest asks for so many commits of the history of one; 0 is all of it. No
// thin pack is asked for: its bases could be missing in a damaged cache.
func fetchRequest(adv *packp.AdvRefs, commit plumbing.Hash, depth int, haves []plumbing.Hash) *packp.UploadPackRequest {
	req := packp.NewUploadPackRequest()
	for _, c := range []capability.Capability{capability.Sideband64k, capability.OFSDelta, capability.NoProgress, capability.Shallow} {
		if adv.Capabilities.Supports(c) {
			// It takes no value, and that is the only thing Set could object to.
			_ = req.Capabilities.Set(c)
		}
	}
	if adv.Capabilities.Supports(capability.Filter) {
		_ = req.Capabilities.Set(capability.Filter) // as above
		req.Filter = packp.FilterBlobLimit(maxObject+1, packp.BlobLimitPrefixNone)
	}
	req.Wants = []plumbing.Hash{commit}
	if adv.Capabilities.Supports(capability.Shallow) {
		req.Depth = packp.DepthCommits(depth)
		req.Haves, req.Shallows = haves, haves
	}
	return req
}
