package compose

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"tandem/compose/project"
)

// EveryApp is what Events sends when it cannot say which app to look at: while
// it was not connected, anything may have happened.
const EveryApp = ""

const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
	// steady is how long a connection must last for the next pause to be short again.
	steady = time.Minute
)

// Events sends the name of an app whenever one of its containers starts, ends,
// is removed or paused, and EveryApp whenever the connection was made anew.
// Several events of one app are one, for as long as nobody receives. A daemon
// that is away is asked for again after growing pauses. The channel is closed
// when ctx ends.
func (c *Client) Events(ctx context.Context) <-chan string {
	names := make(chan string)
	seen := make(chan string)
	go coalesce(ctx, seen, names)
	go c.follow(ctx, seen)
	return names
}

// coalesce passes names on, each once however often it came meanwhile.
func coalesce(ctx context.Context, in <-chan string, out chan<- string) {
	defer close(out)
	var waiting []string
	for {
		var ready chan<- string
		var next string
		if len(waiting) > 0 {
			ready, next = out, waiting[0]
		}
		select {
		case <-ctx.Done():
			return
		case name := <-in:
			if !slices.Contains(waiting, name) {
				waiting = append(waiting, name)
			}
		case ready <- next:
			waiting = waiting[1:]
		}
	}
}

// follow keeps a connection to the daemon's event stream.
func (c *Client) follow(ctx context.Context, seen chan<- string) {
	pause := firstPause
	for first := true; ctx.Err() == nil; first = false {
		start := time.Now()
		err := c.stream(ctx, seen, first)
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > steady {
			pause = firstPause
		}
		c.log.Warn("event stream of Docker ended", "err", err, "again_in", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(2*pause, lastPause)
	}
}

// stream sends the apps of one connection's events until it ends.
func (c *Client) stream(ctx context.Context, seen chan<- string, first bool) error {
	// Asked before the stream is opened: what happens in between is in it.
	since := time.Now()
	if err := c.ready(ctx); err != nil {
		return err
	}
	if _, err := c.engine.Ping(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages, errs := c.engine.Events(ctx, events.ListOptions{
		Since:   since.Format(time.RFC3339Nano),
		Filters: containerEvents(),
	})
	if !first {
		if !send(ctx, seen, EveryApp) {
			return ctx.Err()
		}
	}
	for {
		select {
		case m := <-messages:
			if !send(ctx, seen, m.Actor.Attributes[project.LabelApp]) {
				return ctx.Err()
			}
		case err := <-errs:
			if ctx.Err() == nil && c.local() {
				// Elsewhere it may be a proxy in between that was tired of it.
				c.lost.Add(1)
			}
			return err
		}
	}
}

// containerEvents leaves out what health commands cause, many times a second in
// the gate: the engine's opinion of a container's health decides nothing here.
func containerEvents() filters.Args {
	args := filters.NewArgs(filters.Arg("type", "container"), filters.Arg("label", project.LabelApp))
	for _, name := range []string{"start", "die", "stop", "oom", "destroy", "pause", "unpause"} {
		args.Add("event", name)
	}
	return args
}

func send(ctx context.Context, to chan<- string, name string) bool {
	select {
	case to <- name:
		return true
	case <-ctx.Done():
		return false
	}
}
