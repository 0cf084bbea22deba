package reconciler

import "context"

// Turns bounds how many runners of one agent read their files, or ask Docker for their
// stacks, at the same time. When an agent starts, and with each commit, all of its apps
// do. With hundreds of them Docker took longer than a look may take, and what they read
// took hundreds of megabytes. Nginx is asked outside of it, because apps that ask at the
// same time share what it says, and so are steps: an app that waits for its gate is in
// nobody's way. A nil Turns bounds nothing.
type Turns chan struct{}

// NewTurns lets so many at once.
func NewTurns(most int) Turns { return make(Turns, most) }

// take waits for a turn, and returns what gives it back; an error only when ctx ends.
func (t Turns) take(ctx context.Context) (leave func(), err error) {
	if t == nil {
		return func() {}, nil
	}
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
