package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
)

// cleanUpTime is the longest that taking everything down may take.
const cleanUpTime = 90 * time.Second

// Options say how the demo is to be played.
type Options struct {
	Program string    // path of the tandem binary that runs as the agent
	Out     io.Writer // where the story is told
	Keep    bool      // leave everything running at the end
	Rate    float64   // requests a second; 0: defaultRate
}

// defaultRate leaves the processor to the rest of the demo.
const defaultRate = 500

// NotReadyError says what this machine lacks.
type NotReadyError struct{ err error }

func (e *NotReadyError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *NotReadyError) Unwrap() error { return e.err }

// Run plays the story. The error is nil only when every chapter came to its end,
// no request failed, and nothing was left behind. When ctx ends it stops and
// cleans up; with Keep, a story that came to its end stays for Remove.
func Run(ctx context.Context, o Options) (err error) {
	if err := ready(ctx); err != nil {
		return &NotReadyError{err}
	}
	t := newPrinter(o.Out)
	app, release, err := claimName(ctx)
	if err != nil {
		return err
	}
	// The name may be given away again only when nothing bears it any more.
	defer func() { err = errors.Join(err, release()) }()
	s, err := setStage(ctx, t, o, app)
	if s == nil {
		return err
	}
	if err == nil {
		err = s.play(ctx)
	}
	if err == nil && o.Keep {
		s.howToPlay()
		return t.err
	}
	if ctx.Err() != nil {
		err = ctx.Err() // whatever it was that this interrupted
	}
	left := s.takeDown(context.WithoutCancel(ctx), err)
	if ctx.Err() != nil && left != nil {
		return left // that it was interrupted is known; this is not
	}
	return errors.Join(err, left)
}

// ready tells at once what would fail later.
func ready(ctx context.Context) error {
	err := testbed.Require("git", "go", "nginx", "docker-registry")
	engine, dockerErr := testbed.NewEngine(ctx)
	if dockerErr != nil {
		return errors.Join(err, fmt.Errorf("%w; it comes with: apt-get install docker.io", dockerErr))
	}
	return errors.Join(err, engine.Close())
}

// setStage tells the first chapter. A story that comes with an error has to be
// taken down.
func setStage(ctx context.Context, t *printer, o Options, app string) (*story, error) {
	t.chapter("The stage")
	t.say("A small server on this machine: a Git repository with the example app %q in it, an image registry, "+
		"and an Nginx of its own. All of it is real, listens on 127.0.0.1 only, and lives in temporary directories. "+
		"The app is being compiled; the first time takes a while.", app)
	set, err := stage.New(ctx, stage.Options{App: app, Detached: o.Keep})
	if err != nil {
		return nil, err
	}
	s := &story{Stage: set, printer: t, program: o.Program, keep: o.Keep, rate: cmp.Or(o.Rate, defaultRate), lastStatus: "none yet"}
	return s, s.prepare(ctx)
}

// takeDown removes everything, looks whether anything is left, and says so. The
// cause is why the story came to no good end, if it did not.
func (s *story) takeDown(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, cleanUpTime)
	defer cancel()
	switch {
	case errors.Is(cause, context.Canceled):
		s.say("Stopped. What the demo made so far is being removed.")
	case cause != nil:
		s.say("The demo failed. These are the agent's last words, and then everything is removed:")
		s.show(s.log.Tail(20))
	}
	var errs []error
	if s.load != nil {
		s.load.Stop()
	}
	engine, err := testbed.NewEngine(ctx) // the stage closes its own
	if err != nil {
		return errors.Join(err, s.Close(ctx))
	}
	had, err := s.manifest.find(ctx, engine)
	errs = append(errs, err)
	if s.agent != nil {
		errs = append(errs, s.agent.Stop(ctx))
	}
	errs = append(errs, s.Close(ctx), tellRemoved(ctx, s.printer, s.manifest, engine, had), engine.Close())
	return errors.Join(errs...)
}

// tellRemoved looks for what is left of a demo, and says what is gone.
func tellRemoved(ctx context.Context, t *printer, b manifest, engine *testbed.Engine, had inventory) error {
	if err := b.gone(ctx, engine); err != nil {
		return err
	}
	t.say("Removed: %s. Looked for again: nothing is left behind.", had)
	if cache, err := testbed.CacheDir(); err == nil {
		t.say("(Only the compiled app stays in %s, so that the next demo starts faster.)", cache)
	}
	return t.err
}
