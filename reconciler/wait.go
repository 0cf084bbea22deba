package reconciler

import (
	"context"
	"maps"
	"slices"
	"time"
)

// wait lets d pass, or returns at once when ctx ends.
func wait(ctx context.Context, d time.Duration) { waitFor(ctx, d, nil) }

// waitFor lets d pass, or returns at once when there is word or ctx ends.
func waitFor(ctx context.Context, d time.Duration, word <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-word:
	case <-t.C:
	}
}

// over tells whether ctx has ended, or its time is over and it only has not said so yet:
// a connection that is bounded by ctx gives up by the clock, and what it complains of
// then must not take the place of what was wrong before.
func over(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && !time.Now().Before(deadline)
}

// sortedByKey returns the values of m in the order of its keys, so that a
// message reads the same each time.
func sortedByKey[V any](m map[string]V) []V {
	out := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// signal leaves word in a channel of size one; word that lies there already is enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// empty takes the word out of a channel of size one, if there is some.
func empty(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}
