package nginx_test

import (
	"testing"

	"tandem/reconciler"
)

func TestFlip_MovesTrafficBothWaysWithoutAReload(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	r.wantLive(t, reconciler.Blue)
	r.wantTraffic(t, reconciler.Blue)
	workers := r.workers(t)
	for _, c := range []reconciler.Color{reconciler.Green, reconciler.Blue, reconciler.Green} {
		r.flip(t, c)
		r.wantLive(t, c)
		r.wantTraffic(t, c)
	}
	if got := r.workers(t); got != workers {
		t.Errorf("workers before: %s, after: %s; want no reload", workers, got)
	}
}
