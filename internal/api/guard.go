package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// header must be on every request that acts. A page of another site cannot set
// it without asking first (a CORS preflight), and the server never says yes.
const header = "X-Tandem"

// local lets a request through only if it was addressed to this machine by a
// name that no DNS server can give to somebody else. Without it, a hostile page
// could point its own name at 127.0.0.1 and read and act as if it were the same
// origin. Nor may it come through a proxy: that asks on behalf of others, and the
// peer's address and the Host header are its own.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.Host) {
			refuse(w, "this interface answers only to a loopback address or localhost in the Host header")
			return
		}
		if name := forwarded(r.Header); name != "" {
			refuse(w, "this interface answers only to this host, and the header "+name+" says that a proxy asks for somebody else: "+
				"ask directly, or set api.token_file and send the token")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// forwarded returns a header that only a proxy sends, empty where there is none. One
// without a value counts.
func forwarded(h http.Header) string {
	for name := range h {
		switch {
		case strings.HasPrefix(name, "X-Forwarded"), strings.HasPrefix(name, "X-Original-"), strings.HasPrefix(name, "Cf-"):
			return name
		}
		switch name {
		case "Forwarded", "Via", "X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Fastly-Client-Ip",
			"X-Envoy-External-Address", "X-Proxyuser-Ip", "X-Appengine-User-Ip", "X-Azure-Clientip", "X-Remote-Ip", "X-Remote-Addr":
			return name
		}
	}
	return ""
}

// deliberate lets a request through only if no browser sent it on behalf of
// another page.
func deliberate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case r.Header.Get(header) != "1":
			refuse(w, "a request that acts needs the header "+header+": 1")
		case r.Header.Values("Origin") != nil:
			refuse(w, "a request that acts must not come from a web page (Origin)")
		case site != "" && site != "same-origin" && site != "none":
			refuse(w, "a request that acts must not come from another site (Sec-Fetch-Site)")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// loopback tells whether the Host header of a request names this machine.
func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

func refuse(w http.ResponseWriter, why string) {
	answer(w, http.StatusForbidden, failure{Error: why})
}
