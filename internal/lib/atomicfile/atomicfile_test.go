package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestWrite_ReplacesTheFileWholeAndLeavesNothingBeside(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	for _, text := range []string{"a long first version", "second"} {
		if err := Write(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Errorf("%q, %v; want %q", got, err, text)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v; want what was asked for, whatever the umask", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v; want the file alone", entries, err)
	}
}

func TestWrite_ThatFailsLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := Write(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := Interrupt(func(bool, string) error { return syscall.ENOSPC })
	err := Write(path, []byte("new"), 0o600)
	Interrupt(before)
	if got, _ := os.ReadFile(path); !errors.Is(err, syscall.ENOSPC) || string(got) != "old" {
		t.Errorf("%v, and the file holds %q", err, got)
	}
	if err := Write(filepath.Join(path, "below"), nil, 0o600); err == nil {
		t.Error("a directory that is none is no error")
	}
}

func TestRemove_OfWhatIsNotThereIsNoError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := Write(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Remove(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestChange_AsksBeforeAndAfter(t *testing.T) {
	var asked []bool
	before := Interrupt(func(after bool, path string) error {
		asked = append(asked, after)
		return nil
	})
	t.Cleanup(func() { Interrupt(before) })
	failed := errors.New("failed")
	if err := Change("x", func() error { return nil }); err != nil {
		t.Error(err)
	}
	if err := Change("x", func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if want := []bool{false, true, false}; !slices.Equal(asked, want) {
		t.Errorf("asked after: %v, want %v: what failed was not done", asked, want)
	}
}
