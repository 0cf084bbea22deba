package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options says how a Server serves.
type Options struct {
	Listen     string       // host:port; port 0 picks a free one, see Server.Addr
	Control    Control      // the agent
	TokenFile  string       // holds what every request but the webhook's has to know, read anew each time; empty: Listen must be on loopback
	SecretFile string       // holds the webhook's secret, read anew at each request; empty: no webhook
	Metrics    http.Handler // answers GET /metrics; nil: nobody does
	Log        *slog.Logger
}

// Server answers on the agent's address. Start it once.
type Server struct {
	listen string
	log    *slog.Logger
	http   *http.Server
	addr   net.Addr
	served chan struct{} // closed when serving ended
}

// NewServer returns a server that does not listen yet.
func NewServer(o Options) *Server {
	return &Server{
		listen: o.Listen,
		log:    o.Log,
		http: &http.Server{
			Handler: routes(o),
			// The webhook is reachable from outside: a peer that dawdles must not
			// keep a connection for ever.
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       15 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       time.Minute,
			MaxHeaderBytes:    32 << 10,
			ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		},
	}
}

// Start listens, and serves until Stop. It returns as soon as connections are
// accepted; the error says which address could not be had.
func (s *Server) Start(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("start api on %s: %w", s.listen, err)
	}
	s.addr, s.served = l.Addr(), make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("api stopped answering", "err", err)
		}
	}()
	return nil
}

// Addr is the address that the server listens on, host:port, after Start.
func (s *Server) Addr() string { return s.addr.String() }

// Stop answers what is being asked and ends. When ctx ends first, the rest is
// cut off and the error is ctx's. A server that was never started, or was
// stopped before, is no error.
func (s *Server) Stop(ctx context.Context) error {
	if s.served == nil {
		return nil
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.served
	return err
}
