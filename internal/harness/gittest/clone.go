package gittest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Clone is a person's checkout of a Bare.
type Clone struct {
	Dir string
	git command
}

// Git runs git in the checkout and returns what it printed, trimmed.
func (c *Clone) Git(t testing.TB, args ...string) string {
	t.Helper()
	return c.git.must(t, c.Dir, args...)
}

// Write puts files (slash-separated path -> content) into the checkout without
// committing them.
func (c *Clone) Write(t testing.TB, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(c.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Commit writes the files, commits everything in the checkout and returns the
// hash. Nothing is pushed.
func (c *Clone) Commit(t testing.TB, message string, files map[string]string) string {
	t.Helper()
	c.Write(t, files)
	c.Git(t, "add", "-A")
	c.Git(t, "commit", "-q", "--allow-empty", "-m", message)
	return c.Head(t)
}

// Push pushes HEAD to the branch of the same name, never with force.
func (c *Clone) Push(t testing.TB) {
	t.Helper()
	c.Git(t, "push", "-q", "origin", "HEAD")
}

// ForcePush pushes HEAD over whatever the branch of the same name holds.
func (c *Clone) ForcePush(t testing.TB) {
	t.Helper()
	c.Git(t, "push", "-q", "--force", "origin", "HEAD")
}

// TryPush is Push for somebody who may have been too slow: the error holds
// git's words.
func (c *Clone) TryPush() error {
	if out, err := c.git.run(c.Dir, "push", "-q", "origin", "HEAD"); err != nil {
		return fmt.Errorf("git push: %w: %s", err, out)
	}
	return nil
}

// Pull rebases the checkout onto what the remote has by now.
func (c *Clone) Pull(t testing.TB) {
	t.Helper()
	c.Git(t, "pull", "-q", "--rebase", "origin", Main)
}

// Revert commits the opposite of HEAD and returns the new hash.
func (c *Clone) Revert(t testing.TB) string {
	t.Helper()
	c.Git(t, "revert", "--no-edit", "HEAD")
	return c.Head(t)
}

// Head returns the checked-out commit.
func (c *Clone) Head(t testing.TB) string {
	t.Helper()
	return c.Git(t, "rev-parse", "HEAD")
}
