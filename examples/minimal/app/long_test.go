package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDownload_TakesItsTimeAndArrivesWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		begin := time.Now()
		newAPI(settled(t, nil)).ServeHTTP(w, httptest.NewRequest("GET", "/download?seconds=25", nil))
		if took := time.Since(begin); took != 25*time.Second || w.Code != http.StatusOK {
			t.Errorf("status %d in %s, want 200 in 25s", w.Code, took)
		}
		if told := w.Header().Get("Content-Length"); w.Body.Len() != 256000 || told != "256000" || !w.Flushed {
			t.Errorf("%d bytes, %s told, flushed %v; want 256000 told and sent bit by bit", w.Body.Len(), told, w.Flushed)
		}
	})
}

func TestUpload_IsReadToItsEndAndCounted(t *testing.T) {
	h := newAPI(settled(t, nil))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/slow-upload", strings.NewReader(strings.Repeat("x", 100000))))
	if w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), `"bytes":100000`) {
		t.Errorf("status %d, %s; want 201 and 100000 bytes", w.Code, w.Body)
	}
}
