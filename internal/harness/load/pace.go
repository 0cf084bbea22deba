package load

import (
	"context"
	"sync"
	"time"
)

// pace spreads requests evenly over time. The zero value does not limit.
type pace struct {
	interval time.Duration
	mu       sync.Mutex
	next     time.Time
}

// limit sets how many requests a second there may be; 0 is no limit.
func (p *pace) limit(perSecond float64) {
	if perSecond > 0 {
		p.interval = time.Duration(float64(time.Second) / perSecond)
	}
}

// slot returns when the next request may be sent. Slots that nobody took in
// time are lost: catching up would be a burst that nobody asked for.
func (p *pace) slot(now time.Time) time.Time {
	if p.interval == 0 {
		return now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.next
	if at.Before(now) {
		at = now
	}
	p.next = at.Add(p.interval)
	return at
}

// pause waits; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
