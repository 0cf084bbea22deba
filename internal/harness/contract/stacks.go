package contract

import (
	"context"
	"testing"

	"tandem/reconciler/deploy"
)

// stacksPort is reconciler.Stacks.
type stacksPort interface {
	Observe(ctx context.Context, app deploy.App) ([2]deploy.Stack, error)
	Up(ctx context.Context, app deploy.App, color deploy.Color, how *deploy.Start) error
	LookForImages(ctx context.Context, app deploy.App) error
	Stop(ctx context.Context, app deploy.App, color deploy.Color) error
}

// StacksBed is an app that never ran, as two commits have it.
type StacksBed struct {
	Port          stacksPort
	First, Second deploy.App // resolved; two releases
}

// Stacks is what every Stacks does.
func Stacks(t *testing.T, open func(*testing.T) StacksBed) {
	promise := promises(t, open)
	promise("an app that never ran is absent, can be stopped, and its images can be had", func(t *testing.T, b StacksBed) {
		b.stop(t, deploy.Blue)
		if err := b.Port.LookForImages(t.Context(), b.First); err != nil {
			t.Error(err)
		}
		for i, s := range b.observe(t) {
			if s.Color != deploy.Colors()[i] || s.Condition != deploy.Absent || !s.Release.IsZero() || len(s.Containers) > 0 {
				t.Errorf("got %+v, want an absent %s", s, deploy.Colors()[i])
			}
		}
	})
	promise("each color runs what it was brought up with, and is left alone by the other", func(t *testing.T, b StacksBed) {
		b.up(t, b.First, deploy.Blue)
		before := b.wantRunning(t, deploy.Blue, b.First)
		if other := b.stack(t, deploy.Green); other.Condition != deploy.Absent {
			t.Errorf("green is %s", other.Condition)
		}
		b.up(t, b.Second, deploy.Green)
		b.wantRunning(t, deploy.Green, b.Second)
		if b.wantRunning(t, deploy.Blue, b.First) != before {
			t.Error("blue was touched while green was brought up")
		}
	})
	promise("the same release of another commit touches nothing", func(t *testing.T, b StacksBed) {
		b.up(t, b.First, deploy.Blue)
		before := b.wantRunning(t, deploy.Blue, b.First)
		// What runs lacks nothing: an Up that does not know that may begin it anew.
		how := &deploy.Start{Was: deploy.Started{Containers: ids(b.stack(t, deploy.Blue))}}
		later := b.First
		later.Commit.Hash = b.Second.Commit.Hash
		if err := b.Port.Up(t.Context(), later, deploy.Blue, how); err != nil {
			t.Fatal(err)
		}
		if b.wantRunning(t, deploy.Blue, b.First) != before {
			t.Error("blue was touched, which had the release already")
		}
	})
	promise("a stopped stack keeps its containers and can be started again", func(t *testing.T, b StacksBed) {
		b.up(t, b.First, deploy.Blue)
		before := b.stack(t, deploy.Blue)
		for range 2 {
			b.stop(t, deploy.Blue)
			got := b.stack(t, deploy.Blue)
			if got.Condition != deploy.Stopped || got.Release != b.First.Release || len(got.Containers) != len(before.Containers) {
				t.Errorf("got %+v, want what ran before, stopped", got)
			}
		}
		b.up(t, b.First, deploy.Blue)
		if b.wantRunning(t, deploy.Blue, b.First) == before.Instance() {
			t.Error("what was started again is taken for what ran before")
		}
	})
	promise("another release takes the place of the one that a color had", func(t *testing.T, b StacksBed) {
		b.up(t, b.First, deploy.Blue)
		before := b.stack(t, deploy.Blue)
		b.up(t, b.Second, deploy.Blue)
		b.wantRunning(t, deploy.Blue, b.Second)
		if got := b.stack(t, deploy.Blue); len(got.Containers) != len(before.Containers) || got.Instance() == before.Instance() {
			t.Errorf("got %+v, want other containers in the place of %+v", got, before)
		}
	})
	promise("once its context has ended a method says so and does nothing", func(t *testing.T, b StacksBed) {
		b.up(t, b.First, deploy.Blue)
		before := b.wantRunning(t, deploy.Blue, b.First)
		wantEnded(t, map[string]func(context.Context) error{
			"Observe":              func(ctx context.Context) error { _, err := b.Port.Observe(ctx, b.First); return err },
			"Up":                   func(ctx context.Context) error { return b.Port.Up(ctx, b.Second, deploy.Blue, nil) },
			"Up, of another color": func(ctx context.Context) error { return b.Port.Up(ctx, b.Second, deploy.Green, nil) },
			"LookForImages":        func(ctx context.Context) error { return b.Port.LookForImages(ctx, b.First) },
			"Stop":                 func(ctx context.Context) error { return b.Port.Stop(ctx, b.First, deploy.Blue) },
		})
		if b.wantRunning(t, deploy.Blue, b.First) != before {
			t.Error("blue was touched")
		}
		if other := b.stack(t, deploy.Green); other.Condition != deploy.Absent {
			t.Errorf("green is %s", other.Condition)
		}
	})
}

func ids(s deploy.Stack) (all []string) {
	for _, c := range s.Containers {
		all = append(all, c.ID)
	}
	return all
}

func (b StacksBed) observe(t *testing.T) [2]deploy.Stack {
	t.Helper()
	stacks, err := b.Port.Observe(t.Context(), b.First)
	if err != nil {
		t.Fatal(err)
	}
	return stacks
}

func (b StacksBed) stack(t *testing.T, color deploy.Color) deploy.Stack {
	t.Helper()
	stacks := b.observe(t)
	if color == deploy.Blue {
		return stacks[0]
	}
	return stacks[1]
}

func (b StacksBed) up(t *testing.T, app deploy.App, color deploy.Color) {
	t.Helper()
	if err := b.Port.Up(t.Context(), app, color, nil); err != nil {
		t.Fatalf("Up of %s in %s: %v", app.Release, color, err)
	}
}

func (b StacksBed) stop(t *testing.T, color deploy.Color) {
	t.Helper()
	if err := b.Port.Stop(t.Context(), b.First, color); err != nil {
		t.Fatalf("Stop of %s: %v", color, err)
	}
}

// wantRunning checks that a color runs what app is, and returns its instance.
func (b StacksBed) wantRunning(t *testing.T, color deploy.Color, app deploy.App) (instance string) {
	t.Helper()
	s := b.stack(t, color)
	if s.Color != color || s.Condition != deploy.Running || s.Foreign || len(s.Missing) > 0 ||
		s.Release != app.Release || s.Tag != app.Tag || s.Commit != app.Commit.Hash || s.Root != app.Root {
		t.Fatalf("observed %+v, want %s of commit %s running in %s", s, app.Release, app.Commit.Hash, color)
	}
	return s.Instance()
}
