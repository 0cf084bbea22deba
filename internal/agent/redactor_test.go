package agent

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tandem/internal/config"
)

// TestAppsIn_ReadsNothingButTheReleasesOwnFiles has a release's copy in which a container
// put something else into the file's place.
func TestAppsIn_ReadsNothingButTheReleasesOwnFiles(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "tandem.yaml")
	place(t, outside, defaultApp, 0o644)
	for name, c := range map[string]struct {
		put  func(path string) error
		want int // apps
	}{
		"the file": {func(p string) error { return os.WriteFile(p, []byte(defaultApp), 0o644) }, 1},
		"a link within": {func(p string) error {
			return errors.Join(os.WriteFile(p+".real", []byte(defaultApp), 0o644), os.Symlink("tandem.yaml.real", p))
		}, 1},
		"a link out":      {func(p string) error { return os.Symlink(outside, p) }, 0},
		"a pipe":          {func(p string) error { return syscall.Mkfifo(p, 0o666) }, 0},
		"a device":        {func(p string) error { return syscall.Mknod(p, syscall.S_IFCHR|0o666, 1<<8|5) }, 0},
		"a directory":     {func(p string) error { return os.Mkdir(p, 0o755) }, 0},
		"eight terabytes": {func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o644), os.Truncate(p, 8<<40)) }, 0},
		"nothing":         {func(string) error { return nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "shop", "c0ffee")
			place(t, filepath.Join(root, "compose.yaml"), "", 0o644)
			if err := c.put(filepath.Join(root, "tandem.yaml")); err != nil {
				t.Fatal(err)
			}
			a := &Agent{cfg: config.Default()}
			apps := a.appsIn(t.Context(), root)
			if len(apps) != c.want {
				t.Fatalf("got %+v, want %d", apps, c.want)
			}
			if c.want == 1 && (apps[0].Name != "shop" || apps[0].Root != root) {
				t.Errorf("got %s of %s", apps[0].Name, apps[0].Root)
			}
		})
	}
	a := &Agent{cfg: config.Default()}
	if apps := a.appsIn(t.Context(), filepath.Join(t.TempDir(), "gone")); len(apps) > 0 {
		t.Errorf("got %+v of no directory", apps)
	}
}
