package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem/internal/harness/testbed/tb"
)

// runShop starts the program and returns it with what it writes.
func runShop(t *testing.T, program, role string, env ...string) (*exec.Cmd, *output) {
	t.Helper()
	out := &output{}
	cmd := exec.CommandContext(t.Context(), program, strings.Fields(role)...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // most tests have waited for its end
		_ = cmd.Wait()
	})
	return cmd, out
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) contains(part string) error {
	if text := o.String(); !strings.Contains(text, part) {
		return fmt.Errorf("it wrote %q", text)
	}
	return nil
}

func TestShop_BrokenReleasesExitWithALogLine(t *testing.T) {
	program := tb.GoBinary(t, ".")
	listen := fmt.Sprintf("LISTEN=127.0.0.1:%d", tb.Ports(t, 1)[0])
	tests := []struct{ role, env, line string }{
		{"api", "BREAK=exit", "BREAK=exit"},
		{"api", "OVERRIDE_BREAK=exit", "BREAK=exit"},
		{"api", "BREAK=crashloop", "BREAK=crashloop"},
		{"api", "BREAK=exit-after=0.1", "BREAK=exit-after"},
		{"worker", "BREAK=worker-exit", "BREAK=worker-exit"},
		{"worker", "BREAK=restart-after=0.1", "BREAK=restart-after"},
		{"api", "BREAK=nonsense", `cannot read "nonsense"`},
		{"gardener", "", `no role "gardener"`},
		{"", "", "say which role"},
		{"healthcheck", "", "want one URL"},
		{"migrate", "", "want one name"},
		{"migrate expand", "", "MIGRATE: no file"},
		{"scheduler", "", "SCHEDULE: no file"},
	}
	for _, test := range tests {
		cmd, out := runShop(t, program, test.role, listen, test.env)
		err := cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(out.String(), test.line) {
			t.Errorf("%s %s: %v, wrote %q; want exit code 1 and %q", test.role, test.env, err, out, test.line)
		}
	}
}

func TestShop_FinishesWhatItHasBegunWhenItIsStopped(t *testing.T) {
	program := tb.GoBinary(t, ".")
	addr := fmt.Sprintf("127.0.0.1:%d", tb.Ports(t, 1)[0])
	cmd, out := runShop(t, program, "api", "LISTEN="+addr, "START_DELAY=50ms")
	tb.Until(t, 20*time.Second, "the shop", func() error { return healthcheck(t.Context(), "http://"+addr+"/health") })
	answers := make(chan error, 1)
	go func() { answers <- fetch("http://" + addr + "/slow?ms=1000") }()
	// Only then has the shop begun; a request that is still on the wire may be lost.
	tb.Until(t, 20*time.Second, "the request to be taken up", func() error { return out.contains("takes 1000 ms") })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	tb.Until(t, 20*time.Second, "a closed door", func() error {
		if healthcheck(t.Context(), "http://"+addr+"/health") == nil {
			return errors.New("it still answers")
		}
		return nil
	})
	if err := <-answers; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the shop: %v, want a clean exit", err)
	}
}

func fetch(url string) (err error) {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s, body %q, error %v", res.Status, body, err)
	}
	return nil
}

func TestHealthcheck_TellsGoodFromBad(t *testing.T) {
	program := tb.GoBinary(t, ".")
	addr := fmt.Sprintf("127.0.0.1:%d", tb.Ports(t, 1)[0])
	runShop(t, program, "api", "LISTEN="+addr)
	tb.Until(t, 20*time.Second, "the shop", func() error { return healthcheck(t.Context(), "http://"+addr+"/health") })
	good, _ := runShop(t, program, "healthcheck http://"+addr+"/health")
	if err := good.Wait(); err != nil {
		t.Errorf("healthy: %v", err)
	}
	bad, out := runShop(t, program, "healthcheck http://"+addr+"/missing")
	if err := bad.Wait(); err == nil || !strings.Contains(out.String(), "404") {
		t.Errorf("missing page: %v, wrote %q", err, out)
	}
}
