package gittest

import (
	"testing"
	"time"
)

// Wait asks the condition again and again until it holds, and fails the test
// when it does not within half a minute.
func Wait(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("still waiting for: %s", what)
		case <-again.C:
		}
	}
}
