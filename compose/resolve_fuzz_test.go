package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"tandem/compose"
	"tandem/reconciler"
)

// FuzzResolve gives any text for a Compose file: it is a release or it has faults,
// and nothing else comes of it.
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
		f.Add(archive.Files[0].Data, "A=1\nB=${A}\n")
	}
	f.Add([]byte("services: {api: {image: 'a:1', extends: {file: 5}, ports: ['${API_PORT}:3000']}}\n"), "")
	client, err := compose.New(compose.Options{ConfigDir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := client.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, text []byte, dotenv string) {
		app := shop(t)
		put(t, app, map[string]string{"compose.yaml": string(text), ".env": dotenv})
		release, err := client.Resolve(t.Context(), app)
		faults, refused := reconciler.AsFaults(err)
		switch {
		case err == nil && release.Hash == "":
			t.Error("resolved to nothing")
		case err != nil && !refused:
			t.Errorf("%v, want faults", err)
		case strings.Contains(faults.Error(), os.TempDir()):
			t.Errorf("a directory of this host is told: %v", faults)
		}
	})
}
