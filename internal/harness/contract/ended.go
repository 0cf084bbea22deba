package contract

import (
	"context"
	"errors"
	"testing"
)

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
