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
	"tandem/internal/testbed"
)

// TestMain lets the image of the examples be made while other tests run, where all
// are asked for, and closes what tests share.
func TestMain(m *testing.M) {
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
	kept     string // image with the shop's program
	debian   bool   // pushed
}

// sharedRegistry is the registry of all worlds that bring none of their own. As long
// as it is there, so is an image with the shop's program: the engine need not unpack
// the same layer for each release.
func sharedRegistry(t *testing.T) *testbed.Registry {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	check(t, shared.open(context.Background()))
	return shared.registry
}

// debianRegistry is sharedRegistry with the layer below the images of the examples.
func debianRegistry(t *testing.T, e *testbed.Engine, from string) *testbed.Registry {
	t.Helper()
	r := sharedRegistry(t)
	shared.Lock()
	defer shared.Unlock()
	if !shared.debian {
		ref := r.Addr() + "/debian:1"
		check(t, e.Client.ImageTag(t.Context(), from, ref))
		check(t, e.Push(t.Context(), ref, testbed.Login{}))
		check(t, e.Remove(t.Context(), ref))
		shared.debian = true
	}
	return r
}

// open makes what is not there yet.
func (c *commons) open(ctx context.Context) (err error) {
	if c.registry == nil {
		if c.registry, err = testbed.NewRegistry(ctx, testbed.RegistryOptions{}); err != nil {
			return err
		}
	}
	if c.engine == nil {
		if c.engine, err = testbed.NewEngine(ctx); err != nil {
			return err
		}
	}
	if c.kept != "" {
		return nil
	}
	program, err := testbed.GoSource(ctx, "shop", examples.Source())
	if err != nil {
		return err
	}
	c.kept = c.registry.Addr() + "/kept:1"
	return c.engine.BuildScratch(ctx, testbed.Scratch{Ref: c.kept, Binary: program})
}

func (c *commons) close(ctx context.Context) error {
	var errs []error
	if c.engine != nil {
		errs = append(errs, c.engine.Remove(ctx, c.kept), c.engine.Close())
	}
	if c.registry != nil {
		errs = append(errs, c.registry.Close(ctx))
	}
	return errors.Join(errs...)
}
