package examples_test

import (
	"os"
	"path/filepath"
	"testing"

	"tandem/examples"
)

func TestCopy_WritesEveryFileOfTheExampleAndOverwritesNone(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "repo")
	if err := examples.Copy(dst, "minimal"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tandem.yaml", "compose.yaml", "compose.shared.yaml", "Dockerfile", ".gitignore", "nginx/shop.conf", "app/main.go"} {
		want, err := os.ReadFile(filepath.Join("minimal", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dst, name))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %v, %d bytes, want %d", name, err, len(got), len(want))
		}
	}
	if err := examples.Copy(dst, "minimal"); err == nil {
		t.Error("copied over files that exist")
	}
}

func TestCopy_OfAnExampleThatDoesNotExistIsAnError(t *testing.T) {
	for _, name := range []string{"nothing", "..", ""} {
		if err := examples.Copy(filepath.Join(t.TempDir(), "x"), name); err == nil {
			t.Errorf("example %q: no error", name)
		}
	}
}
