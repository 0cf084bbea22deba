package scaffold

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// askedPattern is the address that a health command asks: of the container itself, by
// whatever name.
var askedPattern = regexp.MustCompile(`(?i)(https?://)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|\$\{?HOSTNAME\}?)(?::(\d+))?(/[^\s"'` + "`" + `|;&)>\\]*)?`)

// bashSocket is how Bash opens a connection: its path is none of the app's.
var bashSocket = regexp.MustCompile(`/dev/tcp/\S+`)

// asked is what a health command asks for.
type asked struct {
	port int
	path string
	tls  bool
}

func askedBy(s *service) (asked, bool) {
	if s.HealthCheck == nil || s.HealthCheck.Disable {
		return asked{}, false
	}
	for _, m := range askedPattern.FindAllStringSubmatch(bashSocket.ReplaceAllString(strings.Join(s.HealthCheck.Test, " "), ""), -1) {
		port, _ := strconv.Atoi(m[2]) // the pattern has digits alone, or none
		if m[1] == "" && m[2] == "" && m[3] == "" || notHTTP(port) && port != 443 && port != 8443 {
			continue
		}
		a := asked{port: port, path: m[3], tls: strings.EqualFold(m[1], "https://")}
		if a.path == "" {
			a.path = "/"
		}
		return a, true
	}
	return asked{}, false
}

func healthPort(s *service) int {
	a, ok := askedBy(s)
	if !ok || a.tls {
		return 0
	}
	return a.port
}

// healthOf fills in the path of a route that tells whether the service is well.
func (g *guesser) healthOf(r *Route, s *service) {
	const redirects = "200-399"
	if path := g.said.Health[s.Name]; path != "" {
		r.Path = path
		return
	}
	if a, ok := askedBy(s); ok && !a.tls && validPath(a.path) && (a.port == 0 || isStandIn(a.port) || g.mayBePort(s, a.port)) {
		r.Path, r.Why = a.path, "its health check asks for it"
		if a.path == "/" {
			r.Status = redirects
		}
		return
	}
	path, ok := lookUp(s.image, knownHealth)
	if frontend := strings.Contains(s.Name+s.image.tag, "frontend"); ok && s.Build == nil && (!frontend || !strings.HasPrefix(path, "/api")) {
		r.Path, r.Why = path, "known of "+strings.TrimPrefix(s.image.path, "library/")
		if path == "/" || strings.HasSuffix(path, "/") && !strings.Contains(path, "health") {
			r.Status = redirects
		}
		return
	}
	r.Path, r.Status, r.Doubt = "/", redirects, true
	r.Why = "a guess; better is a path that answers 200 only when the app is well"
}

// mayBePort tells whether a port of a health command is the one that requests go to: a
// service that has others may ask another one for its health.
func (g *guesser) mayBePort(s *service, number int) bool {
	var known []int
	for _, p := range tcpPorts(s) {
		known = append(known, p.number)
	}
	known = append(known, exposedPorts(s)...)
	return len(known) == 0 || slices.Contains(known, number)
}

func validPath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.ContainsAny(path, "#$%{}<> ")
}
