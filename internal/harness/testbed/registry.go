package testbed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Login is a user of a registry; the zero value is nobody.
type Login struct{ User, Password string }

// RegistryOptions say how a Registry is to be.
type RegistryOptions struct {
	Login    Login // the one user that may push and pull; zero: everybody may
	Port     int   // zero: a free one
	Detached bool  // goes on running when this process ends
}

// Registry is an image registry on a loopback port, with its storage in a
// temporary directory.
type Registry struct {
	dir      string
	port     int
	reserved *Ports // nil when the caller chose the port
	detached bool
	process  *process // nil while it is stopped
}

// NewRegistry starts a registry and returns when it answers.
func NewRegistry(ctx context.Context, o RegistryOptions) (*Registry, error) {
	r := &Registry{port: o.Port, detached: o.Detached}
	if err := r.prepare(o); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare registry: %w", err), r.Close(ctx))
	}
	if err := r.Start(ctx); err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	return r, nil
}

func (r *Registry) prepare(o RegistryOptions) (err error) {
	if r.port == 0 {
		if r.reserved, err = ReservePorts(1); err != nil {
			return err
		}
		r.port = r.reserved.Numbers[0]
	}
	if r.dir, err = Dir("tandem-registry-"); err != nil {
		return err
	}
	auth := ""
	if o.Login != (Login{}) {
		hash, err := bcrypt.GenerateFromPassword([]byte(o.Login.Password), bcrypt.MinCost)
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.path("htpasswd"), fmt.Appendf(nil, "%s:%s\n", o.Login.User, hash), 0o600); err != nil {
			return err
		}
		auth = fmt.Sprintf("auth: {htpasswd: {realm: tandem, path: %q}}\n", r.path("htpasswd"))
	}
	config := fmt.Sprintf(`version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http: {addr: %q}
%s`, r.path("storage"), r.Addr(), auth)
	return os.WriteFile(r.path("config.yml"), []byte(config), 0o600)
}

// Addr is the registry's host and port, which is how its images' names begin.
func (r *Registry) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// Start starts a registry that was stopped, with the images it had, and
// returns when it answers.
func (r *Registry) Start(ctx context.Context) error {
	p, err := start(r.path("log"), r.detached, "docker-registry", "serve", r.path("config.yml"))
	if err != nil {
		return fmt.Errorf("start registry: %w", err)
	}
	r.process = p
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err = Until(ctx, "registry "+r.Addr(), func() error { return r.answers(ctx) })
	if err != nil {
		return fmt.Errorf("start registry: %w\n%s", err, tail(r.path("log")))
	}
	return nil
}

func (r *Registry) answers(ctx context.Context) error {
	if r.process.ended() {
		return errors.New("docker-registry has exited")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Addr()+"/v2/", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}

// Stop ends the registry's process and keeps its images. Stopping a stopped
// registry is no error.
func (r *Registry) Stop(ctx context.Context) error {
	if r.process == nil {
		return nil
	}
	err := r.process.stop(ctx, syscall.SIGTERM)
	r.process = nil
	return err
}

// Close ends the registry and removes its files.
func (r *Registry) Close(ctx context.Context) error {
	err := r.Stop(ctx)
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	if r.reserved != nil {
		err = errors.Join(err, r.reserved.Close())
	}
	return err
}

func (r *Registry) path(name string) string { return filepath.Join(r.dir, name) }
