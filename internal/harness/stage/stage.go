package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem/examples"
	"tandem/internal/config"
	"tandem/internal/harness/testbed"
)

// Options say what kind of stage is wanted.
type Options struct {
	App      string // the app's name; it must be unique on this machine
	Switch   string // config.SwitchFlip (the default) or config.SwitchReload
	Detached bool   // Nginx and the registry go on running when this process ends
	// A Docker engine for this stage alone, which may be stopped. It needs root.
	OwnDocker bool
	// Registry is one that several stages share and none of them closes, so that a
	// large layer is pushed once; nil: a registry of its own.
	Registry *testbed.Registry

	// The colored stack is the api alone, which is a third of the work for Docker.
	APIOnly bool
	// APIOnly with nothing beside it, which is a third of that: no store, so that orders
	// are counted in memory, no network of its own, and no health command.
	Bare bool
	// Further services of the colored stack, which record what they do: see Records.
	Scheduler  bool // "scheduler"
	Migrations bool // "migrate-expand" and "migrate-contract", in the profile "migrate"
}

// Stage is one such server.
type Stage struct {
	App  string
	Dir  string // everything below it belongs to the stage
	Bare string // the repository that people push to
	Work string // a person's clone of it
	// StatusRef is where Published looks: a branch and a path, as git show reads it.
	StatusRef string
	Ports     Ports
	Engine    *testbed.Engine
	Docker    *testbed.Daemon // nil without Options.OwnDocker
	Nginx     *testbed.Nginx

	options  Options
	registry *testbed.Registry // nil with Options.Registry
	reserved *testbed.Ports
	program  string            // the shop
	built    map[string]string // image reference by tag
	seen     published
}

// Ports are the host ports of the stage.
type Ports struct {
	APIBlue, APIGreen, WebBlue, WebGreen, Confirm, Listen int
}

// New sets the stage. What it had set up is taken down again when it fails.
func New(ctx context.Context, o Options) (_ *Stage, err error) {
	if o.Switch == "" {
		o.Switch = config.SwitchFlip
	}
	if o.Bare {
		o.APIOnly = true
	}
	s := &Stage{App: o.App, StatusRef: "tandem-status:" + o.App + ".yaml", options: o, built: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("set the stage: %w", err), s.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := testbed.Require("git", "go", "nginx", "docker-registry"); err != nil {
		return nil, err
	}
	if err := s.connectDocker(ctx); err != nil {
		return nil, err
	}
	if s.Dir, err = testbed.Dir("tandem-" + o.App + "-"); err != nil {
		return nil, err
	}
	if s.reserved, err = testbed.ReservePorts(6); err != nil {
		return nil, err
	}
	p := s.reserved.Numbers
	s.Ports = Ports{APIBlue: p[0], APIGreen: p[1], WebBlue: p[2], WebGreen: p[3], Confirm: p[4], Listen: p[5]}
	if err := s.startRegistry(ctx); err != nil {
		return nil, err
	}
	if s.program, err = testbed.GoSource(ctx, "shop", examples.Source()); err != nil {
		return nil, err
	}
	if !o.Bare {
		if err := s.buildStore(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.makeRepository(ctx); err != nil {
		return nil, err
	}
	return s, s.startNginx(ctx)
}

func (s *Stage) connectDocker(ctx context.Context) (err error) {
	if !s.options.OwnDocker {
		s.Engine, err = testbed.NewEngine(ctx)
		return err
	}
	if s.Docker, err = testbed.NewDaemon(); err != nil {
		return err
	}
	if err := s.Docker.Start(ctx, true); err != nil {
		return err
	}
	s.Engine, err = s.Docker.Engine()
	return err
}

func (s *Stage) startRegistry(ctx context.Context) (err error) {
	if s.options.Registry == nil {
		s.registry, err = testbed.NewRegistry(ctx, testbed.RegistryOptions{Detached: s.options.Detached})
	}
	return err
}

// Config is the configuration of an agent for this stage.
func (s *Stage) Config() config.Config {
	c := config.Default()
	c.Repo.URL = config.URL(s.Bare)
	c.Repo.Poll = config.Poll{Every: 10 * time.Second}
	c.Nginx.Dir = s.path("nginx")
	c.Nginx.Switch = s.options.Switch
	c.Nginx.Command = s.Nginx.Command()
	c.Nginx.Confirm = fmt.Sprintf("127.0.0.1:%d", s.Ports.Confirm)
	c.Listen = fmt.Sprintf("127.0.0.1:%d", s.Ports.Listen)
	c.State = s.path("state")
	if s.Docker != nil {
		c.Docker.Host = s.Docker.Host()
	}
	if o := s.options; o.Bare || o.Scheduler || o.Migrations {
		c.Policy.Allow = []string{"external:bridge"} // see bare and addOverride
	}
	return c
}

// Flags are the same configuration as flags of the tandem program.
func (s *Stage) Flags() []string {
	c := s.Config()
	flags := []string{
		"--repo-url", s.Bare, "--nginx-dir", c.Nginx.Dir, "--nginx-switch", c.Nginx.Switch,
		"--nginx-command", c.Nginx.Command, "--nginx-confirm", c.Nginx.Confirm,
		"--listen", c.Listen, "--state", c.State,
	}
	if s.Docker != nil {
		flags = append(flags, "--docker-host", c.Docker.Host)
	}
	if len(c.Policy.Allow) > 0 {
		flags = append(flags, "--policy-allow", strings.Join(c.Policy.Allow, ","))
	}
	return flags
}

// URL is where the app answers through Nginx.
func (s *Stage) URL() string { return s.Nginx.URL() }

// Registry is how the names of the stage's images begin: host:port of the registry,
// and the app where others push to it too.
func (s *Stage) Registry() string {
	if s.options.Registry != nil {
		return s.options.Registry.Addr() + "/" + s.App
	}
	return s.registry.Addr()
}

func (s *Stage) path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// Close takes everything down, and tells all that it could not.
func (s *Stage) Close(ctx context.Context) error {
	var errs []error
	if s.Engine != nil {
		for _, project := range []string{s.App + "-blue", s.App + "-green", s.App + "-shared"} {
			errs = append(errs, s.Engine.RemoveProject(ctx, project))
		}
		var refs []string
		for _, ref := range s.built {
			refs = append(refs, ref)
		}
		errs = append(errs, s.Engine.Remove(ctx, refs...), s.Engine.Close())
	}
	if s.Docker != nil {
		errs = append(errs, s.Docker.Close(ctx))
	}
	if s.Nginx != nil {
		errs = append(errs, s.Nginx.Close(ctx))
	}
	if s.registry != nil {
		errs = append(errs, s.registry.Close(ctx))
	}
	if s.reserved != nil {
		errs = append(errs, s.reserved.Close())
	}
	if s.Dir != "" {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	return errors.Join(errs...)
}
