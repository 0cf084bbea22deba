package compose

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/client"
	moby "github.com/moby/moby/client"

	"tandem/reconciler/deploy"
)

// engineError says what the engine was asked for, and tells a daemon that is
// away from one that answers. A context that has ended is its own error.
func engineError(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case isAway(err):
		return &deploy.TemporaryError{Reason: deploy.DockerAway, Err: fmt.Errorf("%s: %w", doing, err)}
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// isAway tells whether the daemon did not answer: nothing listens, or it went
// away in the middle of an answer, as it does when it is restarted.
func isAway(err error) bool {
	if client.IsErrConnectionFailed(err) || moby.IsErrConnectionFailed(err) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "error during connect") || strings.HasSuffix(text, ": EOF") ||
		strings.Contains(text, "connection reset by peer")
}
