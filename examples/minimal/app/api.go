package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// answer is the body of every answer of the api.
type answer struct {
	Color    string `json:"color"`
	Tag      string `json:"tag"`
	Host     string `json:"host"`
	Greeting string `json:"greeting,omitempty"`
	Order    int64  `json:"order,omitempty"` // the number of the order
	Bytes    int64  `json:"bytes,omitempty"` // of an upload
	Error    string `json:"error,omitempty"`
}

type api struct {
	http.Handler
	settings
	sockets sync.WaitGroup // the WebSockets that are open
	started time.Time
	orders  func(context.Context) (int64, error) // counts one order
	answers atomic.Int64                         // of the routes that trouble befalls
}

func newAPI(s settings) *api {
	a := &api{settings: s, started: time.Now(), orders: memory()}
	if s.store != "" {
		a.orders = newStoreClient(s.store).count
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.troubled(a.home))
	mux.HandleFunc("GET /health", a.health)
	mux.HandleFunc("POST /orders", a.troubled(a.order))
	mux.HandleFunc("GET /slow", a.slow)
	mux.HandleFunc("GET /download", a.download)
	mux.HandleFunc("POST /slow-upload", a.upload)
	mux.HandleFunc("GET /ws", a.echoWebSocket)
	a.Handler = mux
	return a
}

// memory counts orders for as long as the process lives.
func memory() func(context.Context) (int64, error) {
	var n atomic.Int64
	return func(context.Context) (int64, error) { return n.Add(1), nil }
}

func (a *api) answer() answer {
	return answer{Color: a.color, Tag: a.tag, Host: a.host, Greeting: a.greeting}
}

// troubled answers late, or with a 500, as BREAK says. Such an order is not counted.
func (a *api) troubled(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if pause(r.Context(), a.trouble.latency()) != nil {
			return
		}
		if a.trouble.fails(a.answers.Add(1)) {
			writeJSON(w, http.StatusInternalServerError, answer{Color: a.color, Tag: a.tag, Error: "BREAK=" + a.trouble.kind})
			return
		}
		h(w, r)
	}
}

func (a *api) home(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, a.answer()) }

func (a *api) health(w http.ResponseWriter, r *http.Request) {
	if a.trouble.kind == "slow" && pause(r.Context(), slowHealth) != nil {
		return
	}
	out := a.answer()
	if a.trouble.sick(a.started) {
		out.Error = "BREAK=" + a.trouble.kind
		log.Printf("shop: unhealthy: %s", out.Error)
		writeJSON(w, http.StatusInternalServerError, out)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

func (a *api) order(w http.ResponseWriter, r *http.Request) {
	// An order that did not arrive whole must not be counted.
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<20)); err != nil {
		writeJSON(w, http.StatusBadRequest, answer{Color: a.color, Tag: a.tag, Error: err.Error()})
		return
	}
	n, err := a.orders(r.Context())
	if err != nil {
		log.Printf("shop: count order: %v", err)
		writeJSON(w, http.StatusServiceUnavailable, answer{Color: a.color, Tag: a.tag, Error: err.Error()})
		return
	}
	out := a.answer()
	out.Order = n
	writeJSON(w, http.StatusCreated, out)
}
