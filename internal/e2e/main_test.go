package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

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
	if r := shared.registry; r != nil {
		if err := r.Close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "close the shared registry:", err)
			code = max(code, 1)
		}
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

var shared struct {
	sync.Mutex
	registry *testbed.Registry
}

// sharedRegistry is the registry of all examples. The layer below their images, which
// is in it, is so large that pushing it takes longer than a deploy.
func sharedRegistry(t *testing.T, e *testbed.Engine, from string) *testbed.Registry {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.registry == nil {
		r, err := testbed.NewRegistry(context.Background(), testbed.RegistryOptions{})
		check(t, err)
		shared.registry = r
		ref := r.Addr() + "/debian:1"
		check(t, e.Client.ImageTag(t.Context(), from, ref))
		check(t, e.Push(t.Context(), ref, testbed.Login{}))
		check(t, e.Remove(t.Context(), ref))
	}
	return shared.registry
}
