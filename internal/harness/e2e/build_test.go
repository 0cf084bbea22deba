package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/examples"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed"
	"tandem/reconciler/deploy"
)

const builtCompose = `services:
  api:
    build: {context: ., args: {TAG: "${TAG}"}}
    restart: unless-stopped
    environment: {COLOR: "${COLOR}"}
    ports: ["127.0.0.1:${API_PORT}:3000"]
    network_mode: bridge
`

const builtDockerfile = `FROM scratch
ARG TAG=dev
ENV TAG=$TAG
COPY shop /shop
COPY page.txt /page.txt
ENTRYPOINT ["/shop"]
CMD ["api"]
`

// TestBuild_APushAloneDeploysFromSource has no registry and no tag: a repository with a
// Dockerfile and a Compose file is pushed, changed, taken back and broken, under load.
func TestBuild_APushAloneDeploysFromSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{})
	program, err := testbed.GoSource(t.Context(), "shop", examples.Source())
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(w.Work, w.App)
	// The example's own image is built elsewhere, so that git has no program.
	if err := errors.Join(os.Remove(filepath.Join(dir, ".gitignore")), os.Remove(filepath.Join(dir, ".dockerignore")), os.WriteFile(filepath.Join(dir, "shop"), data, 0o755)); err != nil {
		t.Fatal(err)
	}
	commit := func(page, dockerfile string) string {
		t.Helper()
		if err := w.Write(stage.Desired{Tag: "x", More: quick}); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, "tandem.yaml"), "tag: \"x\"", "build: true")
		for name, text := range map[string]string{"compose.yaml": builtCompose, "Dockerfile": dockerfile, "page.txt": page} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		hash, err := w.Commit(t.Context(), page)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	first := commit("one", builtDockerfile)
	w.addSite()
	color := w.until("the first commit live", func(s deploy.Status) error {
		if s.Live == nil {
			return isLive(s, first, first[:12], deploy.Blue)
		}
		return isLive(s, first, first[:12], s.Live.Color)
	}).Live.Color

	traffic := w.traffic()
	second := commit("two", builtDockerfile)
	w.live(second, second[:12], color.Other())
	third := w.revert()
	if s := w.live(third, first[:12], color); s.History[0].Result != deploy.Reverted {
		t.Errorf("the history calls the revert %s, want %s", s.History[0].Result, deploy.Reverted)
	}
	broken := commit("three", builtDockerfile+"RUN [\"/shop\", \"nonsense\"]\n")
	s := w.until("the build failed", func(s deploy.Status) error {
		if s.Desired.Commit == broken && s.History[0].Reason == deploy.BuildFailed {
			return nil
		}
		return isLive(s, broken, broken[:12], color.Other())
	})
	if !strings.Contains(s.Message, "build api: ") || !strings.Contains(s.Message, "nonsense") {
		t.Errorf("the status says %q, want the last lines of the build", s.Message)
	}
	report := w.unharmed(traffic)
	if len(report.Answers) < 2 {
		t.Errorf("the load saw only %v, so nothing is proven", report.Answers)
	}
}
