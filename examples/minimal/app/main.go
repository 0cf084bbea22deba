package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		log.Print("shop: ", err)
	}
	switch {
	case errors.Is(err, errMigration):
		os.Exit(failedMigration)
	case err != nil:
		os.Exit(1)
	}
}

// run plays the role until ctx ends, and then finishes what it has begun.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say which role: api, web, worker, store, scheduler, migrate NAME, healthcheck URL")
	}
	s, err := settingsFrom(os.Getenv)
	if err != nil {
		return err
	}
	switch role := args[0]; role {
	case "api":
		if err := s.trouble.atStart(ctx); err != nil {
			return err
		}
		a := newAPI(s)
		defer a.sockets.Wait() // of which the server itself knows nothing
		return serve(ctx, s, a)
	case "web":
		return serve(ctx, s, newWeb(s))
	case "worker":
		return work(ctx, s)
	case "store":
		return runStore(ctx, s)
	case "scheduler":
		return schedule(ctx, s)
	case "migrate":
		if len(args) != 2 {
			return fmt.Errorf("migrate: want one name, got %q", args[1:])
		}
		return migrate(ctx, s, args[1])
	case "healthcheck":
		if len(args) != 2 {
			return fmt.Errorf("healthcheck: want one URL, got %q", args[1:])
		}
		return healthcheck(ctx, args[1])
	default:
		return fmt.Errorf("no role %q", role)
	}
}
