package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"time"
)

// grace is how long requests may take to finish after SIGTERM.
const grace = 8 * time.Second

// serve answers HTTP until ctx ends and then finishes the requests it has.
func serve(ctx context.Context, s settings, h http.Handler) error {
	if err := pause(ctx, s.startDelay); err != nil {
		return nil // told to stop while starting: nothing was begun
	}
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	log.Printf("shop: %s %s listens on %s", s.tag, s.color, l.Addr())
	// Hijacked connections are not the server's any more; this context tells
	// the WebSockets to say goodbye.
	srv := &http.Server{Handler: stamped(s, h), BaseContext: func(net.Listener) context.Context { return ctx }, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		stopped <- srv.Shutdown(late)
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	log.Print("shop: stopping")
	return <-stopped
}

// stamped says in every answer which stack and which image gave it.
func stamped(s settings, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Color", s.color)
		w.Header().Set("X-Tag", s.tag)
		h.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Printf("shop: write answer: %v", err)
	}
}
