package reconciler

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tandem/internal/lib/rootfile"
	"tandem/reconciler/deploy"
)

// TestAppAt_ReadsNothingButTheReleasesOwnFile: a container may have had the release's
// copy, and put something else into the file's place.
func TestAppAt_ReadsNothingButTheReleasesOwnFile(t *testing.T) {
	outside := t.TempDir()
	good := "app: shop\ntag: \"1\"\n" + "routes:\n  api: {ports: {blue: 3001, green: 3002}, health: /health}\n"
	if err := os.WriteFile(filepath.Join(outside, "tandem.yaml"), []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		put  func(path string) error
		want error
	}{
		"the file": {func(p string) error { return os.WriteFile(p, []byte(good), 0o644) }, nil},
		"a link within": {func(p string) error {
			return errors.Join(os.WriteFile(p+".real", []byte(good), 0o644), os.Symlink("tandem.yaml.real", p))
		}, nil},
		"a link out":       {func(p string) error { return os.Symlink(filepath.Join(outside, "tandem.yaml"), p) }, rootfile.ErrOutside},
		"a pipe":           {func(p string) error { return syscall.Mkfifo(p, 0o666) }, rootfile.ErrNotRegular},
		"a device":         {func(p string) error { return syscall.Mknod(p, syscall.S_IFCHR|0o666, 1<<8|5) }, rootfile.ErrNotRegular},
		"a directory":      {func(p string) error { return os.Mkdir(p, 0o755) }, rootfile.ErrNotRegular},
		"a link to itself": {func(p string) error { return os.Symlink("tandem.yaml", p) }, syscall.ELOOP},
		"eight terabytes":  {func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o644), os.Truncate(p, 8<<40)) }, rootfile.ErrTooLarge},
		"nothing":          {func(string) error { return nil }, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if err := c.put(filepath.Join(root, "tandem.yaml")); err != nil {
				t.Fatal(err)
			}
			r := &Runner{apps: map[string]deploy.App{}, file: "tandem.yaml"}
			r.options.Name = "shop"
			app, err := r.appAt(root, deploy.Release{Tag: "1"}, "c0ffee", nil)
			if !errors.Is(err, c.want) || c.want == nil && app.Tag != "1" {
				t.Errorf("%+v, %v; want %v", app, err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), root) {
				t.Errorf("%v does not say where", err)
			}
		})
	}
}
