package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"strconv"
	"time"
)

// What takes long is not cut short by the server's own stop: that is what a
// grace period is for. So none of it waits with the request's context.

const (
	chunk      = 1024 // bytes of a download at a time
	chunkPause = 100 * time.Millisecond
)

// slow takes as long as the query says, a minute at most.
func (a *api) slow(w http.ResponseWriter, r *http.Request) {
	ms, ok := a.number(w, r, "ms", 60000)
	if !ok {
		return
	}
	log.Printf("shop: takes %d ms for an answer", ms)
	if pause(context.WithoutCancel(r.Context()), time.Duration(ms)*time.Millisecond) == nil {
		writeJSON(w, http.StatusOK, a.answer())
	}
}

// download sends a body for as long as the query says, two minutes at most. Its
// length is told first, so that a client knows when it did not get all of it.
func (a *api) download(w http.ResponseWriter, r *http.Request) {
	seconds, ok := a.number(w, r, "seconds", 120)
	if !ok {
		return
	}
	chunks := int(time.Duration(seconds) * time.Second / chunkPause)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(chunks*chunk))
	log.Printf("shop: takes %d s for a download", seconds)
	for range chunks {
		if _, err := w.Write(make([]byte, chunk)); err != nil {
			return // nobody wants the rest
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		if pause(context.WithoutCancel(r.Context()), chunkPause) != nil {
			return
		}
	}
}

// upload reads the body to its end, however long it takes, and tells its length.
func (a *api) upload(w http.ResponseWriter, r *http.Request) {
	log.Print("shop: takes an upload")
	n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<30))
	out := a.answer()
	if err != nil {
		out.Error = err.Error()
		writeJSON(w, http.StatusBadRequest, out)
		return
	}
	out.Bytes = n
	writeJSON(w, http.StatusCreated, out)
}

// number reads one of the query's; when it is none, the client is told.
func (a *api) number(w http.ResponseWriter, r *http.Request, name string, most int) (n int, ok bool) {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 || n > most {
		writeJSON(w, http.StatusBadRequest, answer{Color: a.color, Tag: a.tag, Error: name + ": want 0 to " + strconv.Itoa(most)})
		return 0, false
	}
	return n, true
}
