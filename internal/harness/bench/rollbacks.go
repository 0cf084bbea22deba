package main

import (
	"context"
	"errors"
)

// measureRollbacks takes the time from the push of a revert to the first answer of
// the release before, whose stack is warm.
func (b *bench) measureRollbacks(ctx context.Context) (_ section, err error) {
	t, c, end, err := b.newPair(ctx)
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return section{}, err
	}

	var pushed, woken, flip, theirs series
	for i := range 2 * b.rounds {
		one, err := t.rollback(ctx, releases[i%2])
		if err != nil {
			return section{}, err
		}
		other, err := switched(ctx, c)
		if err != nil {
			return section{}, err
		}
		pushed, woken = append(pushed, one.pushed), append(woken, one.woken)
		flip, theirs = append(flip, one.flip), append(theirs, other.Seconds())
	}
	return section{
		intro:  "The release before is warm. Its stack is looked at, gated and given the traffic; no container is touched.",
		header: []string{"what", "time"},
		rows: [][]string{
			{"tandem / the script", ratios(pushed, theirs).text(plain)},
			{"tandem, from the start of `git push`", pushed.text(seconds)},
			{"tandem, from its line \"new commit\"", woken.text(seconds)},
			{"the flip alone", flip.text(seconds)},
			{"the script with the tag before, from its start", theirs.text(seconds)},
		},
		notes: []string{
			target("once the agent is woken", woken.median(), .1, seconds),
			target("the flip", flip.median(), .005, seconds),
			"The rest is the gate, and a look at Docker and Nginx before each of the steps.",
		},
	}, nil
}

// rollback is what one took, in seconds.
type rollback struct{ pushed, woken, flip float64 }

// rollback reverts the newest commit, after which the tag is desired again.
func (t *tandem) rollback(ctx context.Context, tag string) (rollback, error) {
	if _, err := t.Git(ctx, "revert", "--no-edit", "HEAD"); err != nil {
		return rollback{}, err
	}
	mark := t.log.Size()
	began, end, err := timed(ctx, t, tag, func() error {
		_, err := t.Git(ctx, "push", "--quiet", "origin", "main")
		return err
	})
	if err != nil {
		return rollback{}, err
	}
	notice, err := t.waitFor(ctx, mark, "new commit")
	if err != nil {
		return rollback{}, err
	}
	line, err := t.waitFor(ctx, mark, "step done", "step=flip")
	if err != nil {
		return rollback{}, err
	}
	flip, err := duration(line, "took")
	if err != nil {
		return rollback{}, err
	}
	return rollback{end.Sub(began).Seconds(), end.Sub(notice.At).Seconds(), flip}, t.settled(ctx, tag)
}
