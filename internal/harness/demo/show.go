package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/reconciler/deploy"
)

// patience is how long anything may take before the demo gives up. It is far
// more than any of it takes on an idle machine.
const patience = 3 * time.Minute

// errHopeless ends a wait early.
var errHopeless = errors.New("it will not happen any more")

// wait waits for a condition, but not longer than the agent lives.
func (s *story) wait(ctx context.Context, what string, cond func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	return testbed.Until(ctx, what, func() error {
		err := cond()
		switch {
		case err != nil && s.agent.Ended():
			giveUp(errors.New("the agent has ended"))
		case errors.Is(err, errHopeless):
			giveUp(err)
		}
		return err
	})
}

// until waits for a published status about the newest commit.
func (s *story) until(ctx context.Context, what string, cond func(deploy.Status) error) error {
	head, err := s.Git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	err = s.wait(ctx, what, func() error {
		st, text, err := s.Published(ctx)
		if err != nil {
			return err
		}
		s.lastStatus = text
		if st.Desired.Commit != head {
			return fmt.Errorf("the status is about commit %s", st.Desired.Commit)
		}
		err = cond(st)
		if err != nil && st.Phase == deploy.PhaseHeld {
			err = fmt.Errorf("%w: %w", err, errHopeless)
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w; the last status is\n%s", err, s.lastStatus)
	}
	return err
}

// shell runs command lines in the person's clone and shows each before it.
func (s *story) shell(ctx context.Context, lines ...string) (string, error) {
	var out []byte
	for _, line := range lines {
		s.command(line)
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.Dir = s.Work
		// Nothing from the user's own settings, such as signing or hooks.
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0")
		var err error
		if out, err = cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", line, err, out)
		}
	}
	return string(out), nil
}

// tandem runs a command of tandem, and shows it with what it prints.
func (s *story) tandem(ctx context.Context, args ...string) error {
	s.command("tandem " + strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Env = stage.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("tandem %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	s.show(string(out))
	return nil
}

// showStatus shows the status file as it is in the repository, up to the newest
// line of its history.
func (s *story) showStatus(ctx context.Context) error {
	text, err := s.shell(ctx, "git fetch -q && git show origin/tandem-status:"+s.App+".yaml")
	if err != nil {
		return err
	}
	const entry = "\n- commit:"
	if first := strings.Index(text, entry); first >= 0 {
		if older := strings.Index(text[first+1:], entry); older >= 0 {
			text = text[:first+1+older] + fmt.Sprintf("\n… and %d older", strings.Count(text, entry)-1)
		}
	}
	s.show(unrepeated(text))
	return nil
}

// unrepeated says how often a line is repeated instead of repeating it: what
// fails a gate fails it many times a second, and logs the same each time.
func unrepeated(text string) string {
	lines := strings.Split(text, "\n")
	var out []string
	for i := 0; i < len(lines); {
		same := 1
		for i+same < len(lines) && lines[i+same] == lines[i] {
			same++
		}
		out = append(out, lines[i])
		if same > 1 {
			out = append(out, fmt.Sprintf("… the same %d more times", same-1))
		}
		i += same
	}
	return strings.Join(out, "\n")
}

// answer shows what a user gets through Nginx, which must be the tag.
func (s *story) answer(ctx context.Context, tag string) error {
	s.say("A user sees:")
	s.command("curl " + s.URL() + "/")
	got, body, err := s.get(ctx, http.DefaultClient)
	if err != nil {
		return err
	}
	s.show(body)
	if got != tag {
		return fmt.Errorf("the app answers with %q, want %s", got, tag)
	}
	return nil
}

// get asks the app through Nginx, and returns the tag that answered.
func (s *story) get(ctx context.Context, client *http.Client) (tag, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/", nil)
	if err != nil {
		return "", "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", "", err
	}
	data, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("the app answers %s: %s", res.Status, data)
	}
	return res.Header.Get("X-Tag"), string(data), nil
}

// untilAnswered does push, and returns how long after its start the first
// answer of the tag came.
func (s *story) untilAnswered(ctx context.Context, tag string, push func() error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type result struct {
		at  time.Time
		err error
	}
	seen := make(chan result, 1)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	started := time.Now()
	go func() {
		for {
			got, _, err := s.get(ctx, client)
			if err != nil || got == tag {
				seen <- result{time.Now(), err}
				return
			}
		}
	}()
	if err := push(); err != nil {
		return 0, err
	}
	r := <-seen
	return r.at.Sub(started), r.err
}

// containers maps the id of each container of both colors to when it started.
func (s *story) containers(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	for _, project := range s.manifest.projects()[:2] {
		of := filters.NewArgs(filters.Arg("label", projectLabel+"="+project))
		list, err := s.Engine.Client.ContainerList(ctx, container.ListOptions{All: true, Filters: of})
		if err != nil {
			return nil, fmt.Errorf("list containers of %s: %w", project, err)
		}
		for _, c := range list {
			info, err := s.Engine.Client.ContainerInspect(ctx, c.ID)
			if err != nil {
				return nil, err
			}
			out[c.ID] = fmt.Sprintf("%s started %s, restarts %d", info.Name, info.State.StartedAt, info.RestartCount)
		}
	}
	return out, nil
}

// logged tells whether the agent's log has such a line after the mark.
func (s *story) logged(mark int64, message string, words ...string) bool {
	for _, l := range s.log.Since(mark) {
		if l.Is(message, words...) {
			return true
		}
	}
	return false
}

// siteLines are the lines of nginx.conf that have to do with tandem.
func (s *story) siteLines() string {
	conf, err := os.ReadFile(filepath.Join(s.Nginx.Dir, "nginx.conf"))
	if err != nil {
		return err.Error()
	}
	var out []string
	for line := range strings.Lines(string(conf)) {
		if strings.Contains(line, "proxy_pass") || strings.Contains(line, "include") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return strings.Join(out, "\n")
}
