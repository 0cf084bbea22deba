package contract

import (
	"context"
	"slices"
	"testing"
	"time"

	"tandem/reconciler/deploy"
)

// routerPort is reconciler.Router.
type routerPort interface {
	Check(ctx context.Context, app deploy.App) (deploy.RenderState, error)
	Prepare(ctx context.Context, app deploy.App) (repaired []string, err error)
	Reserve(ctx context.Context, app deploy.App) error
	Live(ctx context.Context, app deploy.App) (deploy.Color, error)
	Reach(ctx context.Context, app deploy.App, color deploy.Color) error
	Site(ctx context.Context, app deploy.App) (reload bool, err error)
	LoadSite(ctx context.Context, app deploy.App) error
	Flip(ctx context.Context, app deploy.App, color deploy.Color) error
	Confirm(ctx context.Context, app deploy.App, color deploy.Color) error
	Connections(ctx context.Context, app deploy.App, color deploy.Color) (deploy.Connections, error)
}

// RouterBed is a router that has not loaded anything of the app yet. A site passes
// requests to the app, whose backends answer in both colors.
type RouterBed struct {
	Port routerPort
	App  deploy.App
	Edit func() (file string) // somebody changes a generated file, which has this name
}

// Router is what every Router does.
func Router(t *testing.T, open func(*testing.T) RouterBed) {
	promise := promises(t, open)
	promise("something is due until it is prepared, and looking changes nothing", func(t *testing.T, b RouterBed) {
		b.wantDue(t, true)
		b.wantDue(t, true)
		b.wantPrepared(t)
		b.wantDue(t, false)
		b.wantPrepared(t)
	})
	promise("what somebody edited is due, and repaired once", func(t *testing.T, b RouterBed) {
		b.wantPrepared(t)
		file := b.Edit()
		b.wantDue(t, true)
		b.wantPrepared(t, file)
		b.wantDue(t, false)
		b.wantPrepared(t)
	})
	promise("a route more is due, and repairs nothing", func(t *testing.T, b RouterBed) {
		b.wantPrepared(t)
		more := b.App.Routes[0]
		more.Name += "-more"
		b.App.Routes = append(slices.Clone(b.App.Routes), more)
		b.wantDue(t, true)
		b.wantPrepared(t)
		b.wantDue(t, false)
	})
	promise("reserving what is there already changes nothing", func(t *testing.T, b RouterBed) {
		b.wantPrepared(t)
		if err := b.Port.Reserve(t.Context(), b.App); err != nil {
			t.Fatal(err)
		}
		b.wantDue(t, false)
		b.wantPrepared(t)
	})
	promise("live is where the last flip went, and preparing moves nobody", func(t *testing.T, b RouterBed) {
		b.wantPrepared(t)
		b.wantLive(t, deploy.Blue)
		for _, color := range []deploy.Color{deploy.Green, deploy.Green, deploy.Blue, deploy.Green} {
			b.flip(t, color)
			b.wantLive(t, color)
			b.wantDue(t, false)
		}
		b.Edit()
		if _, err := b.Port.Prepare(t.Context(), b.App); err != nil {
			t.Fatal(err)
		}
		b.wantLive(t, deploy.Green)
	})
	promise("a color that is not live is not confirmed", func(t *testing.T, b RouterBed) {
		b.wantPrepared(t)
		b.flip(t, deploy.Green)
		short, end := context.WithTimeout(t.Context(), time.Second/2)
		defer end()
		if err := b.Port.Confirm(short, b.App, deploy.Blue); err == nil {
			t.Error("blue is confirmed while green is live")
		}
		b.wantLive(t, deploy.Green)
	})
	promise("both stacks are reached, whichever is live", func(t *testing.T, b RouterBed) {
		b.wantPrepared(t)
		stuck, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		for _, color := range deploy.Colors() {
			if err := b.Port.Reach(stuck, b.App, color); err != nil {
				t.Errorf("%s: %v", color, err)
			}
		}
		b.wantLive(t, deploy.Blue)
	})
	promise("a site that passes requests on lacks nothing", func(t *testing.T, b RouterBed) {
		b.wantPrepared(t)
		if reload, err := b.Port.Site(t.Context(), b.App); reload || err != nil {
			t.Errorf("got reload %v and %v", reload, err)
		}
		if err := b.Port.LoadSite(t.Context(), b.App); err != nil {
			t.Errorf("loaded all the same: %v", err)
		}
		b.wantDue(t, false)
	})
	promise("a color that nobody asks has no connections", func(t *testing.T, b RouterBed) {
		b.wantPrepared(t)
		if open, err := b.Port.Connections(t.Context(), b.App, deploy.Green); !open.Idle() || err != nil {
			t.Errorf("got %+v and %v", open, err)
		}
	})
	promise("once its context has ended a method says so and does nothing", func(t *testing.T, b RouterBed) {
		wantEnded(t, map[string]func(context.Context) error{
			"Prepare": func(ctx context.Context) error { _, err := b.Port.Prepare(ctx, b.App); return err },
		})
		b.wantDue(t, true)
		b.wantPrepared(t)
		file := b.Edit()
		wantEnded(t, map[string]func(context.Context) error{
			"Check":       func(ctx context.Context) error { _, err := b.Port.Check(ctx, b.App); return err },
			"Prepare":     func(ctx context.Context) error { _, err := b.Port.Prepare(ctx, b.App); return err },
			"Reserve":     func(ctx context.Context) error { return b.Port.Reserve(ctx, b.App) },
			"Live":        func(ctx context.Context) error { _, err := b.Port.Live(ctx, b.App); return err },
			"Reach":       func(ctx context.Context) error { return b.Port.Reach(ctx, b.App, deploy.Blue) },
			"Site":        func(ctx context.Context) error { _, err := b.Port.Site(ctx, b.App); return err },
			"LoadSite":    func(ctx context.Context) error { return b.Port.LoadSite(ctx, b.App) },
			"Flip":        func(ctx context.Context) error { return b.Port.Flip(ctx, b.App, deploy.Green) },
			"Confirm":     func(ctx context.Context) error { return b.Port.Confirm(ctx, b.App, deploy.Blue) },
			"Connections": func(ctx context.Context) error { _, err := b.Port.Connections(ctx, b.App, deploy.Green); return err },
		})
		b.wantDue(t, true)
		b.wantPrepared(t, file)
		b.wantLive(t, deploy.Blue)
	})
}

func (b RouterBed) wantDue(t *testing.T, want bool) {
	t.Helper()
	state, err := b.Port.Check(t.Context(), b.App)
	if err != nil || state.Due != want {
		t.Fatalf("Check: got %+v and %v, want due %v", state, err, want)
	}
}

func (b RouterBed) wantPrepared(t *testing.T, repaired ...string) {
	t.Helper()
	got, err := b.Port.Prepare(t.Context(), b.App)
	if err != nil || !slices.Equal(got, repaired) {
		t.Fatalf("Prepare: got repaired %q and %v, want %q", got, err, repaired)
	}
}

func (b RouterBed) wantLive(t *testing.T, want deploy.Color) {
	t.Helper()
	got, err := b.Port.Live(t.Context(), b.App)
	if err != nil || got != want {
		t.Fatalf("Live: got %q and %v, want %s", got, err, want)
	}
}

func (b RouterBed) flip(t *testing.T, color deploy.Color) {
	t.Helper()
	if err := b.Port.Flip(t.Context(), b.App, color); err != nil {
		t.Fatalf("Flip to %s: %v", color, err)
	}
	if err := b.Port.Confirm(t.Context(), b.App, color); err != nil {
		t.Fatalf("Confirm %s: %v", color, err)
	}
}
