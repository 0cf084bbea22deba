package tb

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"tandem/internal/harness/testbed"
)

// patience bounds the making and the closing of one part. It is far more than
// any needs, so that a slow machine fails nothing.
const patience = 5 * time.Minute

// Require fails the test when a program is missing, and says which package has it.
func Require(t testing.TB, programs ...string) {
	t.Helper()
	must(t, testbed.Require(programs...))
}

// Until polls cond until it returns nil, and fails the test with its last error
// when that does not happen in time.
func Until(t testing.TB, within time.Duration, what string, cond func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), within, fmt.Errorf("%s are over", within))
	defer cancel()
	must(t, testbed.Until(ctx, what, cond))
}

// Dir is a temporary directory that the workers of Nginx can read, unlike that
// of t.TempDir.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := testbed.Dir("tandem-test-")
	must(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	return dir
}

// Ports reserves n free ports for the length of the test.
func Ports(t testing.TB, n int) []int {
	t.Helper()
	p, err := testbed.ReservePorts(n)
	must(t, err)
	t.Cleanup(func() { check(t, p.Close()) })
	return p.Numbers
}

// Engine connects to the Docker engine.
func Engine(t testing.TB) *testbed.Engine {
	t.Helper()
	e, err := testbed.NewEngine(t.Context())
	must(t, err)
	t.Cleanup(func() { check(t, e.Close()) })
	return e
}

// LateEngine is a socket before the engine that knows late how a command has ended.
func LateEngine(t testing.TB, e *testbed.Engine) *testbed.LateEngine {
	t.Helper()
	l, err := testbed.NewLateEngine(e.Client.DaemonHost())
	must(t, err)
	t.Cleanup(func() { check(t, l.Close()) })
	return l
}

// Project removes the containers, networks and volumes of a Compose project
// when the test ends.
func Project(t testing.TB, e *testbed.Engine, project string) {
	t.Helper()
	closing(t, func(ctx context.Context) error { return e.RemoveProject(ctx, project) })
}

// Container removes a container, by id or name, when the test ends.
func Container(t testing.TB, e *testbed.Engine, id string) {
	t.Helper()
	closing(t, func(ctx context.Context) error { return e.RemoveContainer(ctx, id) })
}

// Images removes the named images when the test ends.
func Images(t testing.TB, e *testbed.Engine, refs ...string) {
	t.Helper()
	closing(t, func(ctx context.Context) error { return e.Remove(ctx, refs...) })
}

// Registry starts a registry.
func Registry(t testing.TB, o testbed.RegistryOptions) *testbed.Registry {
	t.Helper()
	Require(t, "docker-registry")
	r, err := testbed.NewRegistry(t.Context(), o)
	must(t, err)
	closing(t, r.Close)
	return r
}

// Nginx makes an Nginx and starts it unless the configuration is nil. The
// configuration is made after the directory and the port are known.
func Nginx(t testing.TB, o testbed.NginxOptions, configure func(*testbed.Nginx) testbed.NginxConfig) *testbed.Nginx {
	t.Helper()
	Require(t, "nginx")
	n, err := testbed.NewNginx(o)
	must(t, err)
	closing(t, n.Close)
	if configure != nil {
		must(t, n.Configure(configure(n)))
		must(t, n.Start(t.Context()))
	}
	return n
}

// GoBinary builds the main package in dir as a static program.
func GoBinary(t testing.TB, dir string) string {
	t.Helper()
	path, err := testbed.GoBinary(t.Context(), dir)
	must(t, err)
	return path
}

// Debian returns the name of an image with Debian and what the examples need in it.
func Debian(t testing.TB, e *testbed.Engine) string {
	t.Helper()
	Require(t, "mmdebstrap", "apt-get")
	ref, err := e.Debian(t.Context())
	must(t, err)
	return ref
}

// NewNginx returns the name of an image with the newest Nginx that Debian has.
func NewNginx(t testing.TB, e *testbed.Engine) string {
	t.Helper()
	Require(t, "mmdebstrap", "apt-get")
	ref, err := e.NewNginx(t.Context())
	must(t, err)
	return ref
}

// closing registers a cleanup. The test's own context has ended by then.
func closing(t testing.TB, f func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		check(t, f(ctx))
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
