package listening

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func portOf(t *testing.T, l net.Listener) int {
	t.Helper()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOn_FindsWhoGetsConnectionsTo127001AndNobodyElse(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:0": true, "0.0.0.0:0": true, "[::]:0": true, "127.0.0.2:0": false, "[::1]:0": false,
	} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: not on this host: %v", address, err)
			continue
		}
		port := portOf(t, l)
		found, err := On("/proc", []int{port})
		if err != nil {
			t.Fatal(err)
		}
		p, held := found[port]
		if held != want {
			t.Errorf("%s: held is %v, want %v", address, held, want)
		}
		if held && (p.PID != os.Getpid() || p.Name == "" || !strings.Contains(p.String(), fmt.Sprintf("(pid %d)", os.Getpid()))) {
			t.Errorf("%s: it is held by %s, want this process, %d", address, p, os.Getpid())
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if found, err := On("/proc", []int{port}); err != nil || len(found) > 0 {
			t.Errorf("%s: once it is closed: %v, %v", address, found, err)
		}
	}
}

func TestOn_AConnectionFromThePortIsNoListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, port, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := On("/proc", []int{n}); err != nil || len(found) > 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestHolder_FindsWhoKeepsOthersFromListening(t *testing.T) {
	for _, c := range []struct {
		protocol, has, wants string
		held                 bool
	}{
		{"tcp", "127.0.0.1", "127.0.0.1", true},
		{"tcp", "127.0.0.1", "0.0.0.0", true},
		{"tcp", "0.0.0.0", "127.0.0.1", true},
		{"tcp", "127.0.0.2", "127.0.0.1", false},
		{"udp", "127.0.0.1", "127.0.0.1", true},
		{"udp", "0.0.0.0", "127.0.0.3", true},
		{"udp", "127.0.0.2", "127.0.0.1", false},
	} {
		holds, port := listen(t, c.protocol, c.has+":0")
		for protocol, want := range map[string]bool{c.protocol: c.held, map[string]string{"tcp": "udp", "udp": "tcp"}[c.protocol]: false} {
			at := netip.AddrPortFrom(netip.MustParseAddr(c.wants), uint16(port))
			if p, held, err := Holder("/proc", protocol, at); err != nil || held != want || held && p.PID != os.Getpid() {
				t.Errorf("%s on %s, %s wanted on %s: held is %v, by %s (%v), want %v", c.protocol, c.has, protocol, at, held, p, err, want)
			}
		}
		if err := holds.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// listen has a port for itself until it is closed.
func listen(t *testing.T, protocol, address string) (io.Closer, int) {
	t.Helper()
	if protocol == "tcp" {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return l, portOf(t, l)
	}
	l, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l, l.LocalAddr().(*net.UDPAddr).Port
}

// table is a /proc with one table of sockets and one process.
func table(t *testing.T, lines, comm string) string {
	t.Helper()
	proc := t.TempDir()
	for name, text := range map[string]string{"self/net/tcp": "heading\n" + lines, "7/comm": comm} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(proc, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(proc, "7/fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("socket:[4711]", filepath.Join(proc, "7/fd/3")); err != nil {
		t.Fatal(err)
	}
	return proc
}

func TestOn_TellsNoNameThatWouldChangeATerminal(t *testing.T) {
	proc := table(t, "0: 0100007F:0BB9 00000000:0000 0A 0:0 00:0 0 0 0 4711\n", "evil\x1b[2J\u202edb\n")
	found, err := On(proc, []int{3001})
	if got := found[3001].String(); err != nil || got != `the program evil\x1b[2J\u202edb (pid 7)` {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOn_AProgramThatCannotBeLookedIntoHasNoName(t *testing.T) {
	proc := table(t, "0: 00000000:0BB9 00000000:0000 0A 0:0 00:0 0 0 0 4712\n", "postgres")
	found, err := On(proc, []int{3001, 3002})
	if got := found[3001].String(); err != nil || len(found) != 1 || got != "another program of this host" {
		t.Errorf("got %v, %q, %v", found, got, err)
	}
}

func TestOn_ATableThatCannotBeReadIsAnError(t *testing.T) {
	for name, lines := range map[string]string{"an address": "0: 0100:0BB9 0 0A 0 0 0 0 0 1\n", "a port": "0: 0100007F:XXXX 0 0A 0 0 0 0 0 1\n"} {
		if found, err := On(table(t, lines, ""), []int{3001}); err == nil {
			t.Errorf("%s: got %v and no error", name, found)
		}
	}
	if found, err := On(t.TempDir(), []int{3001}); err == nil {
		t.Errorf("no table: got %v and no error", found)
	}
}
