package testbed

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Ports are TCP ports of this machine that nobody listens on and that no
// other process using this package is given until Close.
type Ports struct {
	Numbers []int
	held    *os.File
}

// ReservePorts finds n ports that are free on every address. They lie below
// the range from which the kernel takes the local ports of outgoing
// connections, because a busy client would otherwise now and then sit on a
// port that a server is about to be given.
func ReservePorts(n int) (*Ports, error) {
	first, last, err := portWindow()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "tandem-ports.lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("reserve ports: %w", err)
	}
	p := &Ports{held: f}
	size := last - first + 1
	// A random start keeps a port that was just given back out of use for a
	// while: what listened there may still be going away.
	start := rand.IntN(size)
	for i := 0; i < size && len(p.Numbers) < n; i++ {
		port := first + (start+i)%size
		if p.hold(port) && free(port) {
			p.Numbers = append(p.Numbers, port)
		}
	}
	if len(p.Numbers) < n {
		return nil, errors.Join(fmt.Errorf("reserve %d ports: only %d of %d to %d are free", n, len(p.Numbers), first, last), p.Close())
	}
	return p, nil
}

// Close gives the ports back.
func (p *Ports) Close() error { return p.held.Close() }

// hold locks one byte of the lock file, at the offset that is the port. The
// lock belongs to the open file, so it also holds within this process.
func (p *Ports) hold(port int) bool {
	one := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(port), Len: 1}
	return unix.FcntlFlock(p.held.Fd(), unix.F_OFD_SETLK, &one) == nil
}

// free tells whether somebody could listen on the port on all addresses.
func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// portWindow returns the lowest and the highest port to give out.
func portWindow() (first, last int, err error) {
	const file = "/proc/sys/net/ipv4/ip_local_port_range"
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, err
	}
	return windowBelow(strings.TrimSpace(string(data)))
}

// windowBelow reads a range of ephemeral ports ("32768 60999") and returns a
// window outside of it: 23000 to 27999 on most machines.
func windowBelow(ephemeral string) (first, last int, err error) {
	var low, high int
	if _, err := fmt.Sscan(ephemeral, &low, &high); err != nil {
		return 0, 0, fmt.Errorf("read range of ephemeral ports %q: %w", ephemeral, err)
	}
	switch {
	case low > 27999 || high < 23000:
		return 23000, 27999, nil
	case low > 2048:
		return max(1025, low-5000), low - 1, nil
	case high < 64000:
		return high + 1, 65535, nil
	default:
		return 0, 0, fmt.Errorf("no room for servers beside the ephemeral ports %d to %d", low, high)
	}
}
