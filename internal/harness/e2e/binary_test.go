package e2e

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is installed is one file that needs nothing of the machine, and that
// tells which commit it was built from.
func TestBinary_IsStaticAndTellsItsCommit(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "tandem")
	output(t, "make", "-C", "../../..", "build", "BINARY="+binary)

	program, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a %s header, so it is not static", p.Type)
		}
	}
	if err := program.Close(); err != nil {
		t.Fatal(err)
	}
	commit := output(t, "git", "rev-parse", "HEAD")
	if got := output(t, binary, "version"); !strings.Contains(got, commit) {
		t.Errorf("version says\n%s\nwant commit %s in it", got, commit)
	}
}

// output runs a program and returns what it printed, trimmed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}
