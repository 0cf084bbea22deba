package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"tandem/reconciler/deploy"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(body))
}

func TestHealthz_SaysWhyTheAgentCannotWork(t *testing.T) {
	for _, c := range []struct {
		healthy error
		code    int
		body    string
	}{
		{nil, 200, `{"status":"ok"}`},
		{errors.New("Docker is away"), 503, `{"error":"Docker is away"}`},
	} {
		s := serve(t, Options{Control: &desk{healthy: c.healthy}})
		code, body := get(t, "http://"+s.Addr()+"/healthz")
		if code != c.code || body != c.body {
			t.Errorf("healthz = %d %s, want %d %s", code, body, c.code, c.body)
		}
	}
}

func TestReadyz_SaysWhatIsNotDoneYet(t *testing.T) {
	for _, c := range []struct {
		ready error
		code  int
		body  string
	}{
		{nil, 200, `{"status":"ok"}`},
		{errors.New("shop has not been looked at yet"), 503, `{"error":"shop has not been looked at yet"}`},
	} {
		s := serve(t, Options{Control: &desk{ready: c.ready}})
		code, body := get(t, "http://"+s.Addr()+"/readyz")
		if code != c.code || body != c.body {
			t.Errorf("readyz = %d %s, want %d %s", code, body, c.code, c.body)
		}
	}
}

func TestMetrics_AreServedWhereThereAreSome(t *testing.T) {
	m := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "tandem_phase 1") })
	if code, body := get(t, "http://"+serve(t, Options{Control: &desk{}, Metrics: m}).Addr()+"/metrics"); code != 200 || body != "tandem_phase 1" {
		t.Errorf("metrics = %d %s", code, body)
	}
	if code, _ := get(t, "http://"+serve(t, Options{Control: &desk{}}).Addr()+"/metrics"); code != 404 {
		t.Errorf("metrics = %d where there are none, want 404", code)
	}
}

func TestApps_NoAppIsAnEmptyList(t *testing.T) {
	s := serve(t, Options{Control: &desk{}})
	if code, body := get(t, "http://"+s.Addr()+"/api/v1/apps"); code != 200 || body != "[]" {
		t.Errorf("apps = %d %s, want 200 []", code, body)
	}
}

func TestStart_TakenPortNamesTheAddress(t *testing.T) {
	first := serve(t, Options{Control: &desk{}})
	second := NewServer(Options{Listen: first.Addr(), Control: &desk{}, Log: quiet()})
	err := second.Start(t.Context())
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), first.Addr()) {
		t.Errorf("start on a taken port: %v, want an error that names %s", err, first.Addr())
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Errorf("stop after a failed start: %v", err)
	}
}

func TestStop_TwiceIsOnce(t *testing.T) {
	s := serve(t, Options{Control: &desk{}})
	for range 2 {
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	var gone *NoAgentError
	if _, err := NewClient(s.Addr()).Statuses(t.Context()); !errors.As(err, &gone) {
		t.Errorf("asking a stopped server: %v, want a NoAgentError", err)
	}
}

// slow is a Control whose Statuses waits until it is released.
type slow struct {
	desk
	entered, release chan struct{}
}

func (s *slow) Statuses() []deploy.Status {
	close(s.entered)
	<-s.release
	return nil
}

func TestStop_AnswersWhatIsBeingAsked(t *testing.T) {
	c := &slow{entered: make(chan struct{}), release: make(chan struct{})}
	s := serve(t, Options{Control: c})
	answered := make(chan error, 1)
	go func() {
		_, err := NewClient(s.Addr()).Statuses(context.Background())
		answered <- err
	}()
	<-c.entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	close(c.release)
	if err := <-answered; err != nil {
		t.Errorf("request in flight: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestStop_CutsOffWhenItsTimeIsUp(t *testing.T) {
	c := &slow{entered: make(chan struct{}), release: make(chan struct{})}
	s := serve(t, Options{Control: c})
	answered := make(chan error, 1)
	go func() {
		_, err := NewClient(s.Addr()).Statuses(context.Background())
		answered <- err
	}()
	<-c.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("stop with no time left: %v, want %v", err, context.Canceled)
	}
	if err := <-answered; err == nil {
		t.Error("the request was answered, want it cut off")
	}
	close(c.release)
}
