package reconciler

import (
	"context"
	"fmt"
	"time"

	"tandem/reconciler/deploy"
)

const (
	// drainPause lies between two looks at the connections of a stack.
	drainPause = 50 * time.Millisecond
	// drainQuiet: a drain that takes longer is told, so that nobody wonders why a
	// deploy does not go on.
	drainQuiet = 3 * time.Second
)

// drain waits until the stack that traffic left is idle, or the time for what is
// still open is over. What is cut then stands in the receipt.
func (r *Runner) drain(ctx context.Context, app deploy.App, w world, c deploy.Color) error {
	began, told := r.options.Now(), false
	left := began
	if t := r.memory.Live; t.Color != c && !t.Since.IsZero() {
		left = began.Add(-t.Age(began))
	}
	routing := r.routing(app, &w)
	for {
		open, err := r.options.Router.Connections(ctx, routing, c)
		if err != nil {
			return err
		}
		end := app.Drain.Until(open, began, left)
		if now := r.options.Now(); !end.After(now) {
			r.proven.drained[c] = true
			if n := open.Requests + open.WebSockets; n > 0 && r.memory.Receipt != nil {
				r.memory.Receipt.Cut += n
			}
			r.addProbes()
			return r.save()
		} else if !told && now.Sub(began) >= drainQuiet {
			told = true
			r.publishDoing(fmt.Sprintf("waits for %s to the old stack, %s, until %s at the latest",
				connections(open), c, end.UTC().Format(time.TimeOnly+"Z")))
		}
		wait(ctx, drainPause)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func connections(open deploy.Connections) string {
	requests, sockets := deploy.Counted(open.Requests, "request"), deploy.Counted(open.WebSockets, "WebSocket")
	switch {
	case open.WebSockets == 0:
		return requests
	case open.Requests == 0:
		return sockets
	default:
		return requests + " and " + sockets
	}
}
