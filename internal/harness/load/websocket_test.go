package load_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/harness/load"
	"tandem/internal/harness/testbed/tb"
)

// shop runs the example's program, as a process of this machine.
func shop(t *testing.T, program string, port int) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "api")
	cmd.Env = append(os.Environ(), fmt.Sprintf("LISTEN=127.0.0.1:%d", port), "COLOR=blue", "TAG=7", "STORE=", "BREAK=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // most tests have ended it
		_ = cmd.Wait()
	})
	tb.Until(t, patience, "the shop", func() error { return answers(t, port) })
	return cmd
}

func answers(t *testing.T, port int) error {
	t.Helper()
	r, err := load.Run(t.Context(), load.Options{URL: fmt.Sprintf("http://127.0.0.1:%d", port), Connections: 1, Requests: 1})
	if err != nil {
		return err
	}
	return r.Wait().Err()
}

// held starts a load of WebSockets alone and returns when each has echoed.
func held(t *testing.T, port, n int) *load.Runner {
	t.Helper()
	r, err := load.Run(t.Context(), load.Options{
		URL: fmt.Sprintf("http://127.0.0.1:%d", port), Connections: -1, WebSockets: n, EchoEvery: time.Millisecond, Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Stop() })
	tb.Until(t, patience, "echoes on every WebSocket", func() error { return echoing(r.Report(), n) })
	return r
}

func echoing(r load.Report, n int) error {
	if len(r.Sessions) < n {
		return fmt.Errorf("%d sessions", len(r.Sessions))
	}
	for _, s := range r.Sessions {
		if s.Messages < 3 {
			return errors.New(s.String())
		}
	}
	return nil
}

func TestWebSockets_StayOpenUntilTheLoadEnds(t *testing.T) {
	port := tb.Ports(t, 1)[0]
	shop(t, tb.GoBinary(t, "../../../examples/minimal/app"), port)
	got := held(t, port, 5).Stop()
	if err := got.Err(); err != nil {
		t.Error(err)
	}
	if len(got.Sessions) != 5 {
		t.Errorf("%d sessions, want 5", len(got.Sessions))
	}
	for _, s := range got.Sessions {
		if s.Early() || s.Closed.IsZero() || s.Answer != (load.Answer{Color: "blue", Tag: "7"}) {
			t.Errorf("session %+v, want one that blue 7 held to the end", s)
		}
	}
}

func TestWebSockets_EarlyEndIsCountedWithItsReasonAndOpenedAgain(t *testing.T) {
	program := tb.GoBinary(t, "../../../examples/minimal/app")
	tests := map[string]struct {
		signal  syscall.Signal
		reasons []string
	}{
		"stopped": {syscall.SIGTERM, []string{"code 1001"}},
		"killed":  {syscall.SIGKILL, []string{"eof", "reset"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			port := tb.Ports(t, 1)[0]
			cmd := shop(t, program, port)
			r := held(t, port, 3)
			before := time.Now()
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			tb.Until(t, patience, "the end of every WebSocket", func() error {
				if got := r.Report(); len(got.Early()) != 3 || got.Handshakes == 0 {
					return errors.New(got.String())
				}
				return nil
			})
			_ = cmd.Wait() // it ends by the signal
			shop(t, program, port)
			tb.Until(t, patience, "WebSockets that are open again", func() error {
				if got := r.Report(); len(got.Sessions) < 6 {
					return errors.New(got.String())
				}
				return nil
			})
			got := r.Stop()
			if len(got.Early()) != 3 || got.Err() == nil {
				t.Errorf("got %s, want 3 that ended early", got)
			}
			for _, s := range got.Early() {
				if !containsAny(s.Reason, test.reasons) || s.Closed.Before(before) {
					t.Errorf("session %s at %s: want one of %q after %s", s, s.Closed, test.reasons, before)
				}
			}
		})
	}
}

func TestWebSockets_AnEndpointThatDoesNotUpgradeIsCounted(t *testing.T) {
	port := tb.Ports(t, 1)[0]
	shop(t, tb.GoBinary(t, "../../../examples/minimal/app"), port)
	r, err := load.Run(t.Context(), load.Options{
		URL: fmt.Sprintf("http://127.0.0.1:%d", port), Connections: -1, WebSockets: 1, WebSocketPath: "/health",
	})
	if err != nil {
		t.Fatal(err)
	}
	tb.Until(t, patience, "a failed handshake", func() error {
		if r.Report().Handshakes == 0 {
			return errors.New("none")
		}
		return nil
	})
	if got := r.Stop(); got.Err() == nil || len(got.Sessions) != 0 {
		t.Errorf("got %s, want an error and no session", got)
	}
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}
