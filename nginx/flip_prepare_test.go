package nginx_test

import (
	"testing"

	"tandem/reconciler/deploy"
)

// Workers from before the reload still answer for a moment after Flip. Prepare,
// which looks at each pass, must not take the old color from them and flip back.
func TestReload_PrepareRightAfterAFlipKeepsTheNewColor(t *testing.T) {
	r := newReloadRig(t)
	color := deploy.Blue
	for range 10 {
		color = color.Other()
		if err := r.proxy.Flip(t.Context(), r.app, color); err != nil {
			t.Fatal(err)
		}
		r.prepare(t)
		if err := r.proxy.Confirm(t.Context(), r.app, color); err != nil {
			t.Fatal(err)
		}
		r.wantTraffic(t, color)
	}
}
