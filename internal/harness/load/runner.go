package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Runner is a load that is being made.
type Runner struct {
	o       Options
	dial    dialer
	started time.Time
	stop    context.CancelFunc
	done    chan struct{}
	left    atomic.Int64 // requests that may still be sent
	pace    pace
	outage  gap // of all connections together
	conns   []*connection
	sockets []*socket
}

// Run starts the load and returns at once. It goes on until ctx ends, Stop is
// called, or a limit of the options is reached; requests in flight are then
// finished, so that no end of a run looks like a failure.
func Run(ctx context.Context, o Options) (*Runner, error) {
	o, addr, err := o.filled()
	if err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	if o.For > 0 {
		ctx, stop = context.WithTimeout(ctx, o.For)
	}
	r := &Runner{o: o, started: time.Now(), stop: stop, done: make(chan struct{})}
	r.pace.limit(o.Rate)
	r.dial = dialer{addr: addr, timeout: o.Timeout, tls: o.tls()}
	r.left.Store(o.Requests)
	r.outage.begin(r.started)
	var all sync.WaitGroup
	for i := range max(0, o.Connections) {
		c := newConnection(r, i)
		r.conns = append(r.conns, c)
		all.Go(func() { c.run(ctx) })
	}
	if o.Requests > 0 {
		// The WebSockets have no limit of their own: they end with the requests.
		go func() { all.Wait(); stop() }()
	}
	var held sync.WaitGroup
	for i := range o.WebSockets {
		s := &socket{runner: r, index: i}
		r.sockets = append(r.sockets, s)
		held.Go(func() { s.run(ctx) })
	}
	go func() {
		all.Wait()
		held.Wait()
		stop()
		close(r.done)
	}()
	return r, nil
}

// Stop ends the load, waits for the requests in flight, and returns what
// happened. It may be called again.
func (r *Runner) Stop() Report {
	r.stop()
	return r.Wait()
}

// Wait waits until the load has ended by itself and returns what happened.
func (r *Runner) Wait() Report {
	<-r.done
	return r.Report()
}

// Done is closed when the load has ended.
func (r *Runner) Done() <-chan struct{} { return r.done }

// take tells whether one more request may be sent.
func (r *Runner) take() bool { return r.o.Requests == 0 || r.left.Add(-1) >= 0 }
