package compose

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/docker/docker/client"
	moby "github.com/moby/moby/client"

	"tandem/internal/lib/containerexec"
	"tandem/reconciler/deploy"
)

// Container is one that belongs to no stack, such as the one that Nginx runs in. It
// may be used until Close.
func (c *Client) Container(name string) *containerexec.Container {
	return containerexec.New(c.engine, name)
}

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

// pingTimeout bounds how long Negotiate waits for a daemon that does not answer.
const pingTimeout = 2 * time.Second

// negotiation agrees once which version of the API both sides speak. The
// engine's client would do so in its first call, but reads the version
// unguarded while another first call writes it.
type negotiation struct {
	done atomic.Bool
	turn chan struct{} // holds one token, so that a waiting caller heeds its context
}

func newNegotiation() *negotiation {
	n := &negotiation{turn: make(chan struct{}, 1)}
	n.turn <- struct{}{}
	return n
}

// ready returns when the version of the API is settled. Every method that asks
// the engine calls it first.
func (c *Client) ready(ctx context.Context) error {
	if c.version.done.Load() {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.version.turn:
	}
	defer func() { c.version.turn <- struct{}{} }()
	if c.version.done.Load() {
		return nil
	}
	ping, err := c.engine.Ping(ctx)
	if err == nil && ping.APIVersion == "" {
		// A daemon that is starting answers without; the client would take it for a
		// very old one, for good.
		err = errors.New("the daemon does not say which API it speaks")
	}
	if err != nil {
		return engineError(ctx, "ask Docker for its version", err)
	}
	c.engine.NegotiateAPIVersionPing(ping)
	c.version.done.Store(true)
	return nil
}

// local tells whether the engine is on this host.
func (c *Client) local() bool { return strings.HasPrefix(c.host, "unix://") }
