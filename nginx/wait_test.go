package nginx_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// wantEnd fails the test unless the call ends with its context, which does so when the
// call has come so far.
func wantEnd(t *testing.T, what string, soFar func(), call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- call(ctx) }()
	soFar()
	cancel()
	select {
	case err := <-answer:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want the context's error", what, err)
		}
	case <-within(t).Done():
		t.Fatalf("%s did not end with its context", what)
	}
}

// stall lets Nginx's program wait when it is called with the argument. started waits for
// that, and end ends it, as the end of the test does.
func (r *rig) stall(t *testing.T, argument string) (started, end func()) {
	t.Helper()
	dir := tb.Dir(t)
	r.options.Command = r.script(t, fmt.Sprintf(`if [ "$1" = %s ]; then touch %[2]s/begun; (while [ ! -e %[2]s/end ] && [ -e %[2]s ]; do sleep 0.02; done); fi`, argument, dir))
	r.restart(t)
	started = func() {
		t.Helper()
		tb.Until(t, patience, "nginx to be called", func() error {
			_, err := os.Stat(filepath.Join(dir, "begun"))
			return err
		})
	}
	return started, func() {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "end"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPrepare_WaitsForAnotherAppNoLongerThanItsContext(t *testing.T) {
	r := newReloadRig(t)
	started, end := r.stall(t, "-T")
	r.app.Routes[0].Ports.Blue++ // so that there is something to be tested
	other := make(chan error, 1)
	go func() {
		_, err := r.proxy.Prepare(t.Context(), r.app)
		other <- err
	}()
	started()
	mine := appWith("mine", r.app.Routes...)
	atOnce := func() {}
	wantEnd(t, "Prepare", atOnce, func(ctx context.Context) error { _, err := r.proxy.Prepare(ctx, mine); return err })
	wantEnd(t, "Reserve", atOnce, func(ctx context.Context) error { return r.proxy.Reserve(ctx, mine) })
	wantEnd(t, "Flip", atOnce, func(ctx context.Context) error { return r.proxy.Flip(ctx, mine, deploy.Green) })
	select {
	case err := <-other:
		t.Errorf("nobody was waited for: %v", err)
	default:
	}
	end()
	if err := <-other; err != nil {
		t.Error(err)
	}
}

// A script that is killed leaves behind what it has started.
func TestPrepare_WaitsForNginxsProgramNoLongerThanItsContext(t *testing.T) {
	r := newRig(t, rigOptions{})
	started, end := r.stall(t, "-V")
	defer end()
	wantEnd(t, "Prepare", started, func(ctx context.Context) error { _, err := r.proxy.Prepare(ctx, r.app); return err })
}
