package load

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Options say what load to make. Only URL is required.
type Options struct {
	URL  string // scheme, host and port; "https" for TLS
	Host string // of the Host header and of TLS; empty: that of URL

	Connections int    // kept alive and busy; 0: 32, negative: none
	GetPath     string // empty: "/"
	PostPath    string // empty: "/orders"
	PostEvery   int    // every n-th request of a connection is a POST; 0: none is
	Body        []byte // of a POST; empty: a small JSON object
	// NextBody makes the body of each POST, instead of Body, and Posted is told of each
	// one that was answered as it should be. Many connections call them at once.
	NextBody func() []byte
	Posted   func(sent, answer []byte)
	Timeout  time.Duration // of one request, and of connecting; 0: 10 s
	Think    time.Duration // pause of a connection after each answer; 0: none
	Rate     float64       // requests a second over all connections; 0: as many as possible

	WebSockets    int           // held open, each echoing a message now and then
	WebSocketPath string        // of an endpoint that echoes; empty: "/ws"
	EchoEvery     time.Duration // pause between two messages; 0: 50 ms

	Requests int64         // end after so many; 0: no limit
	For      time.Duration // end after this time; 0: no limit

	RootCAs *x509.CertPool // whom to trust; nil: the machine's own
}

// filled returns o with every default in place, and the address to dial.
func (o Options) filled() (Options, string, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return o, "", fmt.Errorf("read url: %w", err)
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if port == "" || u.Hostname() == "" || (u.Path != "" && u.Path != "/") {
		return o, "", fmt.Errorf("read url %q: want http or https, a host and no path", o.URL)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	fill(&o.Host, u.Host)
	fill(&o.Connections, 32)
	fill(&o.GetPath, "/")
	fill(&o.PostPath, "/orders")
	fill(&o.Timeout, 10*time.Second)
	fill(&o.WebSocketPath, "/ws")
	fill(&o.EchoEvery, 50*time.Millisecond)
	if len(o.Body) == 0 {
		o.Body = []byte(`{"article":"lamp","quantity":1}`)
	}
	return o, net.JoinHostPort(u.Hostname(), port), nil
}

// tls returns the TLS configuration, nil when the URL asks for none.
func (o Options) tls() *tls.Config {
	if u, err := url.Parse(o.URL); err != nil || u.Scheme != "https" {
		return nil
	}
	name := o.Host
	if host, _, err := net.SplitHostPort(o.Host); err == nil {
		name = host
	}
	return &tls.Config{RootCAs: o.RootCAs, ServerName: name, NextProtos: []string{"http/1.1"}}
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
