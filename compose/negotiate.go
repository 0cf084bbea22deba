package compose

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// eagerness bounds how long Negotiate waits for a daemon that does not answer.
const pingTimeout = 2 * time.Second

// negotiation settles once which version of the API both sides speak. The
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
