package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tandem/examples"
	"tandem/reconciler"
	"tandem/reconciler/deploy"
)

// Desired is what people write into the shop's tandem.yaml.
type Desired struct {
	Tag   string
	Color string            // empty: auto
	Env   map[string]string // beside what the stage itself needs
	// MaxLatency is the limit of the routes' health answers. Empty: 2s, so that a
	// busy machine rejects nobody.
	MaxLatency string
	Upstream   string // that the site passes requests for the api to; empty: it uses the variable
	More       string // further keys, as YAML lines
	NoPorts    bool   // the routes name no ports, so that tandem chooses them
}

// makeRepository makes the bare repository and a clone with the example in it.
func (s *Stage) makeRepository(ctx context.Context) error {
	s.Bare, s.Work = s.path("repo.git"), s.path("work")
	if _, err := s.git(ctx, s.Dir, "init", "--quiet", "--bare", "--initial-branch=main", s.Bare); err != nil {
		return err
	}
	for _, args := range [][]string{
		// Each commit and push would be two processes more, to see what there is to tidy up.
		{"-C", s.Bare, "config", "receive.autogc", "false"},
		{"clone", "--quiet", "--config", "maintenance.auto=false", s.Bare, s.Work},
		{"-C", s.Work, "checkout", "--quiet", "-B", "main"},
	} {
		if _, err := s.git(ctx, s.Dir, args...); err != nil {
			return err
		}
	}
	if err := examples.Copy(filepath.Join(s.Work, s.App), "minimal"); err != nil {
		return err
	}
	if s.options.Bare {
		return s.writeBare()
	}
	return s.addOverride()
}

// Write replaces the shop's tandem.yaml in the clone; nothing is committed yet.
func (s *Stage) Write(d Desired) error {
	var b strings.Builder
	fmt.Fprintf(&b, "app: %s\ntag: %q\n", s.App, d.Tag)
	if d.Color != "" {
		fmt.Fprintf(&b, "color: %s\n", d.Color)
	}
	if !s.options.Bare {
		b.WriteString("shared: compose.shared.yaml\n")
	}
	if o := s.options; !o.Bare && (o.Scheduler || o.Migrations || o.APIOnly) && !strings.Contains(d.More, "compose:") {
		b.WriteString("compose: [compose.yaml, compose.override.yaml]\n") // see addOverride
	}
	fmt.Fprintf(&b, "env:\n  REGISTRY: %q\n  DATA_NETWORK: %q\n", s.Registry(), s.App+"-data")
	for name, value := range d.Env {
		fmt.Fprintf(&b, "  %s: %q\n", name, value)
	}
	latency := d.MaxLatency
	if latency == "" {
		latency = "2s"
	}
	b.WriteString("routes:\n")
	route := func(name, upstream string, blue, green int) {
		if upstream != "" {
			upstream = ", upstream: " + upstream
		}
		ports := fmt.Sprintf("ports: {blue: %d, green: %d}, ", blue, green)
		if d.NoPorts {
			ports = ""
		}
		fmt.Fprintf(&b, "  %s: {%shealth: {path: /health, max_latency: %s}%s}\n", name, ports, latency, upstream)
	}
	route("api", d.Upstream, s.Ports.APIBlue, s.Ports.APIGreen)
	if !s.options.APIOnly {
		route("web", "", s.Ports.WebBlue, s.Ports.WebGreen)
	}
	b.WriteString(d.More)
	return os.WriteFile(filepath.Join(s.Work, s.App, "tandem.yaml"), []byte(b.String()), 0o644)
}

// Push writes, commits and pushes what is desired, and returns the commit.
func (s *Stage) Push(ctx context.Context, message string, d Desired) (string, error) {
	if err := s.Write(d); err != nil {
		return "", err
	}
	return s.Commit(ctx, message)
}

// Commit commits everything in the clone, pushes it and returns the commit.
func (s *Stage) Commit(ctx context.Context, message string) (string, error) {
	for _, args := range [][]string{{"add", "--all"}, {"commit", "--quiet", "-m", message}, {"push", "--quiet", "origin", "main"}} {
		if _, err := s.git(ctx, s.Work, args...); err != nil {
			return "", err
		}
	}
	return s.git(ctx, s.Work, "rev-parse", "HEAD")
}

// Revert reverts the newest commit that changed the app, pushes, and returns the
// commit that does so.
func (s *Stage) Revert(ctx context.Context) (string, error) {
	newest, err := s.git(ctx, s.Work, "log", "-1", "--format=%H", "--", s.App)
	if err != nil {
		return "", err
	}
	if _, err := s.git(ctx, s.Work, "revert", "--no-edit", newest); err != nil {
		return "", err
	}
	if _, err := s.git(ctx, s.Work, "push", "--quiet", "origin", "main"); err != nil {
		return "", err
	}
	return s.git(ctx, s.Work, "rev-parse", "HEAD")
}

// ErrNotPublished: the status branch has no status of the app yet.
var ErrNotPublished = errors.New("no status published yet")

// Published reads the newest status from the repository, and its bytes.
func (s *Stage) Published(ctx context.Context) (deploy.Status, string, error) {
	branch, _, _ := strings.Cut(s.StatusRef, ":")
	// A process each time somebody waits for a status is much; the branch seldom moves.
	head, err := os.ReadFile(filepath.Join(s.Bare, "refs", "heads", branch))
	if err != nil || s.seen.head != s.StatusRef+string(head) {
		text, err := s.git(ctx, s.Bare, "show", s.StatusRef)
		if err != nil {
			return deploy.Status{}, "", ErrNotPublished
		}
		status, err := reconciler.ParseStatus([]byte(text))
		s.seen = published{s.StatusRef + string(head), text, status, err}
	}
	return s.seen.status, s.seen.text, s.seen.err
}

// published is the status that was read last, and the reference and commit it is of.
type published struct {
	head, text string
	status     deploy.Status
	err        error
}

// Git runs git in the person's clone and returns what it printed, trimmed.
func (s *Stage) Git(ctx context.Context, args ...string) (string, error) {
	return s.git(ctx, s.Work, args...)
}

// git is one person's git, with nothing taken from this machine's configuration.
func (s *Stage) git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
