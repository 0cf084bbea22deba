package nginx

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"tandem/internal/lib/listening"
	"tandem/reconciler/deploy"
)

// listenerPort is the port of the route's listener: the app's own choice, else the one that
// the generated files have, else a free one, which is the same each time. Two servers on one
// port would be no error to Nginx, and one of them would get the requests of the other.
func (p *Proxy) listenerPort(r deploy.Route, former int, w appDiff) (int, error) {
	taken, err := p.portsOfOthers(w.app)
	if err != nil {
		return 0, err
	}
	for _, own := range w.of.Routes {
		taken[own.Ports.Blue], taken[own.Ports.Green] = "route "+own.Name, "route "+own.Name
	}
	serves := w.asked == nil // then it is Nginx that has the port
	if r.Listen != 0 {
		if by := p.holder(r.Listen, taken, serves, r.Listen == former, w); by != "" {
			return 0, &deploy.RouterError{Reason: deploy.PortTaken, Detail: fmt.Sprintf(
				"port %d of 127.0.0.1, where Nginx is to take what the site passes to %s, is held by %s", r.Listen, r.Upstream, by)}
		}
		return r.Listen, nil
	}
	key := w.app + " " + r.Name
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key)) // it never fails
	// The stacks of apps get theirs from below; so the search begins in the upper half.
	candidates, all := []int{former, p.chosen[key]}, p.ports.Ports()
	begin := len(all)/2 + int(hash.Sum32()%uint32(len(all)-len(all)/2))
	for i := range all {
		candidates = append(candidates, all[(begin+i)%len(all)])
	}
	for _, port := range candidates {
		if port != 0 && p.holder(port, taken, serves, port == former, w) == "" {
			p.chosen[key] = port
			return port, nil
		}
	}
	return 0, &deploy.RouterError{Reason: deploy.PortTaken, Detail: fmt.Sprintf(
		"none of the ports %s of 127.0.0.1 (docker.ports) is free for what the site passes to %s", p.ports, r.Upstream)}
}

// holder tells who has the port; empty: nobody, or Nginx itself for this very app. ours tells
// that the app's files have the port, and serves that Nginx runs with them.
func (p *Proxy) holder(port int, taken map[int]string, serves, ours bool, w appDiff) string {
	switch by := taken[port]; {
	case by != "":
		return by
	case serves && ours || w.environment.bridged:
		return ""
	}
	found, err := listening.On("/proc", []int{port})
	if program, held := found[port]; held && err == nil && !(ours && program.Name == "nginx") {
		return program.String()
	}
	return ""
}

var loopbackPort = regexp.MustCompile(`\b127\.0\.0\.1:(\d{1,5})\b`)

// portsOfOthers are the ports that files of other apps name, and those that this process
// has chosen for them.
func (p *Proxy) portsOfOthers(app string) (map[int]string, error) {
	taken := map[int]string{}
	if _, port, err := net.SplitHostPort(p.confirm); err == nil {
		taken[number(port)] = "the confirm server (nginx.confirm)"
	}
	paths, err := filepath.Glob(p.path("*.*"))
	if err != nil {
		return nil, fmt.Errorf("list nginx files: %w", err)
	}
	for _, path := range paths {
		of, ending, _ := strings.Cut(filepath.Base(path), ".")
		if of == app || of == ownName || ending != confFile[1:] && ending != listenersFile[1:] {
			continue
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read nginx file: %w", err)
		}
		for _, m := range loopbackPort.FindAllSubmatch(text, -1) {
			taken[number(string(m[1]))] = "the app " + of
		}
	}
	for key, port := range p.chosen {
		if of, _, _ := strings.Cut(key, " "); of != app {
			taken[port] = "the app " + of
		}
	}
	delete(taken, 1) // where a group without an address leads
	return taken, nil
}

// number reads what a pattern has found to be digits.
func number(digits string) int {
	n, _ := strconv.Atoi(digits) // too large a one is no port
	return n
}
