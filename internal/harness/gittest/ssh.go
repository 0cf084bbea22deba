package gittest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSHServer serves one Bare with OpenSSH's sshd on a loopback port.
type SSHServer struct {
	URL        string // ssh://user@127.0.0.1:port/path
	KeyFile    string // the private key that is let in
	KnownHosts string // a file that pins the server's host key

	authorized string // the file that names the keys
	login      ssh.PublicKey
}

// ServeSSH serves the repository until the test ends.
func ServeSSH(t testing.TB, b *Bare) *SSHServer {
	t.Helper()
	sshd, err := lookSSHD()
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		// sshd refuses to start as root without its directory for privilege separation.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	host := NewKey(t, filepath.Join(dir, "host"))
	login := NewKey(t, filepath.Join(dir, "login"))
	write(t, filepath.Join(dir, "authorized_keys"), string(ssh.MarshalAuthorizedKey(login)))

	port := startSSHD(t, sshd, dir)
	address := net.JoinHostPort("127.0.0.1", port)
	known := filepath.Join(dir, "known_hosts")
	write(t, known, knownhosts.Line([]string{knownhosts.Normalize(address)}, host)+"\n")
	return &SSHServer{
		URL:        fmt.Sprintf("ssh://%s@%s%s", me.Username, address, b.Path),
		KeyFile:    filepath.Join(dir, "login"),
		KnownHosts: known,
		authorized: filepath.Join(dir, "authorized_keys"), login: login,
	}
}

// ForbidPush ends every later push at once, with these words on stderr, as
// servers do for a key that may only read.
func (s *SSHServer) ForbidPush(t testing.TB, words string) {
	t.Helper()
	script := `case $SSH_ORIGINAL_COMMAND in git-receive-pack*) echo '` + words + `' >&2; exit 1;; esac; eval $SSH_ORIGINAL_COMMAND`
	write(t, s.authorized, `command="`+script+`" `+string(ssh.MarshalAuthorizedKey(s.login)))
}

// NewKey writes a new private key to path and returns its public half.
func NewKey(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func lookSSHD() (string, error) {
	for _, name := range []string{"sshd", "/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path) // sshd re-executes itself, and asks for an absolute path
		}
	}
	return "", fmt.Errorf("these tests need OpenSSH's sshd: install openssh-server")
}

// startSSHD returns the port. Between choosing a free port and sshd listening on
// it somebody else may take it, so it tries a few.
func startSSHD(t testing.TB, sshd, dir string) string {
	t.Helper()
	var words bytes.Buffer
	for range 5 {
		port := freePort(t)
		config := filepath.Join(dir, "sshd_config")
		write(t, config, strings.Join([]string{
			"ListenAddress 127.0.0.1:" + port,
			"HostKey " + filepath.Join(dir, "host"),
			"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
			// The shell would do what this user's start-up files say, for each git command.
			"SetEnv HOME=" + dir,
			"PidFile none",
			"StrictModes no", // the test's directory is below a world-writable one
			"UsePAM no",
			"PasswordAuthentication no",
			"PermitRootLogin prohibit-password",
			"MaxStartups 500", // racing pushes are not an attack
		}, "\n")+"\n")
		cmd := exec.Command(sshd, "-D", "-e", "-f", config)
		words.Reset()
		cmd.Stderr = &words
		if err := cmd.Start(); err != nil {
			t.Fatalf("start sshd: %v", err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			// It ends with the signal of the cleanup, or its words say why not.
			_ = cmd.Wait()
		}()
		if listening(port, ended) {
			t.Cleanup(func() {
				// It may have ended by itself; that is what is wanted.
				_ = cmd.Process.Signal(syscall.SIGTERM)
				<-ended
			})
			return port
		}
		_ = cmd.Process.Kill() // the same
		<-ended
	}
	t.Fatalf("sshd does not start: %s", words.String())
	return ""
}

func listening(port string, ended <-chan struct{}) bool {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for range 1000 {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			return conn.Close() == nil
		}
		select {
		case <-ended:
			return false
		case <-again.C:
		}
	}
	return false
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it is only asked for its number
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
