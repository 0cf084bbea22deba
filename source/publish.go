package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/lib/pause"
)

// Publish commits the files to the status branch on top of its newest head and
// pushes without force; when somebody was faster it builds the commit again on
// theirs, for as long as ctx lets it. All other files stay as they are; content
// that is there already makes no commit. A status branch of its own is made when
// there is none; the watched branch never is. See ErrRefused, ErrBranchMissing
// and ErrCredentials.
func (r *Repo) Publish(ctx context.Context, message string, files map[string][]byte) error {
	for name := range files {
		if err := checkPath(name); err != nil {
			return r.sanitizer.plain("publish to", err)
		}
	}
	_, err := await(ctx, func() (struct{}, error) {
		if err := r.publishing.Acquire(ctx, 1); err != nil {
			return struct{}{}, err
		}
		defer r.publishing.Release(1)
		return struct{}{}, r.submit(ctx, proposal{branch: r.options.StatusBranch, message: message, edit: put(files)})
	})
	if err != nil {
		return r.sanitizer.away("publish to", err)
	}
	return nil
}

// refusals is how often a push that the server refuses is tried while the
// branch stays where it is: a lock held by somebody else looks the same as a
// protection.
const refusals = 4

// proposal is a commit that is to be made on top of whatever a branch holds.
type proposal struct {
	branch  string
	message string
	edit    edit
	older   []plumbing.Hash // commits that edit reads besides the branch's head
}

// submit builds the commit on the branch's newest head and pushes it without
// force; when somebody was faster it is built again on theirs, for as long as ctx
// lets it.
func (r *Repo) submit(ctx context.Context, p proposal) error {
	refused, pauses := 0, pause.NewGrowing(20*time.Millisecond, time.Second)
	var seen plumbing.Hash // where the branch was when it was refused last
	for try := 0; ; try++ {
		base, err := r.base(ctx, p.branch)
		if err != nil {
			return err
		}
		err = r.submitOn(ctx, base, p)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errLost):
			return err
		case errors.Is(err, errRaced), errors.Is(err, ErrGone):
			r.log.Debug("somebody pushed at the same moment", "attempt", try+1)
		case errors.Is(err, ErrRefused):
			if base != seen {
				seen, refused = base, 0
			}
			if refused++; refused == refusals {
				return err
			}
		default:
			return err
		}
		if err := pauses.Wait(ctx); err != nil {
			return err
		}
	}
}

// base is the head of the branch, and zero when it is a status branch that is
// still to be made.
func (r *Repo) base(ctx context.Context, branch string) (plumbing.Hash, error) {
	base, err := r.remote.head(ctx, branch)
	if errors.Is(err, ErrBranchMissing) && branch != r.options.Branch {
		return plumbing.ZeroHash, nil
	}
	return base, err
}

func (r *Repo) submitOn(ctx context.Context, base plumbing.Hash, p proposal) error {
	b := builder{author: r.options.Author, message: p.message, edit: p.edit}
	if base.IsZero() {
		if err := b.build(nil, base); err != nil {
			return err
		}
	} else if err := r.remote.withCommit(ctx, base, func(o *objects) error { return b.build(o, base) }, p.older...); err != nil {
		return err
	}
	if b.tip.IsZero() {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.trust != nil && p.branch == r.options.Branch {
		// Before it is pushed: a commit that this agent does not know to be its own is
		// anybody's.
		if err := r.trust.record.own(b.tip, base); err != nil {
			return err
		}
	}
	if err := r.remote.push(ctx, p.branch, base, b.tip, b.objects); err != nil {
		return fmt.Errorf("push to the branch %q: %w", p.branch, err)
	}
	return nil
}
