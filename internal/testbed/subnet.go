package testbed

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
)

// freeSubnet picks a block of 4,096 addresses that no interface of this machine has,
// out of those that are set aside for tests of networks (RFC 2544, 198.18.0.0/15).
func freeSubnet() (netip.Prefix, error) {
	taken, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Prefix{}, err
	}
	for _, i := range rand.Perm(32) {
		block := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, byte(18 + i/16), byte(i % 16 * 16), 0}), 20)
		if !overlaps(block, taken) {
			return block, nil
		}
	}
	return netip.Prefix{}, errors.New("find a free subnet: every block of 198.18.0.0/15 is in use")
}

func overlaps(block netip.Prefix, taken []net.Addr) bool {
	for _, a := range taken {
		if p, err := netip.ParsePrefix(a.String()); err == nil && block.Overlaps(p) {
			return true
		}
	}
	return false
}
