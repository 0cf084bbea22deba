package scaffold

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// port is a TCP port of a container that the files publish.
type port struct {
	number    int
	published bool
}

// tcpPorts are the ports that a service publishes, without those of UDP.
func tcpPorts(s *service) []port {
	var all []port
	for _, p := range s.Ports {
		if (p.Protocol == "" || p.Protocol == "tcp") && !slices.Contains(all, port{int(p.Target), true}) {
			all = append(all, port{int(p.Target), true})
		}
	}
	return all
}

// exposedPorts are those that the files expose.
func exposedPorts(s *service) []int {
	var all []int
	for _, text := range s.Expose {
		number, protocol, _ := strings.Cut(text, "/")
		if n, err := strconv.Atoi(number); err == nil && protocol != "udp" && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// notHTTP knows the ports of other protocols, and those on which only TLS is spoken.
func notHTTP(number int) bool {
	return slices.Contains([]int{21, 22, 25, 53, 110, 143, 443, 465, 587, 636, 853, 993, 995, 1025, 1883, 2222, 3306, 3478, 5222, 5432, 5672, 6379, 8443, 8883, 9443, 9229, 11211, 27017}, number)
}

// usual are the ports on which most apps listen, the likeliest first.
var usual = []int{80, 8080, 3000, 8000, 5000, 8081, 9000, 4000, 1337, 5173}

// portOf fills in the port of a route, where the file does not say it by having one alone.
func (g *guesser) portOf(r *Route, s *service) {
	var numbers []int
	for _, p := range tcpPorts(s) {
		numbers = append(numbers, p.number)
	}
	said := len(numbers)
	for _, n := range exposedPorts(s) {
		if !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	if labelled := labelledPort(s); labelled != 0 {
		if !slices.Equal(numbers, []int{labelled}) {
			r.Port, r.PortWhy = labelled, "as its labels say"
		}
		return
	}
	switch plain := slices.DeleteFunc(slices.Clone(numbers), notHTTP); {
	case len(numbers) == 1:
		r.TLS = numbers[0] == 443 || numbers[0] == 8443
		return
	case len(numbers) == 0:
		r.Port, r.PortWhy = g.unsaidPort(s)
		r.Doubt = true
		return
	case len(plain) == 0:
		r.Port, r.PortWhy = numbers[0], "the first of "+list(numbers)
		r.TLS = numbers[0] == 443 || numbers[0] == 8443
	case said > 0 && !notHTTP(numbers[0]):
		r.Port, r.PortWhy = best(plain[:max(1, min(said, len(plain)))]), "of "+list(numbers)
	default:
		r.Port, r.PortWhy = best(plain), "of "+list(numbers)
	}
	if isStandIn(r.Port) {
		r.Port, r.PortWhy = 0, ""
	}
}

// best is the likeliest of several ports.
func best(numbers []int) int {
	for _, n := range usual {
		if slices.Contains(numbers, n) {
			return n
		}
	}
	return numbers[0]
}

// unsaidPort guesses a port that the Compose file does not say.
func (g *guesser) unsaidPort(s *service) (number int, why string) {
	for _, name := range []string{"VIRTUAL_PORT", "PORT", "HTTP_PORT", "SERVER_PORT"} {
		if v := s.Environment[name]; v != nil {
			if n, err := strconv.Atoi(*v); err == nil && n > 0 {
				return n, "its " + name
			}
		}
	}
	if len(s.expose) > 0 {
		return best(s.expose), "its Dockerfile exposes it"
	}
	if n := healthPort(s); n != 0 {
		return n, "its health check asks it"
	}
	if n, ok := lookUp(s.image, knownPort); ok {
		return n, "the usual one of " + s.image.name
	}
	if n, ok := lookUp(s.base, knownPort); ok {
		return n, "the usual one of " + s.base.name
	}
	return 80, "a guess: the Compose file publishes and exposes none"
}

var upstreamsPattern = regexp.MustCompile(`\{\{\s*upstreams(?:\s+https?)?\s+(\d+)\s*\}\}`)

// labelledPort is the one that labels for a proxy name, or 0.
func labelledPort(s *service) int {
	for key, value := range s.Labels {
		key = strings.ToLower(key)
		if strings.HasPrefix(key, "traefik.http.services.") && strings.HasSuffix(key, ".loadbalancer.server.port") {
			if n, err := strconv.Atoi(value); err == nil {
				return n
			}
		}
		if m := upstreamsPattern.FindStringSubmatch(value); m != nil && strings.HasPrefix(key, "caddy") {
			if n, err := strconv.Atoi(m[1]); err == nil {
				return n
			}
		}
	}
	if v := s.Environment["VIRTUAL_PORT"]; v != nil {
		if n, err := strconv.Atoi(*v); err == nil {
			return n
		}
	}
	return 0
}

func list(numbers []int) string {
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ", ")
}
