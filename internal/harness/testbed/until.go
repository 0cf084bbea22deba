package testbed

import (
	"context"
	"fmt"
	"time"
)

// The pause between two looks at a condition grows from the first to the last of
// these: short enough not to slow a test, long enough to leave the processor to
// what is awaited.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// Until calls cond at once and then again and again, at first every 20 ms and in
// the end every 250 ms, until it returns nil. When ctx ends first, the error says
// what was awaited and the last reason against it.
func Until(ctx context.Context, what string, cond func() error) error {
	pause := firstPause
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		err := cond()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (%w)", what, err, context.Cause(ctx))
		case <-timer.C:
			pause = min(pause*5/4, lastPause)
			timer.Reset(pause)
		}
	}
}
