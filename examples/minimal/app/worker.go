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
	switch s.trouble.kind {
	case "worker-exit":
		return fallOver(ctx, crashDelay, s.trouble.kind)
	case "restart-after":
		return fallOver(ctx, s.trouble.after(), s.trouble.kind)
	}
	for pause(ctx, time.Minute) == nil {
		log.Printf("shop: %s %s still works", s.tag, s.color)
	}
	log.Print("shop: stopping")
	return nil
}

// fallOver is an error after that time, and none when ctx ends before.
func fallOver(ctx context.Context, after time.Duration, kind string) error {
	if pause(ctx, after) != nil {
		return nil
	}
	return errors.New("cannot reach the queue: BREAK=" + kind)
}
