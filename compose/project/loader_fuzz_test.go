package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"tandem/compose/project"
	"tandem/internal/harness/testbed/fuzzline"
	"tandem/reconciler/deploy"
)

// What FuzzResolve makes of the second file, and of the service w0.
const (
	fuzzShared = 1 << iota
	fuzzOverride
	fuzzSingleton
	fuzzMigration
)

// FuzzResolve gives any text for a Compose file, for the variables beside it, and for
// a file that is shared, overrides it or is there to be included: it is a release or
// it has faults, and nothing else comes of it. Each is resolved twice at least, once a
// color.
func FuzzResolve(f *testing.F) {
	cases, err := filepath.Glob("testdata/refused/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data, "A=1\nB=${A}\n", []byte{}, byte(0))
	}
	f.Add([]byte("services: {api: {image: 'a:1', extends: {file: 5}, ports: ['${API_PORT}:3000']}}\n"), "", []byte{}, byte(0))
	for i, text := range greedySeeds() {
		f.Add([]byte(text), "R=1-400\nN=90\n", []byte("services: {b: {image: 'a:1', scale: 50, expose: ['1-400']}}\n"), byte(i))
	}
	loader, err := project.NewLoader(project.LoaderOptions{})
	if err != nil {
		f.Fatal(err)
	}
	line := fuzzline.Line{Base: 384 << 20, PerKiB: 32 << 20}
	f.Fuzz(func(t *testing.T, text []byte, dotenv string, other []byte, options byte) {
		app := shop(t)
		name := "other.yaml"
		if options&fuzzShared != 0 {
			app.Shared = name
		} else if options&fuzzOverride != 0 {
			name = "compose.override.yaml"
		}
		if options&fuzzSingleton != 0 {
			app.Singletons = []string{"w0"}
		}
		if options&fuzzMigration != 0 {
			app.Migrations.Expand = "w0"
		}
		put(t, app, map[string]string{"compose.yaml": string(text), ".env": dotenv, name: string(other)})
		line.Hold(t, len(text)+len(dotenv)+len(other), func() {
			release, err := loader.Resolve(t.Context(), app)
			faults, refused := deploy.AsFaults(err)
			switch {
			case err == nil && release.Hash == "":
				t.Error("resolved to nothing")
			case err != nil && !refused:
				t.Errorf("%v, want faults", err)
			case strings.Contains(faults.Error(), os.TempDir()):
				t.Errorf("a directory of this host is told: %v", faults)
			}
		})
	})
}

// greedySeeds are small files that become as much as is allowed, or a little more.
func greedySeeds() []string {
	return []string{
		api + "  w0: {image: 'a:1', deploy: {replicas: 90}}\n",
		api + "  w0: {image: 'a:1', scale: '${N}', expose: ['${R}']}\n",
		api + "  w0: {image: 'a:1', ports: ['${R}:${R}']}\n",
		"x-a: &a [a,a,a,a,a,a,a,a,a,a]\nx-b: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nx-c: &c [*b,*b,*b,*b,*b]\n" + api + "  w0: {image: 'a:1', command: *c}\n",
		api + "  w0: {image: 'a:1', ports: ['1-200:1-200'], expose: ['1-200']}\n  w1: {extends: w0}\n",
		"include: [other.yaml, other.yaml]\n" + api,
		api + "  w0: {extends: {file: other.yaml, service: b}}\n  w1: {extends: {file: other.yaml, service: b}}\n",
		"x-w: &w {image: 'a:1', labels: {a: b}, env_file: [.env, .env], tmpfs: [/a, /b]}\n" + api + "  w0: *w\n  w1: {<<: *w, depends_on: [w0, api]}\n  w2: {<<: *w, depends_on: [w1, w0, api]}\n",
		api + "  w0: {image: 'a:1', command: '${A:-${B:-${C:-${D:-${E:-x}}}}}', networks: {n: {aliases: [a, b, c]}}}\nnetworks: {n: {}}\n",
	}
}
