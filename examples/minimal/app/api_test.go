package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func environment(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func settled(t *testing.T, pairs map[string]string) settings {
	t.Helper()
	s, err := settingsFrom(environment(pairs))
	if err != nil {
		t.Fatal(err)
	}
	s.host = "h"
	return s
}

// ask sends one request to a handler and reads its JSON answer.
func ask(t *testing.T, h http.Handler, method, path string) (status int, header http.Header, body answer) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("x")))
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s %s: %v in %q", method, path, err, w.Body)
	}
	return w.Code, w.Header(), body
}

func TestAPI_EveryAnswerSaysWhoGaveIt(t *testing.T) {
	s := settled(t, map[string]string{"COLOR": "blue", "TAG": "1.2", "GREETING": "moin"})
	h := stamped(s, newAPI(s))
	for path, method := range map[string]string{"/": "GET", "/health": "GET", "/orders": "POST", "/slow?ms=1": "GET", "/slow?ms=x": "GET", "/download?seconds=121": "GET", "/slow-upload": "POST"} {
		_, header, body := ask(t, h, method, path)
		if header.Get("X-Color") != "blue" || header.Get("X-Tag") != "1.2" || body.Color != "blue" || body.Tag != "1.2" {
			t.Errorf("%s %s: headers %v, body %+v", method, path, header, body)
		}
	}
	_, _, body := ask(t, h, "GET", "/")
	if diff := cmp.Diff(answer{Color: "blue", Tag: "1.2", Host: "h", Greeting: "moin"}, body); diff != "" {
		t.Errorf("home (-want +got):\n%s", diff)
	}
}

func TestAPI_OrdersAreNumbered(t *testing.T) {
	h := newAPI(settled(t, nil))
	for want := int64(1); want <= 3; want++ {
		if status, _, body := ask(t, h, "POST", "/orders"); status != http.StatusCreated || body.Order != want {
			t.Errorf("order %d, status %d; want %d, 201", body.Order, status, want)
		}
	}
}

func TestAPI_OrdersAreKeptInTheStoreAcrossItsRestart(t *testing.T) {
	dir := t.TempDir()
	addr, stop := startStore(t, dir, "127.0.0.1:0")
	h := newAPI(settled(t, map[string]string{"STORE": addr}))
	other := newAPI(settled(t, map[string]string{"STORE": addr}))
	for i, api := range []http.Handler{h, other, h} {
		if _, _, body := ask(t, api, "POST", "/orders"); body.Order != int64(i+1) {
			t.Errorf("order %d, want %d: both colors count in one store", body.Order, i+1)
		}
	}
	stop()
	if status, _, body := ask(t, h, "POST", "/orders"); status != http.StatusServiceUnavailable || body.Error == "" {
		t.Errorf("status %d, %q without a store; want 503 and why", status, body.Error)
	}
	startStore(t, dir, addr)
	if status, _, body := ask(t, h, "POST", "/orders"); status != http.StatusCreated || body.Order != 4 {
		t.Errorf("order %d, status %d after the restart; want 4, 201", body.Order, status)
	}
}

// startStore serves a store and returns its address, and how to crash it.
func startStore(t *testing.T, dir, listen string) (addr string, stop func()) {
	t.Helper()
	st, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				close(conns)
				return
			}
			conns <- conn
			go func() { _ = st.serve(conn) }() // the test looks at what the clients see
		}
	}()
	stop = func() {
		if err := l.Close(); errors.Is(err, net.ErrClosed) {
			return
		}
		for conn := range conns {
			_ = conn.Close()
		}
		_ = st.file.Close()
	}
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func TestHealth_IsBadAsBREAKSays(t *testing.T) {
	tests := []struct {
		breakage string
		after    time.Duration
		want     int
		took     time.Duration
	}{
		{"", 0, 200, 0},
		{"worker-exit", 0, 200, 0},
		{"unhealthy", 0, 500, 0},
		{"slow", 0, 200, slowHealth},
		{"sick-after=5", 4 * time.Second, 200, 0},
		{"sick-after=5", 5 * time.Second, 500, 0},
		{"errors=100", 0, 200, 0},
		{"latency=300", 0, 200, 0},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			h := newAPI(settled(t, map[string]string{"BREAK": test.breakage}))
			<-time.After(test.after)
			begin := time.Now()
			status, _, _ := ask(t, h, "GET", "/health")
			if took := time.Since(begin); status != test.want || took != test.took {
				t.Errorf("BREAK=%s after %s: status %d in %s, want %d in %s", test.breakage, test.after, status, took, test.want, test.took)
			}
		})
	}
}

func TestSettings_ImagesOwnBREAKCountsUnlessItIsOverridden(t *testing.T) {
	tests := []struct{ env, image, want string }{
		{"", "", ""}, {"exit", "", "exit"}, {"", "slow", "slow"}, {"unhealthy", "slow", "unhealthy"},
	}
	for _, test := range tests {
		s := settled(t, map[string]string{"OVERRIDE_BREAK": test.env, "BREAK": test.image})
		if s.trouble.kind != test.want {
			t.Errorf("OVERRIDE_BREAK=%q over %q: %q, want %q", test.env, test.image, s.trouble.kind, test.want)
		}
	}
}

func TestSettings_NonsenseIsAnError(t *testing.T) {
	for name, values := range map[string][]string{
		"BREAK":       {"nonsense", "exit=3", "sick-after", "sick-after=x", "sick-after=-1", "errors=101", "leak"},
		"START_DELAY": {"soon", "3"}, "MIGRATE_TIME": {"soon"},
	} {
		for _, v := range values {
			if _, err := settingsFrom(environment(map[string]string{name: v})); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: got %v, want an error that names it", name, v, err)
			}
		}
	}
}

func TestWeb_PageShowsTheRelease(t *testing.T) {
	s := settled(t, map[string]string{"COLOR": "green", "TAG": "2.0<b>", "GREETING": "moin"})
	w := httptest.NewRecorder()
	stamped(s, newWeb(s)).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h1>moin</h1>", "<b>2.0&lt;b&gt;</b>", "<b>green</b>"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
}
