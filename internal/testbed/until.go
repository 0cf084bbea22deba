package testbed

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is the pause between two looks at a condition: short enough
// not to slow a test, long enough to leave the processor to what is awaited.
const pollInterval = 20 * time.Millisecond

// Until calls cond at once and then every 20 ms until it returns nil. When ctx
// ends first, the error says what was awaited and the last reason against it.
func Until(ctx context.Context, what string, cond func() error) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (%w)", what, err, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
