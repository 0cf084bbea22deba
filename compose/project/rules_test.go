package project_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"tandem/compose/project"
	"tandem/reconciler/deploy"
)

var rewrite = flag.Bool("rewrite", false, "write what testdata/refused must say from what is said now")

// shop is an app with one route, without files.
func shop(t *testing.T) deploy.App {
	t.Helper()
	return deploy.App{
		Name: "shop", Dir: "shop", File: "shop/tandem.yaml", Tag: "1.4.2", Root: t.TempDir(),
		Routes: []deploy.Route{{Name: "api", Service: "api", Ports: deploy.Ports{Blue: 3001, Green: 3002}}},
	}
}

// put writes files below the app's directory.
func put(t *testing.T, app deploy.App, files map[string]string) {
	t.Helper()
	for name, content := range files {
		full := filepath.Join(app.Root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestResolve_RefusesWithFileLineAndAdvice reads testdata/refused: the files of
// an app, and every fault that must be told of it. "-- routes --" adds routes,
// and "-- decisions --" what tandem.yaml says of the services.
func TestResolve_RefusesWithFileLineAndAdvice(t *testing.T) {
	cases, err := filepath.Glob("testdata/refused/*.txtar")
	if err != nil || len(cases) < 25 {
		t.Fatalf("found %d cases (%v), want 25 or more", len(cases), err)
	}
	loader := newLoader(t, project.LoaderOptions{})
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			app, want := unpack(t, archive)
			_, err = loader.Resolve(t.Context(), app)
			faults, ok := deploy.AsFaults(err)
			if !ok {
				t.Fatalf("resolved with %v, want faults", err)
			}
			got := faults.Error() + "\n"
			if *rewrite {
				archive.Files[len(archive.Files)-1].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" && !*rewrite {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// unpack makes the app of an archive and returns what must be said of it.
func unpack(t *testing.T, archive *txtar.Archive) (app deploy.App, want string) {
	t.Helper()
	app = shop(t)
	files := map[string]string{}
	for _, f := range archive.Files {
		switch f.Name {
		case "want":
			want = string(f.Data)
		case "routes":
			var r deploy.Route
			if _, err := fmt.Sscan(string(f.Data), &r.Name, &r.Service, &r.Ports.Blue, &r.Ports.Green); err != nil {
				t.Fatal(err)
			}
			app.Routes = append(app.Routes, r)
		case "decisions":
			decide(t, &app, string(f.Data))
		case "compose.shared.yaml":
			app.Shared = f.Name
			fallthrough
		default:
			files[f.Name] = string(f.Data)
		}
	}
	put(t, app, files)
	return app, want
}

// TestResolve_AcceptsWhatOnlyLooksLikeAFault has addresses that one container has at a time,
// secrets that are mounted, and a route that is published elsewhere besides.
func TestResolve_AcceptsWhatOnlyLooksLikeAFault(t *testing.T) {
	app := shop(t)
	app.Shared, app.Singletons = "compose.shared.yaml", []string{"scheduler"}
	put(t, app, map[string]string{
		"app.conf": "size = 1",
		"compose.yaml": `
services:
  api:
    image: shop:${TAG}
    ports: ["${API_PORT}:3000", "10.1.2.3:${API_PORT}:3000"]
    read_only: true
    secrets: [certificate]
    configs: [file]
    networks: {back: {mac_address: 02:42:ac:11:00:02, link_local_ips: [169.254.8.8]}, walled: {}}
  scheduler:
    image: shop:${TAG}
    mac_address: 02:42:ac:11:00:03
    networks: {edge: {ipv4_address: 172.30.0.10, mac_address: 02:42:ac:11:00:03}}
networks: {back: {}, walled: {internal: true}, edge: {external: true, name: shop-shared_edge}}
secrets: {certificate: {file: ./app.conf}}
configs: {file: {file: ./app.conf}}
`,
		"compose.shared.yaml": `
services: {cache: {image: redis, networks: {edge: {ipv4_address: 172.30.0.9}}}}
networks: {edge: {ipam: {config: [{subnet: 172.30.0.0/24}]}}}
`,
	})
	loader := newLoader(t, project.LoaderOptions{Policy: []string{"publish:10.1.2.3"}})
	if _, err := loader.Resolve(t.Context(), app); err != nil {
		t.Error(err)
	}
}

// newLoader reads files, and asks no engine.
func newLoader(t *testing.T, o project.LoaderOptions) *project.Loader {
	t.Helper()
	l, err := project.NewLoader(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
