package nginx

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tandem/internal/lib/listening"
	"tandem/reconciler/deploy"
)

// Connections counts the connections to the stack of that color that are open in
// the network that Nginx lives in. An upstream connection that Nginx keeps for the
// next request counts, and is closed a second after the last one. In reload mode,
// and where Nginx has a network of its own, WebSockets are not told apart.
func (p *Proxy) Connections(ctx context.Context, app deploy.App, color deploy.Color) (deploy.Connections, error) {
	var open deploy.Connections
	if err := ctx.Err(); err != nil { // the tables of the kernel can be read all the same
		return open, err
	}
	v, err := p.inspect(ctx)
	if err != nil {
		return open, err
	}
	peers := map[netip.AddrPort]bool{}
	proc := "/proc/self/net"
	if v.bridged {
		if v.stopped != "" {
			return open, nil
		}
		proc = "/proc/" + strconv.Itoa(v.pid) + "/net"
		if peers, err = p.peersInside(ctx, v, app, color); err != nil {
			return open, err
		}
	} else {
		for _, r := range routesIn(app, color) {
			peers[netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(r.Ports.Of(color)))] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		n, err := connected(filepath.Join(proc, table), peers)
		if errors.Is(err, fs.ErrNotExist) && table == "tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return open, err
		}
		open.Requests += n.Requests
		open.WebSockets += n.WebSockets
	}
	return open, nil
}

// routesIn are the routes of the app, and those that only the stack of the color has.
func routesIn(app deploy.App, color deploy.Color) (all []deploy.FormerRoute) {
	for _, r := range app.Routes {
		all = append(all, deploy.FormerRoute{Route: r, Color: color, Of: app})
	}
	for _, f := range app.FormerRoutes {
		if f.Color == color {
			all = append(all, f)
		}
	}
	return all
}

// connected counts the established connections to one of the peers in the table
// of proc(5). Those from the address that only the groups for WebSockets use are
// WebSockets.
func connected(table string, peers map[netip.AddrPort]bool) (found deploy.Connections, err error) {
	f, err := os.Open(table)
	if err != nil {
		return found, fmt.Errorf("read connections: %w", err)
	}
	lines := bufio.NewScanner(f)
	lines.Scan() // the heading
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		const local, remote, state, established = 1, 2, 3, "01"
		if len(fields) <= state || fields[state] != established {
			continue
		}
		peer, err := listening.Address(fields[remote])
		from, err2 := listening.Address(fields[local])
		if err := errors.Join(err, err2); err != nil {
			return found, errors.Join(fmt.Errorf("read connections: %w", err), f.Close())
		}
		switch {
		case !peers[netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())]:
		case from.Addr().Unmap() == sockets:
			found.WebSockets++
		default:
			found.Requests++
		}
	}
	return found, errors.Join(lines.Err(), f.Close())
}

var sockets = netip.MustParseAddr(socketAddress)
