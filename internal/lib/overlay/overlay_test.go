package overlay

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var key = []byte("0123456789abcdef0123456789abcdef")

func write(t *testing.T, full, text string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, []byte(text), mode), os.Chmod(full, mode)); err != nil {
		t.Fatal(err)
	}
}

// dir is a directory with two files.
func dir(t *testing.T) Dir {
	t.Helper()
	d := Dir{Path: filepath.Join(t.TempDir(), "shop"), Key: key}
	write(t, filepath.Join(d.Path, ".env"), "A=secret-a\n", 0o600)
	write(t, filepath.Join(d.Path, "keys/pem"), "secret-b\n", 0o400)
	return d
}

func version(t *testing.T, d Dir) string {
	t.Helper()
	v, err := d.Version(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVersion_IsAnotherOneWhenAnythingChanges(t *testing.T) {
	d := dir(t)
	first := version(t, d)
	if len(first) != 16 || version(t, d) != first {
		t.Fatalf("the version is %q, and then %q", first, version(t, d))
	}
	if version(t, Dir{Path: d.Path, Key: []byte("another")}) == first {
		t.Error("it does not depend on the key")
	}
}

func TestVersion_LeavesOutWhatEditorsLeave(t *testing.T) {
	d := dir(t)
	first := version(t, d)
	for _, name := range []string{"..env.swp", ".env~", "#.env#"} {
		write(t, filepath.Join(d.Path, name), "x", 0o644)
	}
	if version(t, d) != first {
		t.Error("what an editor left counts")
	}
	write(t, filepath.Join(d.Path, ".env"), "A=another\n", 0o600)
	if version(t, d) == first {
		t.Error("a changed file does not count")
	}
}

func TestVersion_OfNothingIsNone(t *testing.T) {
	if v := version(t, Dir{Path: filepath.Join(t.TempDir(), "none"), Key: key}); v != "" {
		t.Errorf("got %q", v)
	}
}

func TestVersion_RefusesWhatOthersMayUse(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "x", 0o600)
	for name, c := range map[string]struct {
		make func(d Dir)
		want string
	}{
		"a file that others may read": {func(d Dir) { write(t, filepath.Join(d.Path, ".env"), "A=1", 0o640) }, "run chmod 600 "},
		"a directory that others may read": {func(d Dir) {
			if err := os.Chmod(filepath.Join(d.Path, "keys"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "run chmod 700 "},
		"a file of somebody else": {func(d Dir) {
			if err := os.Chown(filepath.Join(d.Path, ".env"), 12345, -1); err != nil {
				t.Fatal(err)
			}
		}, "belongs to another user (uid 12345)"},
		"a link that leads out": {func(d Dir) {
			if err := os.Symlink(outside, filepath.Join(d.Path, "link")); err != nil {
				t.Fatal(err)
			}
		}, "link leads out of the directory"},
		"a large file": {func(d Dir) { write(t, filepath.Join(d.Path, "large"), strings.Repeat("x", MaxFile+1), 0o600) }, "large is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			d := dir(t)
			c.make(d)
			_, err := d.Version(t.Context())
			var trouble Trouble
			if !errors.As(err, &trouble) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestLay_KeepsEncryptedWhatACopyWasMadeWith(t *testing.T) {
	d := dir(t)
	v := version(t, d)
	root := filepath.Join(t.TempDir(), "abc"+Suffix(v))
	write(t, root+ManifestSuffix, `{"version": "0000000000000000", "files": {"forged": "x"}}`, 0o644)
	if _, ok := Manifest(root); ok {
		t.Fatal("a manifest of another version is believed")
	}
	if err := d.Lay(t.Context(), v, root); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(d.Path, ".env"), "A=another\n", 0o600)
	if err := d.Lay(t.Context(), v, root); err != nil {
		t.Fatalf("once more: %v", err)
	}
	files, ok := Manifest(root)
	if !ok || len(files) != 2 || files[".env"] == "" || files["keys/pem"] == "" {
		t.Errorf("the manifest is %v", files)
	}
	if data, err := Read(root, ".env", key); err != nil || string(data) != "A=secret-a\n" {
		t.Errorf("read %q, %v", data, err)
	}
	if _, err := Read(root, ".env", []byte("another")); err == nil {
		t.Error("read with another key")
	}
	data, err := os.ReadFile(root + ManifestSuffix)
	if err != nil || strings.Contains(string(data), "secret") {
		t.Errorf("the manifest shows a value: %v", err)
	}
	if err := d.Lay(t.Context(), v, filepath.Join(t.TempDir(), "def"+Suffix(v))); !errors.Is(err, ErrChanged) {
		t.Errorf("what changed meanwhile is laid as if it had not: %v", err)
	}
}

func TestNames_OfCopies(t *testing.T) {
	for name, want := range map[string]string{"abc": "", "abc-host-0123456789abcdef": "0123456789abcdef", "abc-host-0123456789abcdef-anew": "0123456789abcdef", "abc-anew": ""} {
		if got := VersionOf("/x/" + name); got != want || want != "" && Base(name) != "abc" {
			t.Errorf("%s: version %q, base %q", name, got, Base(name))
		}
	}
}

func TestKey_IsMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "key")
	first, err := Key(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Key(file)
	info, statErr := os.Stat(file)
	if err != nil || statErr != nil || string(again) != string(first) || len(first) != keyLength || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v %v", err, statErr, info)
	}
}
