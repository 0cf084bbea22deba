package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"tandem/internal/lib/atomicfile"
	"tandem/internal/lib/verify"
	"tandem/reconciler/deploy"
)

// trust decides which commit of the watched branch is in force: the newest, when
// it is signed by a listed key, or is one of this agent's own on top of such a
// commit; else the last one that was. The signature of a commit is over its tree
// and its parents, so what it brings with it, a merge's other side too, is the
// signer's word.
type trust struct {
	files  verify.Files
	record *record
	now    func() time.Time
}

// newTrust returns nil when every commit is to be taken. It reads the keys, so that
// a mistake in them shows at the start.
func newTrust(o Options) (*trust, error) {
	if !o.Verify.Any() {
		return nil, nil
	}
	if _, err := o.Verify.Read(); err != nil {
		return nil, fmt.Errorf("read who may sign: %w", err)
	}
	return &trust{files: o.Verify, record: &record{path: o.Record, log: o.Logger}, now: time.Now}, nil
}

// withheldError says why the newest commit changes nothing.
type withheldError struct{ text string }

func (e *withheldError) Error() string { return e.text }

// accept reads the commit that is in force while the branch is at head.
func (r *Repo) accept(ctx context.Context, head plumbing.Hash, remember bool) (snapshot, error) {
	if r.trust == nil {
		// Else, once commits are verified again, one of long ago would be in force.
		if remember && r.options.Record != "" {
			if err := atomicfile.Remove(r.options.Record); err != nil {
				return snapshot{}, err
			}
		}
		return r.read(ctx, head, head)
	}
	err := r.verifyTip(ctx, head)
	var refused *refusedCommit
	if errors.As(err, &refused) {
		return r.stay(ctx, head, refused)
	}
	if err != nil {
		return snapshot{}, err
	}
	s, err := r.read(ctx, head, head)
	if err == nil && remember {
		err = r.trust.record.setInForce(head)
	}
	return s, err
}

// stay returns the last commit that was verified, with what is wrong with the
// newest.
func (r *Repo) stay(ctx context.Context, head plumbing.Hash, refused *refusedCommit) (snapshot, error) {
	last, err := r.trust.record.inForce()
	if err != nil {
		return snapshot{}, err
	}
	if last.IsZero() {
		return snapshot{}, &withheldError{refused.say("no commit of this branch was verified before, so nothing is deployed")}
	}
	s := r.snapshot()
	if s.revision.Commit.Hash != last.String() {
		s, err = r.read(ctx, head, last)
		if errors.Is(err, ErrGone) {
			return snapshot{}, &withheldError{refused.say(fmt.Sprintf(
				"the last commit that was verified, %.8s, is in the repository no more, so what is live is left as it is", last))}
		}
		if err != nil {
			return snapshot{}, err
		}
	}
	s.tip = head
	s.revision.Withheld = r.sanitizer.unverified(&withheldError{refused.say(fmt.Sprintf("commit %.8s stays in force", last))})
	return s, nil
}

// verifyTip returns nil for a commit that is verified, and a *refusedCommit for one
// that is not.
func (r *Repo) verifyTip(ctx context.Context, head plumbing.Hash) error {
	last, err := r.trust.record.inForce()
	if err != nil {
		return err
	}
	theirs, err := r.trust.record.below(head, last)
	if err != nil || theirs == last {
		return err
	}
	return r.remote.withCommit(ctx, head, func(o *objects) error {
		c, err := o.commit(theirs)
		if err != nil {
			return err
		}
		refused := &refusedCommit{commit: describe(c, theirs), advice: "push a commit on top of it that is signed by a listed key"}
		keys, err := r.trust.files.Read()
		if err != nil {
			refused.why, refused.advice = "it cannot be checked: "+err.Error(), "mend that; it is looked at again at each poll"
			return refused
		}
		raw, err := o.read(plumbing.CommitObject, theirs, maxMetadata)
		if err != nil {
			return err
		}
		by, err := keys.Verify(raw, r.trust.now())
		if err == nil {
			err = sameTree(raw, c.TreeHash)
		}
		if err != nil {
			return refused.because(err)
		}
		r.log.Info("commit verified", "commit", refused.commit.Short(), "signed_by", printable(by))
		return nil
	}, besides(head, theirs)...)
}

// sameTree makes sure that what was verified is what is read: two readers of the
// same bytes wrote them down.
func sameTree(raw []byte, tree plumbing.Hash) error {
	c, err := verify.Split(raw)
	if err == nil && c.Tree != tree.String() {
		err = errors.New("it is not written as git writes commits: it can be read in two ways")
	}
	return err
}

// refusedCommit is a commit that is not verified.
type refusedCommit struct {
	commit deploy.Commit
	why    string
	advice string
}

func (e *refusedCommit) Error() string { return e.why }

func (e *refusedCommit) because(err error) error {
	e.why = err.Error()
	var refusal *verify.Refusal
	if errors.As(err, &refusal) && refusal.Why == verify.UnknownKey {
		e.advice += ", or list this key if it is one that may deploy"
	}
	return e
}

// say is the sentence for a tired person: which commit, whose, why, what now.
func (e *refusedCommit) say(now string) string {
	return fmt.Sprintf("commit %s by %s changes nothing: %s; %s; %s", e.commit.Short(), e.commit.Author, e.why, now, e.advice)
}
