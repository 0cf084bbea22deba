package load

import (
	"crypto/tls"
	"net"
	"time"
)

// dialer opens connections to the one server.
type dialer struct {
	addr    string
	timeout time.Duration
	tls     *tls.Config // nil: no TLS
}

// open does not know the run's context: a connection that is being opened when
// the run ends is finished like a request, so that it is not a failure.
func (d dialer) open() (net.Conn, error) {
	nd := &net.Dialer{Timeout: d.timeout}
	if d.tls == nil {
		return nd.Dial("tcp", d.addr)
	}
	return tls.DialWithDialer(nd, "tcp", d.addr, d.tls)
}
