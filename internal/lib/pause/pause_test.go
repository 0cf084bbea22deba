package pause

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestGrowing_DoublesUpToTheLongestAndIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGrowing(time.Second, 5*time.Second)
		var sums [2]time.Duration
		for round := range sums {
			for _, want := range []time.Duration{1, 2, 4, 5, 5} {
				start := time.Now()
				if err := g.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				took := time.Since(start)
				sums[round] += took
				if want *= time.Second; took < want*8/10 || took > want*12/10 {
					t.Errorf("it took %v, want about %v", took, want)
				}
			}
			g.Reset()
		}
		if sums[0] == sums[1] {
			t.Errorf("twice the same: %v", sums)
		}
	})
}

func TestGrowing_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewGrowing(time.Hour, time.Hour).Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
