package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tandem/internal/harness/stage"
)

// The releases of the story.
const (
	first    = "1.0.0"
	bump     = "1.1.0"
	broken   = "1.2.0" // its health page answers 500
	repaired = "1.2.1"
	last     = "1.3.0"
)

// gateLimit is how long a release may take to become healthy.
const gateLimit = "30s"

// pace is the part of tandem.yaml that keeps the story short. The gate's limit
// is what the broken release takes; it leaves a slow machine time for good ones.
const pace = "gate: {timeout: " + gateLimit + "}\nwatch: {for: 3s, max_p95: 10s, compare: limits}\ndrain: {timeout: 3s, websockets: 3s}\n"

// prepare makes the releases and starts the agent; nothing is pushed yet.
func (s *story) prepare(ctx context.Context) error {
	s.log = stage.Log{Path: filepath.Join(s.Dir, "agent.log")}
	if err := s.record(); err != nil {
		return err
	}
	s.say("Everything of it is in these directories; `%s -remove %s` removes all of it, should this program be killed.", remover(), s.Dir)
	s.show(strings.Join(s.manifest.Dirs, "\n"))
	for _, release := range []struct{ tag, trouble string }{{first, ""}, {bump, ""}, {broken, "unhealthy"}, {repaired, ""}, {last, ""}} {
		var env []string
		if release.trouble != "" {
			env = append(env, "BREAK="+release.trouble)
		}
		if err := s.Build(ctx, release.tag, env...); err != nil {
			return err
		}
	}
	s.say("Five releases of the app are in the registry: %s, %s, %s (which is broken), %s and %s.", first, bump, broken, repaired, last)
	if err := s.configureClone(ctx); err != nil {
		return err
	}
	config := s.agentConfig()
	if err := os.WriteFile(s.configPath(), []byte(config), 0o644); err != nil {
		return err
	}
	s.say("This is all that the agent needs to be told, and how it is started:")
	s.show(config)
	s.command("tandem run --config " + s.configPath())
	if err := s.startAgent(); err != nil {
		return err
	}
	return s.wait(ctx, "the agent", func() error {
		if !s.logged(0, "tandem runs") {
			return errors.New("it has not said that it runs")
		}
		return nil
	})
}

// record notes down what there is to remove, which the processes are part of.
func (s *story) record() error {
	boot, err := bootID()
	if err != nil {
		return err
	}
	all, err := processes()
	if err != nil {
		return err
	}
	b := manifest{App: s.App, Registry: s.Registry(), Dirs: []string{s.Dir, s.Nginx.Dir}, Boot: boot}
	for _, p := range all {
		if p.parent != os.Getpid() {
			continue
		}
		dir, isRegistry := s.registryDir(p)
		switch {
		case isRegistry:
			b.Dirs = append(b.Dirs, dir)
			b.Processes = append(b.Processes, p)
		case p.PID == s.Nginx.PID():
			b.Processes = append(b.Processes, p)
		case s.agent != nil && p.PID == s.agent.PID():
			// First, because it would put back what is taken from it.
			b.Processes = append([]process{p}, b.Processes...)
		}
	}
	if len(b.Dirs) < 3 {
		return errors.New("note down what there is to remove: the registry's process was not found")
	}
	s.manifest = b
	return b.save()
}

// registryDir tells whether p is the stage's registry, and where its files are:
// where the configuration that it was started with lies.
func (s *story) registryDir(p process) (dir string, ok bool) {
	args := strings.Fields(p.Args)
	if len(args) != 3 || filepath.Base(args[0]) != "docker-registry" {
		return "", false
	}
	config, err := os.ReadFile(args[2])
	return filepath.Dir(args[2]), err == nil && strings.Contains(string(config), `"`+s.Registry()+`"`)
}

// configureClone lets plain git commands work in the clone, for the story and
// for whoever plays on.
func (s *story) configureClone(ctx context.Context) error {
	for _, c := range [][2]string{
		{"user.name", "Ada"}, {"user.email", "ada@example.com"},
		{"branch.main.remote", "origin"}, {"branch.main.merge", "refs/heads/main"},
	} {
		if _, err := s.Git(ctx, "config", c[0], c[1]); err != nil {
			return err
		}
	}
	return s.Write(stage.Desired{Tag: first, More: pace})
}

// agentConfig is the agent's file.
func (s *story) agentConfig() string {
	c := s.Config()
	return fmt.Sprintf(`repo: {url: %q}
nginx:
  dir: %q
  command: %q
  confirm: %q
listen: %q
state: %q
`, s.Bare, c.Nginx.Dir, c.Nginx.Command, c.Nginx.Confirm, c.Listen, c.State)
}

func (s *story) configPath() string { return filepath.Join(s.Dir, "agent.yaml") }

func (s *story) startAgent() error {
	var err error
	if s.agent, err = stage.StartAgent(s.program, []string{"--config", s.configPath()}, s.log, s.keep); err != nil {
		return err
	}
	return s.record()
}
