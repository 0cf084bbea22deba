package source

import "context"

// token is a lock whose waiting ends with a context.
type token chan struct{}

func newToken() token { return make(token, 1) }

func (t token) acquire(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t token) release() { <-t }
