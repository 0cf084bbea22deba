package scaffold

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUpstreams_AreThoseThatASitePassesTo(t *testing.T) {
	const printed = `# configuration file /etc/nginx/nginx.conf:
http {
    upstream app_backend { server 127.0.0.1:3001 max_fails=0; keepalive 32; } # upstream old { server 127.0.0.1:1; }
    upstream pages {
        # server 127.0.0.1:3999;
        server localhost:3002;
        server 127.0.0.1:3003 backup;
    }
    upstream elsewhere { server 10.0.0.5:3004; }
    upstream unused { server 127.0.0.1:3005; }
    server {
        location / { proxy_pass http://app_backend; }
        location /pages/ { proxy_pass http://pages/; }
        location /else/ { proxy_pass http://elsewhere; }
        location /unused { proxy_pass http://unused_by_this_name; }
    }
}
`
	want := map[int]string{3001: "app_backend", 3002: "pages", 3003: "pages"}
	if diff := cmp.Diff(want, upstreamsIn(printed)); diff != "" {
		t.Errorf("upstreams (-want +got):\n%s", diff)
	}
}

// TestPropose_TakesOverWhatRuns has a project and a site that are there already.
func TestPropose_TakesOverWhatRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	const file = `services:
  api: {image: "acme/api:1", ports: ["127.0.0.1:${API_PORT:-3001}:3000"]}
  db: {image: "postgres:17", volumes: ["./pg:/var/lib/postgresql/data", "./init:/docker-entrypoint-initdb.d:ro"]}
`
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Read(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, running := range []Running{{}, {Project: "old_shop", Upstreams: map[int]string{3001: "app_backend", 9: "other"}}} {
		s.Running = running
		p, err := Propose(s, Answers{})
		if err != nil {
			t.Fatal(err)
		}
		needs := p.Needs(s)
		text := string(p.Render(s.Files, needs))
		words := []string{"adopt: old_shop", "data: " + dir, "upstream: app_backend"}
		for _, w := range words {
			if got, want := strings.Contains(text, w), running.Project != ""; got != want {
				t.Errorf("with %+v: %q is there: %v\n%s", running, w, got, text)
			}
		}
		var want []string
		if running.Project != "" {
			want = []string{"adopt:old_shop", "host-mounts:" + filepath.Join(dir, "pg")}
		}
		if diff := cmp.Diff(want, needs.Allow); diff != "" {
			t.Errorf("policy.allow (-want +got):\n%s", diff)
		}
	}
}
