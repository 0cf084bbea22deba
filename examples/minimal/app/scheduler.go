package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"
)

// linger is how long the scheduler takes to stop, as one does that finishes what it
// began. Whoever starts the next one without waiting for that is found out.
const linger = 300 * time.Millisecond

// schedule is the service that must run once. It has no work; it records that it ran.
func schedule(ctx context.Context, s settings) (err error) {
	r, err := openRecord(s.schedule)
	if err != nil {
		return fmt.Errorf("SCHEDULE: %w", err)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	who := func() string { return fmt.Sprintf("%s %s %s %d", s.host, s.color, s.tag, time.Now().UnixNano()) }
	if err := r.add("start %s", who()); err != nil {
		return err
	}
	if err := r.alone(ctx, who()); err != nil {
		return err
	}
	log.Printf("shop: %s %s schedules", s.tag, s.color)
	<-ctx.Done()
	log.Print("shop: stopping")
	<-time.After(linger)
	return r.add("stop %s", who())
}
