package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/rogpeppe/go-internal/txtar"

	"tandem/internal/config"
	"tandem/internal/harness/stage"
	"tandem/internal/harness/testbed/tb"
	"tandem/internal/scaffold"
	"tandem/internal/validate"
	"tandem/reconciler/deploy"
)

// asFound is a Compose file as people have one: fixed names, ports and tags, a store in the
// middle of it, a proxy that holds the ports of the host, and tools.
const asFound = `services:
  proxy:
    image: traefik:v3
    ports: ["80:80", "443:443"]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
  api:
    image: REGISTRY/shop:1.0.0
    container_name: APP-api
    command: [api]
    restart: unless-stopped
    environment: {STORE: "store:7000"}
    ports: ["8080:3000"]
    volumes: ["uploads:/uploads"]
    depends_on: [store]
    healthcheck: {test: ["CMD", "/shop", "healthcheck", "http://127.0.0.1:3000/health"]}
  worker:
    image: REGISTRY/shop:1.0.0
    command: [worker]
    volumes: ["uploads:/uploads"]
  store:
    image: REGISTRY/shop-store:1
    container_name: APP-store
    command: [store]
    environment: {LISTEN: ":7000"}
    volumes: ["orders:/data"]
  mail:
    image: mailhog/mailhog
    ports: ["8025:8025"]
volumes: {uploads: , orders: }
`

// TestInit_WhatItWritesDeploys has an unchanged Compose file deployed with the tandem.yaml
// that is guessed for it, and then a bump of the tag alone.
func TestInit_WhatItWritesDeploys(t *testing.T) {
	t.Parallel()
	w := wholeStage(t, stage.Options{APIOnly: true})
	w.build("1.0.0")
	w.build("1.1.0")
	dir := w.Work + "/" + w.App
	check(t, os.RemoveAll(dir)) // the minimal example
	check(t, os.Mkdir(dir, 0o755))
	file := strings.NewReplacer("REGISTRY", w.Registry(), "APP", w.App).Replace(asFound)
	check(t, os.WriteFile(dir+"/compose.yaml", []byte(file), 0o644))

	check(t, scaffold.Run(t.Context(), scaffold.Options{Dir: dir, Out: io.Discard, Host: scaffold.NewHost(t.TempDir(), t.TempDir())}))
	// The test's own: ports that nobody else here has, and a watch that is over soon.
	put(t, dir+"/tandem.yaml",
		"    health: /health", fmt.Sprintf("    ports: {blue: %d, green: %d}\n    health: {path: /health, max_latency: 5s}", w.Ports.APIBlue, w.Ports.APIGreen),
		"routes:", quick+"routes:")
	commit, err := w.Commit(t.Context(), "Deploy with tandem")
	check(t, err)
	w.start()
	w.addSite()
	w.live(commit, "1.0.0", deploy.Green)
	before := w.store()

	traffic := w.traffic()
	put(t, dir+"/tandem.yaml", `tag: "1.0.0"`, `tag: "1.1.0"`)
	commit, err = w.Commit(t.Context(), "Deploy 1.1.0")
	check(t, err)
	w.live(commit, "1.1.0", deploy.Blue)
	w.unharmed(traffic)
	if after := w.store(); after != before {
		t.Errorf("the store was %s, and is %s", before, after)
	}
	for _, name := range []string{"proxy", "mail"} {
		if found := w.named(name); len(found) > 0 {
			t.Errorf("%s is ignored, and runs: %v", name, found)
		}
	}
	if data, err := os.ReadFile(dir + "/compose.yaml"); err != nil || string(data) != file {
		t.Errorf("the Compose file was changed (%v):\n%s", err, data)
	}
	res, err := http.Get(w.URL())
	check(t, err)
	body, err := io.ReadAll(res.Body)
	check(t, err)
	check(t, res.Body.Close())
	if !strings.Contains(string(body), `"tag":"1.1.0"`) {
		t.Errorf("Nginx answers %s, want release 1.1.0", body)
	}
}

// TestInit_ItsFilesAreAccepted takes what people have, in the fixtures of the package that
// guesses, into a Git repository and has both commands judge it there.
func TestInit_ItsFilesAreAccepted(t *testing.T) {
	cases, err := filepath.Glob("../../scaffold/testdata/proposed/*.txtar")
	if err != nil || len(cases) < 12 {
		t.Fatalf("found %d cases (%v), want 12 or more", len(cases), err)
	}
	for _, file := range cases {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			check(t, err)
			dir := filepath.Join(t.TempDir(), name)
			for _, f := range archive.Files {
				if strings.HasPrefix(f.Name, "want ") {
					continue
				}
				full := filepath.Join(dir, f.Name)
				check(t, os.MkdirAll(filepath.Dir(full), 0o755))
				check(t, os.WriteFile(full, f.Data, 0o644))
			}
			check(t, exec.Command("git", "init", "-q", dir).Run())
			check(t, exec.Command("git", "-C", dir, "add", "-A").Run())
			check(t, scaffold.Run(t.Context(), scaffold.Options{Dir: dir, Out: io.Discard, Host: scaffold.NewHost(t.TempDir(), t.TempDir())}))
			d := config.Default()
			report, err := validate.Files(t.Context(), validate.Options{Paths: []string{dir}, Own: d.OwnPorts(), Ports: d.Docker.Ports, Apps: t.TempDir()})
			check(t, err)
			if report.Checked != 1 || len(report.Faults) > 0 {
				t.Errorf("checked %d apps: faults %v", report.Checked, report.Faults)
			}
		})
	}
}

// store is the container of the store, and since when it runs.
func (w *world) store() string {
	w.t.Helper()
	e := tb.Engine(w.t)
	info, err := e.Client.ContainerInspect(w.t.Context(), w.App+"-store")
	check(w.t, err)
	return info.ID + " since " + info.State.StartedAt
}

// named lists the app's containers whose names have the word.
func (w *world) named(word string) []string {
	w.t.Helper()
	list, err := tb.Engine(w.t).Client.ContainerList(w.t.Context(), container.ListOptions{All: true})
	check(w.t, err)
	var found []string
	for _, c := range list {
		if strings.Contains(c.Names[0], w.App) && strings.Contains(c.Names[0], word) {
			found = append(found, c.Names[0])
		}
	}
	return found
}
