package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/agent"
	"tandem/internal/harness/stage"
	"tandem/reconciler/deploy"
)

// files are the contents of all files below dir, without the log that Nginx writes.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".log") {
			return err
		}
		data, err := os.ReadFile(path)
		found[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Two repositories on one server, each with an agent, and an app that both have.
func TestAgents_TheSecondOneTouchesNothingOfTheFirst(t *testing.T) {
	t.Parallel()
	first := deployed(t, stage.Options{})
	second := newStage(t, stage.Options{App: first.App})
	second.build("2.0.0")
	commit := second.push(stage.Desired{Tag: "2.0.0"})

	t.Log("one nginx.dir: the second agent ends at once, whether the first one runs or not")
	cfg := second.Config()
	cfg.Nginx = first.Config().Nginx
	before := files(t, cfg.Nginx.Dir)
	refused := func() {
		t.Helper()
		a, err := agent.New(cfg, second.logger())
		if err != nil {
			t.Fatal(err)
		}
		var owned *agent.OwnedError
		if err := a.Run(t.Context()); !errors.As(err, &owned) || !strings.Contains(err.Error(), first.Bare) {
			t.Errorf("the second agent ended with %v, want the first one's name, %s", err, first.Bare)
		}
		if diff := cmp.Diff(before, files(t, cfg.Nginx.Dir)); diff != "" {
			t.Errorf("the first one's files are others (-before +after):\n%s", diff)
		}
	}
	refused()
	first.stop()
	refused()
	first.start()

	t.Log("another nginx.dir, and one app on one Docker: what is live stays untouched")
	containers := first.containers()
	second.start()
	second.until("another agent's app", func(s deploy.Status) error {
		if s.Reason != deploy.OtherAgent || !strings.Contains(s.Message, first.Bare) {
			return fmt.Errorf("%s: %s", s.Reason, s.Message)
		}
		return nil
	})
	if diff := cmp.Diff(containers, first.containers()); diff != "" {
		t.Errorf("the first one's containers are others:\n%s", diff)
	}

	t.Log("the app is handed over")
	if _, err := first.Git(t.Context(), "rm", "-r", "--quiet", first.App); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Commit(t.Context(), "The shop moves to its own repository"); err != nil {
		t.Fatal(err)
	}
	second.addSite()
	second.live(commit, "2.0.0", deploy.Green)
}
