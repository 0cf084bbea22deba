package gittest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Main is the branch that HEAD of a new repository names.
const Main = "main"

// Bare is a bare repository on disk, the remote that everybody pushes to.
type Bare struct {
	Path string // absolute
	git  command
}

// NewBare makes an empty bare repository whose HEAD names Main.
func NewBare(t testing.TB) *Bare {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deploy.git")
	g := newCommand(t)
	g.must(t, "", "init", "-q", "--bare", "-b", Main, path)
	g.must(t, path, "config", "http.receivepack", "true")
	return &Bare{Path: path, git: g}
}

// Clone makes a person's checkout. It works for an empty repository too.
func (b *Bare) Clone(t testing.TB) *Clone {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	b.git.must(t, "", "clone", "-q", b.Path, dir)
	c := &Clone{Dir: dir, git: b.git}
	if b.Head(t, Main) == "" {
		c.Git(t, "symbolic-ref", "HEAD", "refs/heads/"+Main)
	}
	return c
}

// Git runs git in the repository and returns what it printed, trimmed.
func (b *Bare) Git(t testing.TB, args ...string) string {
	t.Helper()
	return b.git.must(t, b.Path, args...)
}

// Head returns the commit of a branch, "" when the branch does not exist.
func (b *Bare) Head(t testing.TB, branch string) string {
	t.Helper()
	out, err := b.git.run(b.Path, "rev-parse", "--verify", "-q", "refs/heads/"+branch)
	if err != nil {
		return ""
	}
	return out
}

// Log returns the subjects of a branch, newest first; none when the branch does
// not exist.
func (b *Bare) Log(t testing.TB, branch string) []string {
	t.Helper()
	if b.Head(t, branch) == "" {
		return nil
	}
	return strings.Split(b.Git(t, "log", "--format=%s", "refs/heads/"+branch), "\n")
}

// Show returns the content of a file as of a branch; ok is false when there is
// no such file or branch.
func (b *Bare) Show(t testing.TB, branch, path string) (content string, ok bool) {
	t.Helper()
	cmd := b.git.cmd(b.Path, "show", "refs/heads/"+branch+":"+path)
	out, err := cmd.Output()
	return string(out), err == nil
}

// Hook installs a server hook, such as "pre-receive", with a shell script.
func (b *Bare) Hook(t testing.TB, name, script string) {
	t.Helper()
	path := filepath.Join(b.Path, "hooks", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// DeleteBranch deletes a branch on the server side.
func (b *Bare) DeleteBranch(t testing.TB, branch string) {
	t.Helper()
	b.Git(t, "update-ref", "-d", "refs/heads/"+branch)
}

// noUpkeep backups two processes for each commit and push, which would look whether the
// repository is worth tidying up.
const noUpkeep = "[maintenance]\n\tauto = false\n[receive]\n\tautogc = false\n"

// command runs git the same way wherever it is called: with the PATH that was
// in force when it was made, with no configuration of this machine, and with a
// fixed identity.
type command struct {
	path string
	env  []string
}

func newCommand(t testing.TB) command {
	t.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		t.Fatal("these tests need the git program: install git")
	}
	home := t.TempDir()
	config := filepath.Join(home, "config")
	if err := os.WriteFile(config, []byte(noUpkeep), 0o644); err != nil {
		t.Fatal(err)
	}
	return command{path: path, env: []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"GIT_CONFIG_GLOBAL=" + config,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada",
		"GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada",
		"GIT_COMMITTER_EMAIL=ada@example.com",
		"LC_ALL=C",
	}}
}

func (g command) cmd(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(g.path, args...)
	cmd.Dir, cmd.Env = dir, g.env
	return cmd
}

func (g command) run(dir string, args ...string) (string, error) {
	out, err := g.cmd(dir, args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (g command) must(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := g.run(dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}
