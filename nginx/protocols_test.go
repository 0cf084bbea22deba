package nginx_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"strings"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// flipped asks while the traffic moves, without a pause: no answer may be missing, and after
// a flip none may come from the other color.
func (r *rig) flipped(t *testing.T, ask func() (string, error)) {
	t.Helper()
	done, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-done:
				failed <- nil
				return
			default:
			}
			if got, err := ask(); err != nil || got != "blue" && got != "green" {
				failed <- fmt.Errorf("got %q: %w", got, err)
				return
			}
		}
	}()
	for _, c := range []deploy.Color{deploy.Green, deploy.Blue, deploy.Green} {
		r.flip(t, c)
		for range 20 {
			if got, err := ask(); err != nil || got != string(c) {
				t.Fatalf("got %q and %v, want %s\n%s", got, err, c, r.nginx.ErrorLog())
			}
		}
	}
	close(done)
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// listens returns a listener for a color, in the place of the rig's stack.
func (r *rig) listens(t *testing.T, c deploy.Color) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // its server may have done so
	port := l.Addr().(*net.TCPAddr).Port
	if c == deploy.Blue {
		r.app.Routes[0].Ports.Blue = port
	} else {
		r.app.Routes[0].Ports.Green = port
	}
	return l
}

func TestProtocols_FastCGIOverAFlip(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	for _, c := range deploy.Colors() {
		l := r.listens(t, c)
		go func() {
			_ = fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // ends with its listener
				_, _ = io.WriteString(w, string(c)) // Nginx sees what is missing
			}))
		}()
	}
	r.write(t)
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP, Server: `include %DIR%/shop.server;
location / { fastcgi_pass $shop_api; fastcgi_keep_conn on; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param SERVER_PROTOCOL $server_protocol; fastcgi_param REQUEST_URI $request_uri; fastcgi_param HTTP_HOST $host; }`})
	r.prepare(t)
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	r.flipped(t, func() (string, error) { return body(client.Get(r.nginx.URL())) })
}

func TestProtocols_GRPCOverAFlip(t *testing.T) {
	r := newRig(t, rigOptions{bare: true})
	var plain http.Protocols
	plain.SetUnencryptedHTTP2(true)
	for _, c := range deploy.Colors() {
		l := r.listens(t, c)
		server := &http.Server{Protocols: &plain, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if !strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc") || req.ProtoMajor != 2 {
				w.WriteHeader(http.StatusUnsupportedMediaType)
				return
			}
			_, _ = io.Copy(io.Discard, req.Body) // the client sees what is missing
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = io.WriteString(w, string(c)) // the client sees what is missing
			w.Header().Set("Grpc-Status", "0")
		})}
		go func() { _ = server.Serve(l) }() // ends with the next line
		t.Cleanup(func() { _ = server.Close() })
	}
	r.write(t)
	port := tb.Ports(t, 1)[0]
	r.configure(t, testbed.NginxConfig{HTTP: inHTTP + fmt.Sprintf("server { listen 127.0.0.1:%d http2; include %s/shop.server; location / { grpc_pass %s; } }",
		port, r.dir, nginx.Variable("shop", "api"))})
	r.prepare(t)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{Protocols: &plain}}
	defer client.CloseIdleConnections()
	r.flipped(t, func() (string, error) {
		res, err := client.Post(fmt.Sprintf("http://127.0.0.1:%d/shop.Orders/List", port), "application/grpc", strings.NewReader("\x00\x00\x00\x00\x00"))
		text, err := body(res, err)
		if err == nil && res.Trailer.Get("Grpc-Status") != "0" {
			err = fmt.Errorf("grpc-status %q", res.Trailer.Get("Grpc-Status"))
		}
		return text, err
	})
}

// body reads an answer that is to be a good one.
func body(res *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", errors.New(res.Status)
	}
	return string(text), nil
}
