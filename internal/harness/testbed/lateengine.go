package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// LateEngine is a socket before the Docker engine. Whoever asks there how a command in a
// container has ended is told at first that it still runs, as by an engine that learns it
// only after the output has ended. All else is the engine's own answer.
type LateEngine struct {
	dir    string
	server *http.Server
	served chan error

	mu   sync.Mutex
	told map[string]bool // the commands of which it was said that they still run
}

var execInspect = regexp.MustCompile(`/exec/[0-9a-f]+/json$`)

// NewLateEngine listens before the engine at host, which is a Unix socket.
func NewLateEngine(host string) (*LateEngine, error) {
	socket, isUnix := strings.CutPrefix(host, "unix://")
	if !isUnix {
		return nil, fmt.Errorf("listen before docker: %s is no Unix socket", host)
	}
	dir, err := Dir("tandem-late-")
	if err != nil {
		return nil, err
	}
	e := &LateEngine{dir: dir, served: make(chan error, 1), told: map[string]bool{}}
	l, err := net.Listen("unix", filepath.Join(dir, "docker.sock"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	e.server = &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}},
		FlushInterval:  -1,
		ModifyResponse: e.answer,
	}}
	go func() { e.served <- e.server.Serve(l) }()
	return e, nil
}

// Host is what a client of the engine is to be told.
func (e *LateEngine) Host() string { return "unix://" + filepath.Join(e.dir, "docker.sock") }

// Told is of how many commands it was said that they still run.
func (e *LateEngine) Told() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.told)
}

// Close ends all connections.
func (e *LateEngine) Close() error {
	err := e.server.Close()
	if served := <-e.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, os.RemoveAll(e.dir))
}

func (e *LateEngine) answer(res *http.Response) error {
	path := res.Request.URL.Path
	if res.StatusCode != http.StatusOK || !execInspect.MatchString(path) || !e.first(path) {
		return nil
	}
	var exec map[string]any
	if err := errors.Join(json.NewDecoder(res.Body).Decode(&exec), res.Body.Close()); err != nil {
		return err
	}
	exec["Running"], exec["ExitCode"] = true, nil
	text, err := json.Marshal(exec)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	res.Header.Set("Content-Length", fmt.Sprint(len(text)))
	return err
}

func (e *LateEngine) first(path string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.told[path] {
		return false
	}
	e.told[path] = true
	return true
}
