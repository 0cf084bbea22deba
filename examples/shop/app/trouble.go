package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"
)

// trouble is how a release goes wrong:
//
//	exit            the api exits with 1 at once
//	crashloop       the api runs for 300 ms and exits with 1
//	unhealthy       the health page answers 500
//	slow            the health page takes 600 ms
//	worker-exit     the worker exits with 1 after 300 ms; the api is fine
//	sick-after=N    the health page answers 500 from N seconds after the start
//	exit-after=N    the api exits with 1 after N seconds
type trouble struct {
	kind  string
	after time.Duration
}

// crashDelay is long enough for the engine to call the container running.
const crashDelay = 300 * time.Millisecond

// slowHealth is more than any sensible latency limit of a health page.
const slowHealth = 600 * time.Millisecond

func parseTrouble(text string) (trouble, error) {
	kind, after, timed := strings.Cut(text, "=")
	switch kind {
	case "", "exit", "crashloop", "unhealthy", "slow", "worker-exit":
		if !timed {
			return trouble{kind: kind}, nil
		}
	case "sick-after", "exit-after":
		seconds, err := strconv.ParseFloat(after, 64)
		if err == nil && seconds >= 0 {
			return trouble{kind, time.Duration(seconds * float64(time.Second))}, nil
		}
	}
	return trouble{}, fmt.Errorf("BREAK: cannot read %q", text)
}

// atStart breaks the api before it listens, or arms what breaks it later.
func (t trouble) atStart(ctx context.Context) error {
	switch t.kind {
	case "exit":
		return errors.New("cannot read the configuration: BREAK=exit")
	case "crashloop":
		t.exitAfter(ctx, crashDelay)
	case "exit-after":
		t.exitAfter(ctx, t.after)
	}
	return nil
}

// exitAfter ends the process the hard way, as a crash does.
func (t trouble) exitAfter(ctx context.Context, d time.Duration) {
	go func() {
		if pause(ctx, d) == nil {
			log.Printf("shop: out of luck: BREAK=%s", t.kind)
			os.Exit(1)
		}
	}()
}

// sick tells whether a process that started at the given time has a bad health.
func (t trouble) sick(started time.Time) bool {
	return t.kind == "unhealthy" || t.kind == "sick-after" && time.Since(started) >= t.after
}

// pause waits, and returns the context's error when it ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
