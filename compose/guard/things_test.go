package guard_test

import (
	"net"
	"net/netip"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"
	moby "github.com/moby/moby/client"

	"tandem/reconciler/deploy"
)

// TestGuard_MakesNoNetworkThatReachesTheHost hands the engine's layer networks that no
// Compose file gets as far as this.
func TestGuard_MakesNoNetworkThatReachesTheHost(t *testing.T) {
	b := newBed(t, "networks")
	raw, guarded := b.raw, b.guarded
	subnet := func(text string) *network.IPAM {
		return &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix(text)}}}
	}
	option := func(key, value string) moby.NetworkCreateOptions {
		return moby.NetworkCreateOptions{Options: map[string]string{key: value}}
	}
	for what, o := range map[string]moby.NetworkCreateOptions{
		"the network that this host is in":     {IPAM: subnet(ownNetwork(t).String())},
		"a part of the network that it is in":  {IPAM: subnet(netip.PrefixFrom(ownNetwork(t).Addr(), ownNetwork(t).Bits()+1).Masked().String())},
		"the loopback addresses":               {IPAM: subnet("127.0.0.0/8")},
		"somebody else's name server":          {IPAM: subnet("9.9.9.0/24")},
		"more than a private network":          {IPAM: subnet("10.0.0.0/7")},
		"the addresses of a cloud's metadata":  {IPAM: subnet("169.254.169.252/30")},
		"all addresses of IPv6":                {IPAM: subnet("::/0")},
		"a program that gives out addresses":   {IPAM: &network.IPAM{Driver: "dhcp"}},
		"options for giving out addresses":     {IPAM: &network.IPAM{Options: map[string]string{"x": "y"}}},
		"the network of the host":              {Driver: "host"},
		"the network that the host is in":      {Driver: "macvlan"},
		"a program that makes networks":        {Driver: "weave"},
		"a bridge of the host":                 option("com.docker.network.bridge.name", "docker0"),
		"ports on all addresses":               option("com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"),
		"ports that are open without a word":   option("com.docker.network.bridge.gateway_mode_ipv4", "nat-unprotected"),
		"neighbours that may come in":          option("com.docker.network.bridge.trusted_host_interfaces", "eth0"),
		"what a newer engine has":              option("com.docker.network.bridge.tomorrow", "yes"),
		"a network that others are made from":  {ConfigOnly: true},
		"a network made from one of the hosts": {ConfigFrom: "hosts"},
		"the engine's own way in":              {Ingress: true},
	} {
		t.Run(what, func(t *testing.T) {
			name := b.app.Project(deploy.Blue) + "_hostile"
			o.Labels = map[string]string{"com.docker.compose.project": b.app.Project(deploy.Blue)}
			made, err := guarded.NetworkCreate(t.Context(), name, o)
			if !isNotAllowed(err) {
				t.Errorf("got %v, want a refusal", err)
			}
			if err == nil {
				_, err = raw.NetworkRemove(t.Context(), made.ID, moby.NetworkRemoveOptions{})
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	t.Run("a name of the engine's own", func(t *testing.T) {
		for _, name := range []string{"host", "none", "bridge", "container:x", "/x", ""} {
			if _, err := guarded.NetworkCreate(t.Context(), name, moby.NetworkCreateOptions{}); !isNotAllowed(err) {
				t.Errorf("%q: got %v, want a refusal", name, err)
			}
		}
	})
}

// ownNetwork is one that this host is in.
func ownNetwork(t *testing.T) netip.Prefix {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() && p.Bits() < 31 {
			return p.Masked()
		}
	}
	t.Fatal("this host is in no network") // Docker's own bridge is one
	return netip.Prefix{}
}

func TestGuard_MakesNoVolumeThatReachesTheHost(t *testing.T) {
	b := newBed(t, "volumes")
	raw, guarded := b.raw, b.guarded
	options := func(pairs ...string) moby.VolumeCreateOptions {
		o := moby.VolumeCreateOptions{DriverOpts: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			o.DriverOpts[pairs[i]] = pairs[i+1]
		}
		return o
	}
	for what, o := range map[string]moby.VolumeCreateOptions{
		"a directory":                options("type", "none", "o", "bind", "device", "/etc"),
		"a directory, of no type":    options("o", "bind", "device", "/etc"),
		"a directory and below":      options("type", "tmpfs", "o", "size=1m,rbind", "device", "/"),
		"layers of directories":      options("type", "overlay", "o", "lowerdir=/etc:/usr", "device", "overlay"),
		"a disk":                     options("type", "ext4", "device", "/dev/vda1"),
		"another host's directory":   options("type", "nfs", "o", "addr=10.0.0.1", "device", ":/"),
		"the kernel's own":           options("type", "proc", "device", "proc"),
		"device files":               options("type", "tmpfs", "device", "tmpfs", "o", "dev"),
		"what a newer engine has":    options("tomorrow", "yes"),
		"a program that makes it":    {Driver: "sshfs"},
		"one of a cluster":           {ClusterVolumeSpec: &volume.ClusterVolumeSpec{}},
		"a name that is a directory": {Name: "/etc"},
	} {
		t.Run(what, func(t *testing.T) {
			if o.Name == "" {
				o.Name = b.app.Project(deploy.Blue) + "_hostile"
			}
			_, err := guarded.VolumeCreate(t.Context(), o)
			if !isNotAllowed(err) {
				t.Errorf("got %v, want a refusal", err)
			}
			if err == nil {
				_, err = raw.VolumeRemove(t.Context(), o.Name, moby.VolumeRemoveOptions{})
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestGuard_MakesNetworksAndVolumesOfTheAppsOwn has what is harmless in them.
func TestGuard_MakesNetworksAndVolumesOfTheAppsOwn(t *testing.T) {
	b := newBed(t, "own-things")
	raw, guarded, projectName := b.raw, b.guarded, b.app.Project(deploy.Blue)
	labels := map[string]string{"com.docker.compose.project": projectName}
	made, err := guarded.NetworkCreate(t.Context(), projectName+"_back", moby.NetworkCreateOptions{
		Labels: labels, Options: map[string]string{"com.docker.network.driver.mtu": "1400"},
		IPAM: &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix("10.213.97.0/28")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.NetworkRemove(t.Context(), made.ID, moby.NetworkRemoveOptions{}); err != nil {
		t.Error(err)
	}
	_, err = guarded.VolumeCreate(t.Context(), moby.VolumeCreateOptions{
		Name: projectName + "_scratch", Labels: labels, DriverOpts: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.VolumeRemove(t.Context(), projectName+"_scratch", moby.VolumeRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
		t.Error(err)
	}
}
