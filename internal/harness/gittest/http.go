package gittest

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Fault is what an HTTPServer does instead of answering properly.
type Fault int

// The faults.
const (
	NoFault    Fault = iota
	Status500        // every request is answered with 500
	Forbidden        // every request is answered with 403
	ForbidPush       // every request of a push is answered with 403
	Cut              // the connection breaks in the middle of every pack, and of every advertisement
	CutPack          // the connection breaks in the middle of every pack only
	CutReport        // a push is carried out, but the connection breaks before the report
	Hang             // the request is taken and never answered
)

// HTTPOptions says what the server asks for. The zero value serves everybody.
type HTTPOptions struct {
	Username string // empty: any
	Token    string // the password; empty: none is asked for
}

// HTTPServer serves one Bare with git http-backend.
type HTTPServer struct {
	URL string // of the repository, without credentials

	mu       sync.Mutex
	options  HTTPOptions
	fault    Fault
	requests map[string]int
	gone     chan struct{}
}

// ServeHTTP serves the repository until the test ends.
func ServeHTTP(t testing.TB, b *Bare, options HTTPOptions) *HTTPServer {
	t.Helper()
	backend := &cgi.Handler{
		Path:       filepath.Join(b.git.must(t, "", "--exec-path"), "git-http-backend"),
		InheritEnv: []string{},
		Env: append([]string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(b.Path),
			"GIT_HTTP_EXPORT_ALL=1",
		}, b.git.env...),
	}
	s := &HTTPServer{options: options, requests: map[string]int{}, gone: make(chan struct{})}
	server := httptest.NewServer(s.handler(backend))
	t.Cleanup(func() {
		close(s.gone)
		server.CloseClientConnections()
		server.Close()
	})
	s.URL = server.URL + "/" + filepath.Base(b.Path)
	return s
}

// SetFault makes every later request meet the fault.
func (s *HTTPServer) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// SetToken changes the password that is asked for.
func (s *HTTPServer) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Token = token
}

// Requests counts the requests so far for "info/refs", "git-upload-pack" or
// "git-receive-pack".
func (s *HTTPServer) Requests(service string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[service]
}

func (s *HTTPServer) handler(backend http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		options, fault := s.count(r)
		if user, password, _ := r.BasicAuth(); options.Token != "" &&
			(password != options.Token || (options.Username != "" && user != options.Username)) {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			// A careless server repeats what it got; a client must not pass that on.
			http.Error(w, "bad credentials: "+password, http.StatusUnauthorized)
			return
		}
		post := r.Method == http.MethodPost
		switch {
		case fault == Status500:
			http.Error(w, "the disk of the server is full", http.StatusInternalServerError)
		case fault == Forbidden:
			http.Error(w, "the account may not do that", http.StatusForbidden)
		case fault == ForbidPush && strings.Contains(r.URL.String(), "git-receive-pack"):
			http.Error(w, "the account may only read", http.StatusForbidden)
		case fault == Hang:
			select {
			case <-r.Context().Done():
			case <-s.gone:
			}
		case fault == CutReport && strings.HasSuffix(r.URL.Path, "git-receive-pack") && post:
			backend.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case fault == Cut, fault == CutPack && strings.HasSuffix(r.URL.Path, "git-upload-pack") && post:
			backend.ServeHTTP(&cutWriter{ResponseWriter: w, left: 60}, r)
			panic(http.ErrAbortHandler)
		default:
			backend.ServeHTTP(w, r)
		}
	})
}

func (s *HTTPServer) count(r *http.Request) (HTTPOptions, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, service := range []string{"info/refs", "git-upload-pack", "git-receive-pack"} {
		if strings.HasSuffix(r.URL.Path, "/"+service) {
			s.requests[service]++
		}
	}
	return s.options, s.fault
}

// cutWriter sends the first bytes of an answer and swallows the rest.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	n := min(c.left, len(p))
	c.left -= n
	if n > 0 {
		if _, err := c.ResponseWriter.Write(p[:n]); err != nil {
			return 0, err
		}
		if f, ok := c.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
	}
	return len(p), nil
}
