package source

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	"golang.org/x/crypto/ssh"
)

// sshDialer runs git-upload-pack and git-receive-pack on a server. It dials by
// itself, because go-git's ssh transport neither ends a handshake with the
// context nor leaves the user's ssh_config alone.
type sshDialer struct {
	address address
	auth    Auth
}

func (d *sshDialer) fetch(ctx context.Context) (transport.UploadPackSession, error) {
	t, err := d.start(ctx, transport.UploadPackServiceName)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (d *sshDialer) push(ctx context.Context) (transport.ReceivePackSession, error) {
	t, err := d.start(ctx, transport.ReceivePackServiceName)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// start connects, proves who both sides are, and starts the service.
func (d *sshDialer) start(ctx context.Context, service string) (*packSession, error) {
	config, err := d.config()
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.address.host)
	if err != nil {
		return nil, err
	}
	// Closing the connection is the only way to end a read that waits for a server
	// that says nothing.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, chans, reqs, err := ssh.NewClientConn(conn, d.address.host, config)
	if err != nil {
		stop()
		_ = conn.Close() // the handshake's error says more
		return nil, d.explain(err)
	}
	client := ssh.NewClient(c, chans, reqs)
	s := &packSession{receive: service == transport.ReceivePackServiceName, close: func() {
		stop()
		_ = client.Close() // what the service thinks of the end of its input is of no interest
	}}
	if err := s.runOn(client, service+" "+quote(d.address.path)); err != nil {
		_ = s.Close() // the same
		return nil, err
	}
	return s, nil
}

// runOn starts the service on the server.
func (s *packSession) runOn(client *ssh.Client, command string) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	if s.stdin, err = session.StdinPipe(); err != nil {
		return err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	s.stdout = bufio.NewReader(out)
	session.Stderr = &s.stderr
	s.wait = session.Wait
	return session.Start(command)
}

// config reads the key and the pinned host keys anew.
func (d *sshDialer) config() (*ssh.ClientConfig, error) {
	data, err := os.ReadFile(d.auth.SSHKey)
	if err != nil {
		return nil, kindf(ErrCredentials, "auth.ssh_key: %v", err)
	}
	signer, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		return nil, kindf(ErrCredentials, "auth.ssh_key: %s has a passphrase, and nobody is there to type it: use a key without one", d.auth.SSHKey)
	}
	if err != nil {
		return nil, kindf(ErrCredentials, "auth.ssh_key: %s is not a private key: %v", d.auth.SSHKey, err)
	}
	callback, algorithms, err := pinned(d.auth.KnownHosts, d.address.host)
	if err != nil {
		return nil, err
	}
	return &ssh.ClientConfig{
		User:              d.address.user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   callback,
		HostKeyAlgorithms: algorithms,
	}, nil
}

func (d *sshDialer) explain(err error) error {
	if strings.Contains(err.Error(), "unable to authenticate") {
		return kindf(ErrCredentials, "the server does not let user %q in with the key %s: add its public half there", d.address.user, d.auth.SSHKey)
	}
	return err
}

// quote makes one argument of a path for the shell on the other side.
func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
