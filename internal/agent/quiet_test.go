package agent

import (
	"bytes"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"

	"tandem/internal/config"
)

// TestNew_ConnectsToNothing makes an agent of which every part could be asked.
func TestNew_ConnectsToNothing(t *testing.T) {
	h := newHost(t)
	engine := filepath.Join(t.TempDir(), "docker.sock")
	h.listen(t, "unix", engine, func(*http.Request) bool { return true })
	cfg := config.Default()
	cfg.State, cfg.Nginx.Dir, cfg.Docker.Host = t.TempDir(), h.nginx, "unix://"+engine
	cfg.Nginx.Container, cfg.Repo.URL = "nginx", config.URL(h.canary+"/repo.git")
	a, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.stacks.Close(); err != nil {
		t.Error(err)
	}
	if n := h.asked.Load(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	if text := snapshot(t, cfg.State); text != "" {
		t.Errorf("files were made:\n%s", text)
	}
}

// TestPlan_ChangesNoFileOfTheAgent has the files that an agent would put aside.
func TestPlan_ChangesNoFileOfTheAgent(t *testing.T) {
	h := newHost(t)
	tree := node{}
	tree.put("shop/tandem.yaml", defaultApp)
	tree.put("shop/compose.yaml", "services: {api: {image: 'a:1', ports: ['${API_PORT}:3000']}}\n")
	cfg := config.Default()
	cfg.State, cfg.Repo.Branch, cfg.Repo.URL = t.TempDir(), "main", config.URL(tree.commit(t, h.fill))
	cfg.Nginx.Dir, cfg.Nginx.Command, cfg.Docker.Host = h.nginx, filepath.Join(filepath.Dir(h.nginx), "nginx.sh"), "unix://"+h.docker
	place(t, memoryFile(cfg.State, "shop"), `{"tree": `, 0o600)
	place(t, filepath.Join(cfg.State, "verified.json"), `{"in_force": `, 0o600)
	before := snapshot(t, cfg.State) + snapshot(t, h.nginx)
	var log bytes.Buffer
	a, err := New(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	plans, err := a.Plan(t.Context())
	if err != nil || len(plans) != 1 {
		t.Errorf("got %+v, %v; want one plan", plans, err)
	}
	if err := a.stacks.Close(); err != nil {
		t.Error(err)
	}
	if after := snapshot(t, cfg.State) + snapshot(t, h.nginx); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if !bytes.Contains(log.Bytes(), []byte("memory not readable")) {
		t.Errorf("nobody is told of the memory:\n%s", log.String())
	}
}
