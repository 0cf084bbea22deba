package reconciler

import "context"

// Turns bounds how many runners of one agent read and observe at the same time. When an
// agent starts, and with each commit, all of its apps look at once. With hundreds of them
// Docker took longer than a look may take, and what they read took hundreds of megabytes.
// Steps are outside of it: an app that waits for its gate is in nobody's way. A nil Turns
// bounds nothing.
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
