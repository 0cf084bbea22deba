package source

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"tandem/internal/harness/gittest"
)

func TestSSH_TrustsOnlyThePinnedKey(t *testing.T) {
	bare := gittest.NewBare(t)
	server := gittest.ServeSSH(t, bare)
	dir := t.TempDir()
	other := gittest.NewKey(t, filepath.Join(dir, "other"))
	address := strings.Split(strings.Split(server.URL, "@")[1], "/")[0]
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wrong := file("wrong", knownhosts.Line([]string{address}, other)+"\n")
	elsewhere := file("elsewhere", knownhosts.Line([]string{"git.example.com"}, other)+"\n")
	for name, c := range map[string]struct{ key, known, want string }{
		"another key is pinned":  {server.KeyFile, wrong, "is not the one that " + wrong + " pins"},
		"no key of this server":  {server.KeyFile, elsewhere, elsewhere + " has no key of"},
		"an empty file":          {server.KeyFile, file("empty", ""), "has no key of"},
		"no file":                {server.KeyFile, filepath.Join(dir, "none"), "no such file"},
		"not a known_hosts file": {server.KeyFile, file("junk", "junk\n"), "auth.known_hosts"},
		"a key without access":   {filepath.Join(dir, "other"), server.KnownHosts, "does not let user"},
		"no key":                 {filepath.Join(dir, "none"), server.KnownHosts, "auth.ssh_key"},
		"not a key":              {wrong, server.KnownHosts, "is not a private key"},
		"a locked key":           {lockedKey(t, filepath.Join(dir, "locked")), server.KnownHosts, "has a passphrase"},
	} {
		r := open(t, Options{URL: server.URL, CacheDir: t.TempDir(), Auth: Auth{SSHKey: c.key, KnownHosts: c.known}})
		_, err := r.Poll(within(t))
		if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, auth := range []Auth{{}, {SSHKey: server.KeyFile}, {KnownHosts: server.KnownHosts}} {
		if _, err := New(Options{URL: server.URL, CacheDir: t.TempDir(), Auth: auth}); err == nil {
			t.Errorf("%+v is taken for ssh", auth)
		}
	}
}

func TestSSH_RepeatsTheServersWords(t *testing.T) {
	server := gittest.ServeSSH(t, gittest.NewBare(t))
	r := open(t, Options{URL: server.URL + "-gone", CacheDir: t.TempDir(), Auth: Auth{SSHKey: server.KeyFile, KnownHosts: server.KnownHosts}})
	if _, err := r.Poll(within(t)); err == nil || !strings.Contains(err.Error(), "does not appear to be a git repository") {
		t.Errorf("got %v", err)
	}
}

func TestSSH_EndsWithTheContextWhenTheServerSaysNothing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hung := make(chan net.Conn, 1)
	go func() {
		if conn, err := silent.Accept(); err == nil {
			hung <- conn
		}
	}()
	dir := t.TempDir()
	host := gittest.NewKey(t, filepath.Join(dir, "key"))
	known := filepath.Join(dir, "known")
	line := knownhosts.Line([]string{silent.Addr().String()}, host) + "\n"
	if err := os.WriteFile(known, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &networkRemote{
		dialer: &sshDialer{
			address: address{scheme: schemeSSH, user: "git", host: silent.Addr().String(), path: "/x"},
			auth:    Auth{SSHKey: filepath.Join(dir, "key"), KnownHosts: known},
		},
		cache: newCached(dir), log: slog.New(slog.DiscardHandler),
	}
	// Not through Repo, which would return in any case: the connection must be closed
	// too, or each poll would leave one behind.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.head(ctx, "main"); err == nil {
		t.Error("a server that says nothing has a branch")
	}
	conn := <-hung
	if err := errors.Join(conn.Close(), silent.Close()); err != nil {
		t.Error(err)
	}
}

// lockedKey writes a private key with a passphrase.
func lockedKey(t *testing.T, path string) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
