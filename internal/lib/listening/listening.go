package listening

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tandem/internal/lib/plaintext"
)

// Program is one that listens. Its name and id are there where this process may
// look into it, which takes as many rights as it has.
type Program struct {
	Name string // as the kernel has it; empty: not known
	PID  int
}

// String names the program as people do.
func (p Program) String() string {
	if p.Name == "" {
		return "another program of this host"
	}
	return fmt.Sprintf("the program %s (pid %d)", p.Name, p.PID)
}

// On returns who listens on the ports for connections to 127.0.0.1: also who does
// so on every address. A port on which nobody listens has no entry. proc is where
// proc(5) is, "/proc".
func On(proc string, ports []int) (map[int]Program, error) {
	wanted := map[uint16]bool{}
	for _, port := range ports {
		wanted[uint16(port)] = true
	}
	return programs(proc, "tcp", func(at netip.AddrPort) bool { return wanted[at.Port()] && answers(at.Addr()) })
}

// Holder returns who keeps others from listening at the address: who listens there, or on
// every address, and for a wildcard whoever has the port anywhere. protocol is "tcp" or
// "udp".
func Holder(proc, protocol string, at netip.AddrPort) (p Program, held bool, err error) {
	found, err := programs(proc, protocol, func(other netip.AddrPort) bool {
		return other.Port() == at.Port() && (at.Addr().IsUnspecified() || other.Addr().IsUnspecified() || other.Addr().Unmap() == at.Addr().Unmap())
	})
	p, held = found[int(at.Port())]
	return p, held, err
}

// programs returns those whose sockets are wanted, by port.
func programs(proc, protocol string, wanted func(netip.AddrPort) bool) (map[int]Program, error) {
	sockets := map[string]int{} // inode -> port
	for _, table := range []string{protocol, protocol + "6"} {
		err := listeners(filepath.Join(proc, "self/net", table), protocol, wanted, sockets)
		if err != nil && !(table != protocol && errors.Is(err, fs.ErrNotExist)) { // a kernel without IPv6
			return nil, err
		}
	}
	found := map[int]Program{}
	for _, port := range sockets {
		found[port] = Program{}
	}
	if len(found) > 0 {
		name(proc, sockets, found)
	}
	return found, nil
}

// listeners adds the wanted sockets of one table that listen. The kernel lists those of
// TCP first, so the connections of a busy host are not read.
func listeners(table, protocol string, wanted func(netip.AddrPort) bool, sockets map[string]int) error {
	f, err := os.Open(table)
	if err != nil {
		return fmt.Errorf("read who listens: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewScanner(f)
	lines.Scan() // the heading
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		const local, state, inode, listens, unconnected = 1, 3, 9, "0A", "07"
		if len(fields) <= inode || protocol == "tcp" && fields[state] != listens {
			break
		}
		if protocol == "udp" && fields[state] != unconnected {
			continue
		}
		at, err := Address(fields[local])
		if err != nil {
			return fmt.Errorf("read who listens: %w", err)
		}
		if wanted(at) {
			sockets[fields[inode]] = int(at.Port())
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read who listens: %w", err)
	}
	return nil
}

// answers tells whether who listens on the address gets connections to 127.0.0.1.
// A wildcard of IPv6 may be meant for IPv6 alone, which this table does not say.
func answers(ip netip.Addr) bool {
	return ip.IsUnspecified() || ip.Unmap() == netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// Address reads an address as /proc/net/tcp has it, "0100007F:0BB9": words of four bytes
// in the machine's order, and the port as people write it. See proc(5).
func Address(s string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(address)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("address %q", s)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port of %q: %w", s, err)
	}
	ip, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip, uint16(n)), nil
}

// name finds whose the sockets are. What this process may not look into stays
// without a name.
func name(proc string, sockets map[string]int, found map[int]Program) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return
	}
	left := len(sockets)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		fds, err := os.ReadDir(filepath.Join(proc, e.Name(), "fd"))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			link, err := os.Readlink(filepath.Join(proc, e.Name(), "fd", fd.Name()))
			if err != nil {
				continue
			}
			inode, ok := strings.CutPrefix(link, "socket:[")
			port, ours := sockets[strings.TrimSuffix(inode, "]")]
			if !ok || !ours || found[port].Name != "" {
				continue
			}
			comm, err := os.ReadFile(filepath.Join(proc, e.Name(), "comm"))
			if err != nil {
				continue
			}
			found[port] = Program{plaintext.Line(string(comm)), pid}
			if left--; left == 0 {
				return
			}
		}
	}
}
