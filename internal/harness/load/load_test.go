package load_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/internal/harness/load"
)

// patience is how long a test waits for something that ought to happen: far more than
// any of it takes.
const patience = 2 * time.Minute

// run makes a load to its end.
func run(t *testing.T, o load.Options) load.Report {
	t.Helper()
	r, err := load.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Wait()
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// raw serves each connection by hand: with every request that has come, the
// function says what to do.
func raw(t *testing.T, answer func(conn *net.TCPConn, n int)) (url string, requests *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // it may be closed by the test already
	requests = &atomic.Int64{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				in := bufio.NewReader(conn)
				for n := 1; ; n++ {
					req, err := http.ReadRequest(in)
					if err != nil {
						_ = conn.Close()
						return
					}
					if _, err := io.Copy(io.Discard, req.Body); err != nil {
						return
					}
					requests.Add(1)
					answer(conn.(*net.TCPConn), n)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String(), requests
}

func ok(conn net.Conn) {
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Color: blue\r\nX-Tag: 1\r\n\r\nok")
}

func TestRun_CountsWhoAnsweredWhatAndSendsTheBody(t *testing.T) {
	var posts atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Tag", "1.0")
		w.Header().Set("X-Color", map[string]string{"GET": "blue", "POST": "green"}[r.Method])
		if body, err := io.ReadAll(r.Body); err == nil && string(body) == "order" && r.URL.Path == "/buy" {
			posts.Add(1)
		}
	})
	got := run(t, load.Options{URL: s.URL, Connections: 4, Requests: 400, PostPath: "/buy", PostEvery: 4, Body: []byte("order")})
	if err := got.Err(); err != nil {
		t.Error(err)
	}
	if got.Requests != 400 || got.Posts != posts.Load() || got.Posts < 80 || got.Posts > 120 {
		t.Errorf("%d requests, %d posts, %d arrived; want 400, of which about a quarter are posts", got.Requests, got.Posts, posts.Load())
	}
	if got.Color("green") != got.Posts || got.Color("blue") != 400-got.Posts || got.Tag("1.0") != 400 {
		t.Errorf("answers %v, want one a request", got.Answers)
	}
	if got.Opened != 4 {
		t.Errorf("%d connections were opened, want 4 that are kept", got.Opened)
	}
	if got.P50 <= 0 || got.P50 > got.P95 || got.P95 > got.P99 || got.P99 > got.Max {
		t.Errorf("latencies %s %s %s %s are not in order", got.P50, got.P95, got.P99, got.Max)
	}
}

func TestRun_AnnouncedCloseIsNoFailure(t *testing.T) {
	url, requests := raw(t, func(conn *net.TCPConn, n int) {
		if n < 3 {
			ok(conn)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = conn.Close()
	})
	got := run(t, load.Options{URL: url, Connections: 2, Requests: 30})
	if err := got.Err(); err != nil {
		t.Error(err)
	}
	if requests.Load() != 30 || got.Opened < 10 {
		t.Errorf("%d requests over %d connections; want 30 over at least 10", requests.Load(), got.Opened)
	}
}

func TestRun_EachWayToFailIsCountedOnceAndNothingIsSentTwice(t *testing.T) {
	tests := map[load.Kind]func(conn *net.TCPConn){
		load.EOF:   func(conn *net.TCPConn) { _ = conn.Close() },
		load.Reset: func(conn *net.TCPConn) { _ = conn.SetLinger(0); _ = conn.Close() },
		load.Status: func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		},
		load.Protocol: func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "SSH-2.0-OpenSSH\r\n\r\n") },
		load.Timeout:  func(*net.TCPConn) {},
	}
	for kind, fail := range tests {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			url, requests := raw(t, func(conn *net.TCPConn, _ int) {
				if n.Add(1)%4 == 0 {
					fail(conn)
				} else {
					ok(conn)
				}
			})
			got := run(t, load.Options{URL: url, Connections: 1, Requests: 12, PostEvery: 2, Timeout: 200 * time.Millisecond})
			if diff := cmp.Diff(map[load.Kind]int64{kind: 3}, got.Kinds); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if got.Requests != 12 || got.Failed != 3 || requests.Load() != 12 {
				t.Errorf("%d requests counted, %d failed, %d arrived; want 12, 3, 12", got.Requests, got.Failed, requests.Load())
			}
			if got.Err() == nil || len(got.Examples) != 3 {
				t.Errorf("error %v with %d examples, want one with 3", got.Err(), len(got.Examples))
			}
		})
	}
}

func TestRun_SilentCloseOfAnIdleConnectionIsAFailure(t *testing.T) {
	// A server that answers and hangs up at once, without a word, while the
	// client thinks: what an old worker of Nginx does at a reload.
	url, requests := raw(t, func(conn *net.TCPConn, _ int) {
		ok(conn)
		_ = conn.Close()
	})
	got := run(t, load.Options{URL: url, Connections: 1, Requests: 6, Think: 20 * time.Millisecond})
	if got.Failed != 3 || requests.Load() != 3 {
		t.Errorf("%d of %d failed, %d arrived; want every second to fail", got.Failed, got.Requests, requests.Load())
	}
	if n := got.Kinds[load.EOF] + got.Kinds[load.Reset]; n != 3 {
		t.Errorf("failures %v, want eof or reset", got.Kinds)
	}
}

