package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"tandem/internal/harness/testbed"
)

// gitServer is a bare repository behind git's own http-backend. It counts what goes
// over its connections.
type gitServer struct {
	dir      string // of the repository
	url      string
	server   *http.Server
	reserved *testbed.Ports

	sent, received atomic.Int64 // bytes, as the server sees it, headers included
	looks          atomic.Int64 // questions for where the branches are, before a fetch or alone
}

// serveGit makes an empty repository whose branch is main, and serves it.
func serveGit(ctx context.Context, dir string) (_ *gitServer, err error) {
	g := &gitServer{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("serve %s: %w", dir, err), g.Close())
		}
	}()
	if _, err := git(ctx, nil, "init", "--quiet", "--bare", "--initial-branch=main", dir); err != nil {
		return nil, err
	}
	if _, err := git(ctx, nil, "-C", dir, "config", "http.receivepack", "true"); err != nil {
		return nil, err
	}
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, err
	}
	if g.reserved, err = testbed.ReservePorts(1); err != nil {
		return nil, err
	}
	backend := &cgi.Handler{Path: program, Args: []string{"http-backend"}, Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null"}}
	g.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/info/refs") && r.URL.Query().Get("service") == "git-upload-pack" {
			g.looks.Add(1)
		}
		backend.ServeHTTP(w, r)
	})}
	address := fmt.Sprintf("127.0.0.1:%d", g.reserved.Numbers[0])
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	g.url = "http://" + address + "/" + filepath.Base(dir)
	go func() { _ = g.server.Serve(countingListener{l, g}) }() // it ends with Close
	return g, nil
}

// Close ends the server; the directory is its owner's.
func (g *gitServer) Close() error {
	var errs []error
	if g.server != nil {
		errs = append(errs, g.server.Close())
	}
	if g.reserved != nil {
		errs = append(errs, g.reserved.Close())
	}
	return errors.Join(errs...)
}

// traffic is what went over the connections so far, both ways, in bytes.
func (g *gitServer) traffic() float64 { return float64(g.sent.Load() + g.received.Load()) }

// commit puts files on the branch main, in one commit on top of what is there.
func (g *gitServer) commit(ctx context.Context, message string, files map[string]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "commit refs/heads/main\ncommitter Ada <ada@example.com> now\ndata %d\n%s\n", len(message), message)
	if _, err := git(ctx, nil, "-C", g.dir, "rev-parse", "--verify", "--quiet", "refs/heads/main"); err == nil {
		b.WriteString("from refs/heads/main^0\n")
	}
	for name, text := range files {
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
	}
	_, err := git(ctx, strings.NewReader(b.String()), "-C", g.dir, "fast-import", "--quiet", "--date-format=now")
	return err
}

// git runs git with nothing of this machine's configuration, and returns what it printed.
func git(ctx context.Context, in io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Stdin = in
	cmd.Env = append(cmd.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// countingListener counts what goes over the connections that it accepts.
type countingListener struct {
	net.Listener
	g *gitServer
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{c, l.g}, nil
}

type countingConn struct {
	net.Conn
	g *gitServer
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.g.received.Add(int64(n))
	return n, err
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.g.sent.Add(int64(n))
	return n, err
}
