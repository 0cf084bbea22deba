package config

import (
	"fmt"
	"net"
)

// OwnPorts are the ports of this host that are the agent's, each with what it is for.
// No route can have one, whatever address it is on: a site would lead to it.
func (c Config) OwnPorts() map[int]string {
	own := map[int]string{}
	for _, x := range []struct{ key, address, what string }{
		{"nginx.confirm", c.Nginx.Confirm, "Nginx tells there which color is live"},
		{"listen", c.Listen, "the agent's own API is there"},
	} {
		_, name, err := net.SplitHostPort(x.address)
		if err != nil {
			continue // which Load refuses
		}
		if port, err := net.LookupPort("tcp", name); err == nil && port != 0 {
			own[port] = fmt.Sprintf("%s (%s: %s)", x.what, x.key, x.address)
		}
	}
	return own
}
