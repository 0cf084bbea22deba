package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"tandem/compose/project"
)

// see keeps a text to be searched.
func (s *secretive) see(where, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[where] = append(s.seen[where], text)
}

// sample watches what is there for a moment only: argument lists, the agent's own
// environment, temporary files.
func (s *secretive) sample(ctx context.Context) {
	lines, looks := map[string]bool{}, map[string]int{}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, p := range processes {
			// A process that was just made may still have the arguments of its parent, but
			// not for long.
			if looks[p]++; looks[p] > 5 {
				continue
			}
			data, err := os.ReadFile(p)
			if line := string(data); err == nil && !lines[line] {
				lines[line] = true
				s.see("an argument list", strings.ReplaceAll(line, "\x00", " "))
			}
		}
		s.mu.Lock()
		agent := s.agent
		s.mu.Unlock()
		if agent != nil {
			if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", agent.Process.Pid)); err == nil && !lines[string(data)] {
				lines[string(data)] = true
				s.see("the agent's environment", string(data))
			}
		}
		s.files("a temporary file", s.temp, func(data string) bool { known := lines[data]; lines[data] = true; return !known })
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// files sees every file below dir that fresh says is one to look at.
func (s *secretive) files(where, dir string, fresh func(data string) bool) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // gone since
		}
		if data, err := os.ReadFile(path); err == nil && fresh(string(data)) {
			s.see(where+" "+path, string(data))
		}
		return nil
	})
}

// look sees what the agent serves, and what Docker tells of the containers.
func (s *secretive) look() {
	s.t.Helper()
	for _, path := range []string{"/", "/api/status", "/metrics", "/healthz"} {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.Config().Listen+path, nil)
		check(s.t, err)
		req.Header.Set("Authorization", "Bearer "+s.token)
		res, err := http.DefaultClient.Do(req)
		check(s.t, err)
		body, err := io.ReadAll(res.Body)
		check(s.t, err)
		check(s.t, res.Body.Close())
		s.see("the page "+path, string(body))
	}
	for _, c := range s.inspect() {
		c.Config.Env = nil
		s.see("docker inspect "+c.Name, fmt.Sprintf("%+v %+v %+v", c.Config, c.HostConfig, *c.ContainerJSONBase))
	}
}

func (s *secretive) inspect() []container.InspectResponse {
	s.t.Helper()
	list, err := s.Engine.Client.ContainerList(s.t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", project.LabelApp+"="+s.App))})
	check(s.t, err)
	var all []container.InspectResponse
	for _, c := range list {
		info, err := s.Engine.Client.ContainerInspect(s.t.Context(), c.ID)
		check(s.t, err)
		all = append(all, info)
	}
	return all
}

// gets fails the test unless the containers of the color have the secret's value:
// else there would be nothing to find.
func (s *secretive) gets(color, name string) {
	s.t.Helper()
	if !s.has(color, name) {
		s.t.Errorf("no container of %s has the %s that was planted, or the search does not find it", color, name)
	}
}

// has tells whether a container of the color has the secret's value.
func (s *secretive) has(color, name string) bool {
	s.t.Helper()
	value := s.values[name].Value
	for _, c := range s.inspect() {
		if env := fmt.Sprint(c.Config.Env); c.Config.Labels[project.LabelColor] == color && len(s.found(env)) > 0 && strings.Contains(env, value) {
			return true
		}
	}
	return false
}

// printed fails the test unless a container printed the value.
func (s *secretive) printed(value string) {
	s.t.Helper()
	for _, c := range s.inspect() {
		logs, err := s.Engine.Client.ContainerLogs(s.t.Context(), c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
		check(s.t, err)
		data, err := io.ReadAll(logs)
		check(s.t, err)
		check(s.t, logs.Close())
		if strings.Contains(string(data), value) {
			return
		}
	}
	s.t.Error("no container printed its secret, so nothing is shown")
}

// search looks for everything planted in everything seen, and in what is left.
func (s *secretive) search() {
	s.t.Helper()
	all := func(string) bool { return true }
	s.files("the state directory's", s.Config().State, all)
	s.files("nginx.dir's", s.Config().Nginx.Dir, all)
	log, err := os.ReadFile(s.log.Path)
	check(s.t, err)
	s.see("the log", string(log))
	statuses, err := s.Git(s.t.Context(), "-C", s.Bare, "log", "-p", "--format=fuller", "tandem-status")
	check(s.t, err)
	s.see("the status branch", statuses)
	s.see("the notifications", fmt.Sprintf("%+v", s.mail.got()))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, where := range []string{"the log", "the status branch", "the notifications", "the page /api/status", "the page /metrics", "an argument list", "the agent's environment"} {
		if strings.TrimSpace(strings.Join(s.seen[where], "")) == "" {
			s.t.Errorf("%s: nothing was seen, so nothing is shown", where)
		}
	}
	for where, text := range map[string]string{"the log": string(log), "the status branch": statuses} {
		if !strings.Contains(text, "[secret START_DELAY]") {
			s.t.Errorf("%s says nothing of the secret that was printed, so nothing is shown:\n%.4000s", where, text)
		}
	}
	texts := 0
	for where, list := range s.seen {
		for _, text := range list {
			texts++
			for _, what := range s.found(text) {
				s.t.Errorf("%s: %s has %s", s.App, where, what)
			}
		}
	}
	s.t.Logf("%d secrets looked for in %d texts", len(s.planted), texts)
}

// found names what of the planted is in the text, however it is written.
func (s *secretive) found(text string) []string {
	var found []string
	for what, value := range s.planted {
		for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value), fmt.Sprintf("%q", value)[1:], base64.RawStdEncoding.EncodeToString([]byte(value))} {
			if strings.Contains(text, strings.TrimSuffix(form, `"`)) {
				found = append(found, what)
				break
			}
		}
	}
	return found
}
