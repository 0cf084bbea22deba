package verify

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bed is a person's repository, with the real git, ssh-keygen and gpg.
type bed struct {
	t    *testing.T
	dir  string
	home string // of gpg: its sockets want a short path
}

func newBed(t *testing.T) *bed {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, dir: t.TempDir(), home: home}
	t.Cleanup(func() {
		b.run("", "gpgconf", "--kill", "all") // gpg leaves an agent behind
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	b.git("init", "-q", "-b", "main")
	b.git("config", "user.name", "Ada")
	b.git("config", "user.email", "ada@example.com")
	return b
}

func (b *bed) try(input, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = b.dir
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "GNUPGHOME="+b.home, "HOME="+b.dir, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), errors.Join(err, errors.New(said.String()))
	}
	return out.String(), nil
}

func (b *bed) run(input, name string, args ...string) string {
	b.t.Helper()
	out, err := b.try(input, name, args...)
	if err != nil {
		b.t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

func (b *bed) git(args ...string) string {
	b.t.Helper()
	return strings.TrimSpace(b.run("", "git", args...))
}

// sshKey makes a key and returns its private file, beside which its .pub lies.
func (b *bed) sshKey(name string, options ...string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, ".git", name)
	b.run("", "ssh-keygen", append([]string{"-q", "-N", "", "-C", name, "-f", path}, options...)...)
	return path
}

// public is the key as it stands in an allowed signers file.
func (b *bed) public(key string) string {
	b.t.Helper()
	data, err := os.ReadFile(key + ".pub")
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// file writes a file that only its owner may write.
func (b *bed) file(name, content string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, ".git", name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// raw is the content of a commit object.
func (b *bed) raw(commit string) []byte {
	b.t.Helper()
	return []byte(b.run("", "git", "cat-file", "commit", commit))
}

// commit makes an unsigned commit.
func (b *bed) commit(args ...string) string {
	b.t.Helper()
	b.git(append([]string{"commit", "-q", "--allow-empty", "-m", "Deploy"}, args...)...)
	return b.git("rev-parse", "HEAD")
}

// withSSH makes git sign with the key.
func (b *bed) withSSH(key string) {
	b.t.Helper()
	b.git("config", "gpg.format", "ssh")
	b.git("config", "user.signingkey", key)
}

// withPGP makes git sign with the key, by a gpg that is called with options.
func (b *bed) withPGP(key string, options ...string) {
	b.t.Helper()
	program := filepath.Join(b.dir, ".git", "gpg")
	script := "#!/bin/sh\nexec gpg " + strings.Join(options, " ") + " \"$@\"\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		b.t.Fatal(err)
	}
	b.git("config", "gpg.format", "openpgp")
	b.git("config", "gpg.program", program)
	b.git("config", "user.signingkey", key)
}

// pgpKey makes a key and returns its fingerprint.
func (b *bed) pgpKey(name, kind, expires string, options ...string) string {
	b.t.Helper()
	args := append([]string{"--batch", "--quiet", "--passphrase", ""}, options...)
	b.run("", "gpg", append(args, "--quick-gen-key", name+" <"+strings.ToLower(name)+"@example.com>", kind, "sign", expires)...)
	for line := range strings.Lines(b.run("", "gpg", "--batch", "--with-colons", "--list-keys", "="+name+" <"+strings.ToLower(name)+"@example.com>")) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			return fields[9]
		}
	}
	b.t.Fatal("gpg made no key")
	return ""
}

// exported writes the public keys as gpg exports them.
func (b *bed) exported(name string, args ...string) string {
	b.t.Helper()
	return b.file(name, b.run("", "gpg", append([]string{"--batch", "--export"}, args...)...))
}

// read reads the keys, which must be good.
func read(t *testing.T, f Files) *Keys {
	t.Helper()
	k, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// why is the word for the verdict; empty: it is good.
func why(t *testing.T, k *Keys, raw []byte) Why {
	t.Helper()
	by, err := k.Verify(raw, time.Now())
	var refused *Refusal
	switch {
	case err == nil && by == "":
		t.Error("good, but by nobody")
	case err == nil:
		t.Log("good: by", by)
		return ""
	case !errors.As(err, &refused):
		t.Fatalf("the error is no refusal: %v", err)
	}
	t.Log("refused:", refused.Text)
	return refused.Why
}
