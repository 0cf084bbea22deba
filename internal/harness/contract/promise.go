package contract

import (
	"context"
	"errors"
	"testing"
)

// promises returns a function that runs one test of a suite, on a bed of its own.
func promises[Bed any](t *testing.T, open func(*testing.T) Bed) func(name string, test func(*testing.T, Bed)) {
	return func(name string, test func(*testing.T, Bed)) {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// wantEnded calls each of the methods with a context that has ended, and wants to hear
// just that of it.
func wantEnded(t *testing.T, methods map[string]func(context.Context) error) {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end()
	for name, call := range methods {
		// More than once: what is left to chance must not hide a method that acts.
		for range 3 {
			if err := call(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("%s with a context that has ended: got %v, want the context's error", name, err)
				break
			}
		}
	}
}
