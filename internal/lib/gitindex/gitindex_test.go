package gitindex_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tandem/internal/lib/gitindex"
)

func write(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Eve", "-c", "user.email=eve@example.com"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestTree_HasWhatIsCommittedOrStagedAndNothingElse(t *testing.T) {
	top := t.TempDir()
	git(t, top, "init", "-q", "-b", "main")
	for _, name := range []string{"README", "shop/compose.yaml", "shop/conf/app.conf", "shop/.env", "blog/compose.yaml"} {
		write(t, filepath.Join(top, name))
	}
	git(t, top, "add", "README", "shop/compose.yaml", "blog")
	git(t, top, "commit", "-qm", "first")
	git(t, top, "add", "shop/conf")
	linked := filepath.Join(t.TempDir(), "linked")
	git(t, top, "worktree", "add", "-q", linked, "HEAD")

	shop, err := gitindex.Open(filepath.Join(top, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"compose.yaml": true, "./conf": true, "conf/app.conf": true, ".": true, ".env": false, "conf/other": false, "README": false,
	} {
		if got := shop.Has(name); got != want {
			t.Errorf("git has %s of shop: %v, want %v", name, got, want)
		}
	}
	other, err := gitindex.Open(linked)
	if err != nil {
		t.Fatal(err)
	}
	if !other.Has("shop/compose.yaml") || other.Has("shop/conf") {
		t.Errorf("a worktree that was added has %v, want its own index", other.Files)
	}
}

func TestOpen_OutsideAWorkTreeThereIsNone(t *testing.T) {
	if tree, err := gitindex.Open(t.TempDir()); tree != nil || err != nil {
		t.Errorf("Open = %v, %v, want nothing", tree, err)
	}
}
