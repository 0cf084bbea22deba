package guard

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/moby/moby/api/types/network"

	"tandem/compose/policy"
)

// addresses judges the addresses of a network that is to be made. This host sends
// whatever is for them to the containers, so they may be neither those of others
// anywhere, nor those that this host has neighbours or name servers in.
func (j judge) addresses(name string, ipam network.IPAM) []trouble {
	var all []trouble
	if ipam.Driver != "" && ipam.Driver != "default" || len(ipam.Options) > 0 {
		all = append(all, trouble{policy.AllowHostPrograms, "the addresses of the network " + name + " are given out by " + ipam.Driver})
	}
	for _, pool := range ipam.Config {
		for _, used := range hostAddresses() {
			if pool.Subnet.Overlaps(used) {
				all = append(all, trouble{policy.AllowHostNamespaces, fmt.Sprintf("the network %s would take %s, where this host reaches %s", name, pool.Subnet, used)})
				break
			}
		}
		if pool.Subnet.IsValid() && !policy.IsPrivateSubnet(pool.Subnet) {
			all = append(all, trouble{policy.AllowHostNamespaces, fmt.Sprintf("the network %s would take %s, the addresses of others", name, pool.Subnet)})
		}
	}
	return all
}

// hostAddresses are the networks that this host is in, and its name servers. What
// cannot be read is left out: the engine refuses what overlaps with a network of its own.
func hostAddresses() []netip.Prefix {
	var all []netip.Prefix
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Masked())
		}
	}
	// The second has those that the first only leads to.
	for _, path := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) < 2 || fields[0] != "nameserver" {
				continue
			}
			if ip, err := netip.ParseAddr(fields[1]); err == nil {
				all = append(all, netip.PrefixFrom(ip.WithZone(""), ip.BitLen()))
			}
		}
		_ = f.Close() // it was only read
	}
	return all
}
