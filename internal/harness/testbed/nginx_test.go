package testbed_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"tandem/internal/harness/testbed"
	"tandem/internal/harness/testbed/tb"
)

func answering(text string) testbed.NginxConfig {
	return testbed.NginxConfig{Server: `location / { return 200 "` + text + `"; }`}
}

func startNginx(t *testing.T, text string) *testbed.Nginx {
	t.Helper()
	return tb.Nginx(t, testbed.NginxOptions{Workers: 3}, func(*testbed.Nginx) testbed.NginxConfig { return answering(text) })
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	return readAll(t, res.Body)
}

func readAll(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestNginx_ServesItsConfigurationWithTheWorkersAsked(t *testing.T) {
	n := startNginx(t, "one")
	if got := get(t, n.URL()); got != "one" {
		t.Errorf("answer %q, want one", got)
	}
	workers, err := n.Workers()
	if err != nil || len(workers) != 3 {
		t.Errorf("workers %v, %v; want 3", workers, err)
	}
	if bytes, err := n.ResidentMemory(); err != nil || bytes < 1<<20 {
		t.Errorf("resident memory %d, %v; want at least a megabyte", bytes, err)
	}
}

func TestNginx_ServesFilesFromItsDirectory(t *testing.T) {
	n := tb.Nginx(t, testbed.NginxOptions{}, func(n *testbed.Nginx) testbed.NginxConfig {
		return testbed.NginxConfig{Server: "location / { if (-f " + n.Dir + "/nginx.conf) { return 200 seen; } return 200 unseen; }"}
	})
	if got := get(t, n.URL()); got != "seen" {
		t.Errorf("answer %q: the workers cannot look into %s", got, n.Dir)
	}
}

func TestNginx_ReloadPutsANewConfigurationInForce(t *testing.T) {
	n := startNginx(t, "one")
	if err := n.Configure(answering("two")); err != nil {
		t.Fatal(err)
	}
	if err := n.Test(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, n.URL()); got != "one" {
		t.Errorf("answer %q before the reload, want one", got)
	}
	if err := n.ReloadAndWait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		http.DefaultClient.CloseIdleConnections() // so that each asks another worker
		if got := get(t, n.URL()); got != "two" {
			t.Errorf("answer %q after the reload, want two", got)
		}
	}
}

func TestNginx_BrokenConfigurationIsToldInNginxsOwnWords(t *testing.T) {
	n := startNginx(t, "one")
	if err := n.Configure(testbed.NginxConfig{HTTP: "nonsense on;"}); err != nil {
		t.Fatal(err)
	}
	if err := n.Test(t.Context()); err == nil || !strings.Contains(err.Error(), `unknown directive "nonsense"`) {
		t.Errorf("test: got %v", err)
	}
	if err := n.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err == nil || !strings.Contains(err.Error(), `unknown directive "nonsense"`) {
		t.Errorf("start: got %v", err)
	}
	if n.PID() != 0 {
		t.Errorf("process %d after a failed start", n.PID())
	}
}

func TestNginx_StartsAgainAfterStopAndAfterKill(t *testing.T) {
	n := startNginx(t, "one")
	for _, end := range []func() error{
		func() error { return n.Stop(t.Context()) },
		func() error { return n.Kill(t.Context()) },
	} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if got := get(t, n.URL()); !strings.Contains(got, "connection refused") {
			t.Errorf("answer %q of an nginx that was ended", got)
		}
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := get(t, n.URL()); got != "one" {
			t.Errorf("answer %q, want one", got)
		}
	}
}

func TestNginxVersion_IsANumber(t *testing.T) {
	v, err := testbed.NginxVersion(t.Context())
	if err != nil || strings.Count(v, ".") != 2 {
		t.Errorf("got %q, %v", v, err)
	}
}
