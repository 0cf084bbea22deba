package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"tandem/examples"
	"tandem/internal/harness/testbed"
	"tandem/internal/validate"
)

// TestMain lets the image of the examples be made while other tests run, where all
// are asked for, and closes what tests share.
func TestMain(m *testing.M) {
	testbed.Trial(validate.Trial, validate.TrialCommand)
	flag.Parse()
	if flag.Lookup("test.run").Value.String() == "" {
		go prepareDebian()
	}
	code := m.Run()
	if err := shared.close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "close what the tests shared:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// prepareDebian makes the image, so that the tests which want it find it. What fails
// here fails there too, and is told there.
func prepareDebian() {
	e, err := testbed.NewEngine(context.Background())
	if err != nil {
		return
	}
	_, _ = e.Debian(context.Background())
	_ = e.Close()
}

// shared is what most worlds have in common, because to make it takes longer than a
// deploy.
var shared commons

type commons struct {
	sync.Mutex
	registry *testbed.Registry
	engine   *testbed.Engine
	images   testbed.CachedImages // in the registry, on the engine, or both
}

// sharedRegistry is the registry of all worlds that bring none of their own. An image
// with the shop's program is kept: the engine need not unpack the same layer for each
// release.
func sharedRegistry(t *testing.T) *testbed.Registry {
	t.Helper()
	shared.keep(t, "shop", func(ctx context.Context, ref string) error {
		program, err := testbed.GoSource(ctx, "shop", examples.Source())
		if err != nil {
			return err
		}
		if err := (testbed.ImageBuilder{Ref: ref, Binary: program}).Push(ctx); err != nil {
			return err
		}
		return shared.engine.Pull(ctx, ref)
	})
	return shared.registry
}

// debianRegistry is sharedRegistry with the layer below the images of the examples.
func debianRegistry(t *testing.T, from string) *testbed.Registry {
	t.Helper()
	shared.keep(t, "debian", func(ctx context.Context, ref string) error {
		if err := shared.engine.Client.ImageTag(ctx, from, ref); err != nil {
			return err
		}
		return shared.engine.Push(ctx, ref, testbed.Login{})
	})
	return sharedRegistry(t)
}

// keep returns the name of an image that the first who wants it creates for all.
func (c *commons) keep(t *testing.T, what string, create func(ctx context.Context, ref string) error) (ref string) {
	t.Helper()
	check(t, c.open(t.Context()))
	ref = c.registry.Addr() + "/kept/" + what + ":1"
	check(t, c.images.Once(t.Context(), ref, create))
	return ref
}

func (c *commons) open(ctx context.Context) (err error) {
	c.Lock()
	defer c.Unlock()
	if c.registry == nil {
		if c.registry, err = testbed.NewRegistry(ctx, testbed.RegistryOptions{}); err != nil {
			return err
		}
	}
	if c.engine == nil {
		c.engine, err = testbed.NewEngine(ctx)
	}
	return err
}

func (c *commons) close(ctx context.Context) error {
	var errs []error
	if c.engine != nil {
		errs = append(errs, c.images.Remove(ctx), c.engine.Close())
	}
	if c.registry != nil {
		errs = append(errs, c.registry.Close(ctx))
	}
	return errors.Join(errs...)
}
