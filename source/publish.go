package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// refusals is how often a push that the server refuses is tried while the
// branch stays where it is: a lock held by somebody else looks the same as a
// protection.
const refusals = 4

// Publish commits the files to the status branch on top of its newest head and
// pushes without force; when somebody was faster it builds the commit again on
// theirs, for as long as ctx lets it. All other files stay as they are; content
// that is there already makes no commit. A status branch of its own is made when
// there is none; the watched branch never is. See ErrRefused, ErrBranchMissing
// and ErrCredentials.
func (r *Repo) Publish(ctx context.Context, message string, files map[string][]byte) error {
	for name := range files {
		if err := checkPath(name); err != nil {
			return r.boundary.plain("publish to", err)
		}
	}
	_, err := await(ctx, func() (struct{}, error) {
		if err := r.publishing.acquire(ctx); err != nil {
			return struct{}{}, err
		}
		defer r.publishing.release()
		return struct{}{}, r.publish(ctx, message, files)
	})
	if err != nil {
		return r.boundary.away("publish to", err)
	}
	return nil
}

func (r *Repo) publish(ctx context.Context, message string, files map[string][]byte) error {
	refused := 0
	var seen plumbing.Hash // where the branch was when it was refused last
	for try := 0; ; try++ {
		base, err := r.statusHead(ctx)
		if err != nil {
			return err
		}
		err = r.publishOn(ctx, base, message, files)
		switch {
		case err == nil:
			return nil
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
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// statusHead is zero when the status branch is still to be made.
func (r *Repo) statusHead(ctx context.Context) (plumbing.Hash, error) {
	base, err := r.remote.head(ctx, r.options.StatusBranch)
	if errors.Is(err, ErrBranchMissing) && r.options.StatusBranch != r.options.Branch {
		return plumbing.ZeroHash, nil
	}
	return base, err
}

func (r *Repo) publishOn(ctx context.Context, base plumbing.Hash, message string, files map[string][]byte) error {
	b := builder{author: r.options.Author, message: message, files: files}
	if base.IsZero() {
		if err := b.build(nil, base); err != nil {
			return err
		}
	} else if err := r.remote.view(ctx, base, func(o *objects) error { return b.build(o, base) }); err != nil {
		return err
	}
	if b.tip.IsZero() {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.remote.push(ctx, r.options.StatusBranch, base, b.tip, b.made); err != nil {
		return fmt.Errorf("push to the branch %q: %w", r.options.StatusBranch, err)
	}
	return nil
}
