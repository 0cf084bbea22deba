package main

import (
	"context"
	"errors"
	"log"
	"time"
)

// work does the background work, of which the example has none, until ctx ends.
func work(ctx context.Context, s settings) error {
	log.Printf("shop: %s %s works", s.tag, s.color)
	if s.trouble.kind == "worker-exit" {
		if pause(ctx, crashDelay) == nil {
			return errors.New("cannot reach the queue: BREAK=worker-exit")
		}
		return nil
	}
	for pause(ctx, time.Minute) == nil {
		log.Printf("shop: %s %s still works", s.tag, s.color)
	}
	log.Print("shop: stopping")
	return nil
}
