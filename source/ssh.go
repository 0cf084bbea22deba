package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
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
func (d *sshDialer) start(ctx context.Context, service string) (*sshSession, error) {
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
	t := &sshSession{client: ssh.NewClient(c, chans, reqs), stop: stop, receive: service == transport.ReceivePackServiceName}
	if err := t.begin(service + " " + quote(d.address.path)); err != nil {
		_ = t.Close() // the same
		return nil, err
	}
	return t, nil
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

// talk is one service at work on the server: a transport.UploadPackSession or a
// transport.ReceivePackSession.
type sshSession struct {
	client  *ssh.Client
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  syncedWords
	stop    func() bool
	receive bool
}

func (t *sshSession) begin(command string) (err error) {
	if t.session, err = t.client.NewSession(); err != nil {
		return err
	}
	if t.stdin, err = t.session.StdinPipe(); err != nil {
		return err
	}
	out, err := t.session.StdoutPipe()
	if err != nil {
		return err
	}
	t.stdout = bufio.NewReader(out)
	t.session.Stderr = &t.stderr
	return t.session.Start(command)
}

// AdvertisedReferences is never called; the interface asks for it.
func (t *sshSession) AdvertisedReferences() (*packp.AdvRefs, error) {
	return t.AdvertisedReferencesContext(context.Background())
}

// AdvertisedReferencesContext reads what the service says first.
func (t *sshSession) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	adv := packp.NewAdvRefs()
	err := adv.Decode(t.stdout)
	switch {
	case errors.Is(err, packp.ErrEmptyAdvRefs), err == nil && adv.IsEmpty():
		if !t.receive {
			return nil, transport.ErrEmptyRemoteRepository
		}
	case errors.Is(err, packp.ErrEmptyInput):
		// The service ended at once; what it said about that goes to stderr, which is
		// complete once the session has ended.
		_ = t.session.Wait()
		return nil, t.refused(fmt.Errorf("the server ends the conversation: %s", &t.stderr))
	case err != nil:
		return nil, t.refused(t.with(err))
	}
	return adv, nil
}

// forbidding are words with which servers say that a key may read only.
var forbidding = regexp.MustCompile(`(?i)denied|not allowed|read[- ]only|permission|unauthori[sz]ed|forbidden|protected`)

// refused marks the error of a server that ends the conversation because nobody
// with this key may push. Nothing but its words tells that from a server that is
// being restarted.
func (t *sshSession) refused(err error) error {
	if t.receive && forbidding.MatchString(err.Error()) {
		return kindf(errForbidden, "%v", err)
	}
	return err
}

// UploadPack asks for a pack.
func (t *sshSession) UploadPack(_ context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if err := req.UploadRequest.Encode(t.stdin); err != nil {
		return nil, t.with(err)
	}
	if err := req.UploadHaves.Encode(t.stdin, true); err != nil {
		return nil, t.with(err)
	}
	if _, err := io.WriteString(t.stdin, "0009done\n"); err != nil {
		return nil, t.with(err)
	}
	res := packp.NewUploadPackResponse(req)
	if err := res.Decode(io.NopCloser(t.stdout)); err != nil {
		return nil, t.with(err)
	}
	return res, nil
}

// ReceivePack sends a pack and the command, and reads the report.
func (t *sshSession) ReceivePack(_ context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	if err := req.Encode(t.stdin); err != nil {
		return nil, t.with(err)
	}
	var r io.Reader = t.stdout
	if req.Capabilities.Supports(capability.Sideband64k) {
		d := sideband.NewDemuxer(sideband.Sideband64k, r)
		d.Progress = req.Progress
		r = d
	}
	report := packp.NewReportStatus()
	if err := report.Decode(r); err != nil {
		return nil, t.with(err)
	}
	return report, nil
}

// Close ends the conversation. A service that was asked nothing more is told so
// by the end of its input; its opinion of that is of no interest.
func (t *sshSession) Close() error {
	t.stop()
	_ = t.client.Close()
	return nil
}

// with adds the words of the service, which say more than a broken stream.
func (t *sshSession) with(err error) error {
	if words := t.stderr.String(); words != "" {
		return fmt.Errorf("%w: %s", err, words)
	}
	return err
}

// syncedWords is words that the ssh library writes from a goroutine of its own.
type syncedWords struct {
	mu    sync.Mutex
	words words
}

func (s *syncedWords) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words.most = 4 << 10
	return s.words.Write(p)
}

func (s *syncedWords) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.words.String()
}
