package nginx_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"tandem/reconciler/deploy"
)

// wantTold waits for the app to be told.
func wantTold(t *testing.T, told <-chan string, want string) {
	t.Helper()
	select {
	case got := <-told:
		if got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
	case <-within(t).Done():
		t.Fatalf("%s was not told", want)
	}
}

func TestWatch_TellsEachKindOfDrift(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	told, err := r.proxy.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	flag, backup := filepath.Join(r.dir, "live", "shop.green"), filepath.Join(r.dir, "live", "shop.backup")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(flag, nil, 0o644))
	wantTold(t, told, "shop")
	r.flip(t, deploy.Green)
	must(os.Remove(flag))
	wantTold(t, told, "shop")
	r.wantLive(t, deploy.Blue)
	r.flip(t, deploy.Green)

	must(os.WriteFile(backup, nil, 0o644))
	wantTold(t, told, "shop")
	must(r.proxy.SetBackup(t.Context(), r.app, true))
	must(os.Remove(backup))
	wantTold(t, told, "shop")

	must(os.Remove(filepath.Join(r.dir, "shop.server")))
	wantTold(t, told, "shop")
	r.prepare(t)
	for _, name := range []string{"shop.conf", "shop.format", "shop.vars", "shop.confirm", "tandem.conf", "tandem.server"} {
		r.overwrite(t, name, r.file(t, name)+"# edited\n")
		wantTold(t, told, "shop")
		r.prepare(t)
	}
}

func TestWatch_DoesNotTellWhatTheProxyDoesItself(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	told, err := r.proxy.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		r.flip(t, deploy.Green)
		r.flip(t, deploy.Blue)
		r.setBackup(t, true)
		r.setBackup(t, false)
	}
	r.app.Routes[0].Ports.Green = newStack(t, deploy.Green).port
	r.prepare(t)
	// Events come in order, so whatever those writes caused is told before this.
	r.overwrite(t, "pear.conf", "# the end\n")
	wantTold(t, told, "pear")
}

func TestWatch_SurvivesThatTheDirectoryIsRemovedOrReplaced(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.prepare(t)
	told, err := r.proxy.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, remove := range []func() error{
		func() error { return os.RemoveAll(r.dir) },
		func() error { return os.RemoveAll(filepath.Join(r.dir, "live")) },
		func() error { return os.Rename(r.dir, filepath.Join(filepath.Dir(r.dir), "away")) },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		wantTold(t, told, "shop")
		r.prepare(t)
		r.passBarrier(t, told)
		r.flip(t, deploy.Green)
		if err := os.Remove(filepath.Join(r.dir, "live", "shop.green")); err != nil {
			t.Fatal(err)
		}
		for app := "pear"; app == "pear"; { // the barrier's own file may be told twice
			select {
			case app = <-told:
			case <-within(t).Done():
				t.Fatal("shop was not told")
			}
		}
	}
}

// passBarrier takes everything that was told up to now: a removed directory is
// several events, and events come in order.
func (r *rig) passBarrier(t *testing.T, told <-chan string) {
	t.Helper()
	r.overwrite(t, "pear.conf", "# the end\n")
	for ctx := within(t); ; {
		select {
		case app := <-told:
			if app == "pear" {
				return
			}
		case <-ctx.Done():
			t.Fatal("nothing is told any more")
		}
	}
}

func TestWatch_BeginsBeforeTheDirectoryExistsAndEndsWithItsContext(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	ctx, cancel := context.WithCancel(t.Context())
	told, err := r.proxy.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.proxy.Prepare(t.Context(), r.app); !isReason(err, deploy.NotIncluded) {
		t.Fatal(err)
	}
	r.overwrite(t, "shop.conf", "# mine\n")
	wantTold(t, told, "shop")
	cancel()
	for range told { // closed, or this never ends
	}
}
