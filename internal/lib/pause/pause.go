package pause

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Growing are pauses that double from the first to the longest.
type Growing struct{ backoff.ExponentialBackOff }

// NewGrowing returns pauses that begin with the first. Each is up to a fifth longer or
// shorter than that, so that many who failed at once do not come back at once.
func NewGrowing(first, longest time.Duration) *Growing {
	return &Growing{backoff.ExponentialBackOff{InitialInterval: first, MaxInterval: longest, Multiplier: 2, RandomizationFactor: 0.2}}
}

// Next ticks after the next pause. Reset begins with the first again.
func (g *Growing) Next() <-chan time.Time { return time.After(g.NextBackOff()) }

// Wait waits for the next pause, or for the end of ctx, whose error it then returns.
func (g *Growing) Wait(ctx context.Context) error {
	select {
	case <-g.Next():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