func TestRun_ServerThatIsAwayIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := run(t, load.Options{URL: "http://" + l.Addr().String(), Connections: 2, Requests: 5})
	if got.Kinds[load.Refused] != 5 || got.Failed != 5 {
		t.Errorf("got %s, want 5 refused", got)
	}
}

func TestRun_RequestInFlightAtTheEndIsFinishedAndNotAFailure(t *testing.T) {
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	ctx, end := context.WithCancel(t.Context())
	r, err := load.Run(ctx, load.Options{URL: s.URL, Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	<-arrived
	if live := r.Report(); live.Requests != 0 {
		t.Errorf("live report: %s, want no request while the first is in flight", live)
	}
	// Before the answer comes, or another request would be sent.
	end()
	close(release)
	if got := r.Wait(); got.Requests != 1 || got.Failed != 0 {
		t.Errorf("got %s, want one request that did not fail", got)
	}
}

func TestRun_GapsReachFromOneSuccessToTheNext(t *testing.T) {
	arrived, release := make(chan time.Time), make(chan struct{})
	var n atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		switch k := n.Add(1); {
		case k == 3:
			arrived <- time.Now()
			<-release
		case k == 4:
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	r, err := load.Run(t.Context(), load.Options{URL: s.URL, Connections: 1, Requests: 6})
	if err != nil {
		t.Fatal(err)
	}
	began := <-arrived
	// The gap is at least as long as the request is held here.
	for time.Since(began) < 60*time.Millisecond {
		if live := r.Report(); live.Requests > 2 {
			t.Fatalf("live report: %s, want 2 requests", live)
		}
	}
	held := time.Since(began)
	close(release)
	got := r.Wait()
	if got.LongestGap < held || got.Outage < held || got.Connections[0].LongestGap != got.LongestGap {
		t.Errorf("longest gap %s, outage %s; want at least %s", got.LongestGap, got.Outage, held)
	}
	if got.Failed != 1 {
		t.Errorf("%d failed, want 1", got.Failed)
	}
}

func TestRun_EndsByItselfAfterItsTime(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	got := run(t, load.Options{URL: s.URL, Connections: 2, For: 50 * time.Millisecond, Rate: 100})
	if err := got.Err(); err != nil || got.Requests == 0 {
		t.Errorf("got %s, want some requests and no failure", got)
	}
	if got.Requests > int64(got.Took.Seconds()*100)+2 {
		t.Errorf("%d requests in %s, want no more than 100 a second", got.Requests, got.Took)
	}
}

func TestRun_SpeaksTLSAndTrustsWhomItIsTold(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	pool := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	got := run(t, load.Options{URL: s.URL, Host: "example.com", Connections: 2, Requests: 10, RootCAs: pool})
	if err := got.Err(); err != nil {
		t.Error(err)
	}
	got = run(t, load.Options{URL: s.URL, Host: "example.com", Connections: 1, Requests: 2})
	if got.Failed != 2 || got.Kinds[load.Protocol] != 2 {
		t.Errorf("with nobody to trust: got %s, want 2 failures", got)
	}
}

func TestRun_RefusesAURLThatItCannotUse(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:80", "ftp://host", "http://host/path", "http://", "http://[::1"} {
		if _, err := load.Run(t.Context(), load.Options{URL: url}); err == nil {
			t.Errorf("url %q: no error", url)
		}
	}
}

func TestReport_StringSaysWhatMatters(t *testing.T) {
	r := load.Report{
		Counts: load.Counts{Requests: 10, Failed: 3}, Took: 2 * time.Second, LongestGap: 21 * time.Millisecond,
		P50: time.Millisecond, P95: 2 * time.Millisecond, P99: 3 * time.Millisecond,
		Kinds:    map[load.Kind]int64{load.Reset: 2, load.EOF: 1},
		Answers:  map[load.Answer]int64{{Color: "green", Tag: "2"}: 4, {Color: "blue", Tag: "1"}: 3},
		Sessions: []load.Session{{}, {Reason: "eof"}},
	}
	want := "10 requests in 2s, 3 failed (eof 1, reset 2), longest gap 21ms, p50 1ms, p95 2ms, p99 3ms, " +
		"blue 1 3, green 2 4, 2 websockets, 1 ended early, 0 not opened"
	if got := fmt.Sprint(r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRun_TellsOfEachPostThatWasAnswered(t *testing.T) {
	var made, sick atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || err != nil {
			return
		}
		if string(body) == "order 7" {
			sick.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = fmt.Fprintf(w, "id of %s", body)
	})
	var mu sync.Mutex
	told := map[string]string{}
	got := run(t, load.Options{
		URL: s.URL, Connections: 4, Requests: 100, PostEvery: 2,
		NextBody: func() []byte { return fmt.Appendf(nil, "order %d", made.Add(1)) },
		Posted: func(sent, answer []byte) {
			mu.Lock()
			defer mu.Unlock()
			told[string(sent)] = string(answer)
		},
	})
	if sick.Load() != 1 || got.FailedPosts != 1 || int64(len(told)) != got.Posts-1 {
		t.Errorf("told of %d posts of %d, %d failed; want all but the one", len(told), got.Posts, got.FailedPosts)
	}
	for sent, answer := range told {
		if answer != "id of "+sent {
			t.Errorf("%q was answered by %q", sent, answer)
		}
	}
}
