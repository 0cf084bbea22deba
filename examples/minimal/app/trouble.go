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
//	restart-after=N the worker exits with 1 after N seconds; the api is fine
//	errors=P        P % of the answers of GET / and POST /orders are 500
//	latency=N       each answer of GET / and POST /orders takes N ms
//	leak=N          the api takes N MiB of memory each second, up to 2 GiB
//
// The last three leave the health page as it is.
type trouble struct {
	kind   string
	amount float64 // seconds, percent, ms or MiB, as the kind says
}

// crashDelay is long enough for the engine to call the container running.
const crashDelay = 300 * time.Millisecond

// slowHealth is more than any sensible latency limit of a health page.
const slowHealth = 600 * time.Millisecond

func parseTrouble(text string) (trouble, error) {
	kind, amount, measured := strings.Cut(text, "=")
	switch kind {
	case "", "exit", "crashloop", "unhealthy", "slow", "worker-exit":
		if !measured {
			return trouble{kind: kind}, nil
		}
	case "sick-after", "exit-after", "restart-after", "errors", "latency", "leak":
		n, err := strconv.ParseFloat(amount, 64)
		if err == nil && n >= 0 && (kind != "errors" || n <= 100) {
			return trouble{kind, n}, nil
		}
	}
	return trouble{}, fmt.Errorf("BREAK: cannot read %q", text)
}

// after is the amount of the kinds that count seconds.
func (t trouble) after() time.Duration { return time.Duration(t.amount * float64(time.Second)) }

// atStart breaks the api before it listens, or arms what breaks it later.
func (t trouble) atStart(ctx context.Context) error {
	switch t.kind {
	case "exit":
		return errors.New("cannot read the configuration: BREAK=exit")
	case "crashloop":
		t.exitAfter(ctx, crashDelay)
	case "exit-after":
		t.exitAfter(ctx, t.after())
	case "leak":
		go leak(ctx, int(t.amount), maxLeak)
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
	return t.kind == "unhealthy" || t.kind == "sick-after" && time.Since(started) >= t.after()
}

// fails tells whether the n-th answer, counted from 1, is a 500. With 5 % it is
// every twentieth, always the same ones, so that a test need not be lucky.
func (t trouble) fails(n int64) bool {
	due := func(n int64) int64 { return int64(t.amount * float64(n) / 100) }
	return t.kind == "errors" && due(n) > due(n-1)
}

// latency is how long an answer takes.
func (t trouble) latency() time.Duration {
	if t.kind != "latency" {
		return 0
	}
	return time.Duration(t.amount * float64(time.Millisecond))
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
