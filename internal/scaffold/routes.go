package scaffold

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// ErrNothingToReach says that no service of the files could be what people reach.
var ErrNothingToReach = errors.New("no service of the Compose file can be one that people reach: write routes: {NAME: {service: …, port: …, health: /}} yourself")

// routed finds the services that people reach. The first of them is the app itself.
func (g *guesser) routed() error {
	for _, name := range g.said.Routes {
		if s := g.all[name]; s != nil {
			g.group[name] = groupRouted
			g.p.Ignore = slices.DeleteFunc(g.p.Ignore, func(c Choice) bool { return c.Name == name })
			g.p.Routes = append(g.p.Routes, g.route(s))
		}
	}
	if len(g.p.Routes) > 0 {
		return nil
	}
	candidates := slices.DeleteFunc(g.left(), func(s *service) bool {
		return !reachable(s) || !speaksHTTP(s) || len(g.p.Profiles) == 0 && len(s.Profiles) > 0
	})
	if len(candidates) == 0 {
		candidates = g.left() // a tool or a store that is all there is
		candidates = slices.DeleteFunc(candidates, func(s *service) bool { return s.role == roleStore || s.role == roleMail })
	}
	if len(candidates) == 0 {
		return ErrNothingToReach
	}
	found := g.reachedBy(candidates)
	slices.SortStableFunc(found, func(a, b *service) int { return g.weight(b) - g.weight(a) })
	first := found[0]
	for _, s := range found {
		if s == first || g.alsoReached(first, s) {
			g.group[s.Name] = groupRouted
			g.p.Routes = append(g.p.Routes, g.route(s))
		}
	}
	return nil
}

// reachedBy returns those of the candidates that something says are reached, by the
// strongest sign that any of them has.
func (g *guesser) reachedBy(candidates []*service) []*service {
	signs := []func(*service) bool{
		labelled,
		g.proxied,
		func(s *service) bool { return len(tcpPorts(s)) > 0 },
		g.waitedForByProxy,
		func(s *service) bool { return len(s.Expose) > 0 || len(s.expose) > 0 },
		func(s *service) bool { return frontName.MatchString(s.Name) },
		func(s *service) bool { return s.Build != nil },
	}
	for i, sign := range signs {
		found := slices.DeleteFunc(slices.Clone(candidates), func(s *service) bool { return !sign(s) })
		if len(found) == 0 {
			continue
		}
		if i >= 3 && len(found) > 1 {
			slices.SortStableFunc(found, func(a, b *service) int { return g.weight(b) - g.weight(a) })
			found = found[:1] // too weak a sign for more than one
		}
		return found
	}
	slices.SortStableFunc(candidates, func(a, b *service) int { return g.weight(b) - g.weight(a) })
	return candidates[:1]
}

// labelled tells whether a service asks a proxy for requests.
func labelled(s *service) bool {
	for key, value := range s.Labels {
		key = strings.ToLower(key)
		if strings.HasPrefix(key, "traefik.http.routers.") || key == "traefik.enable" && value != "false" || key == "caddy" || strings.HasPrefix(key, "caddy.reverse_proxy") {
			return true
		}
	}
	host := s.Environment["VIRTUAL_HOST"]
	return host != nil && *host != ""
}

// proxied tells whether the configuration of a proxy that is ignored names the service.
func (g *guesser) proxied(s *service) bool {
	names := regexp.MustCompile(`(?:https?://|reverse_proxy\s+|server\s+|fastcgi_pass\s+|uwsgi_pass\s+|to\s+)` + regexp.QuoteMeta(s.Name) + `(?:[:\s/;{]|$)`)
	return slices.ContainsFunc(g.sorted, func(p *service) bool {
		return g.group[p.Name] == groupIgnored && slices.ContainsFunc(g.configsOf(p), names.MatchString)
	})
}

// waitedForByProxy tells whether a proxy that is ignored waits for the service.
func (g *guesser) waitedForByProxy(s *service) bool {
	return slices.ContainsFunc(g.sorted, func(p *service) bool {
		return g.group[p.Name] == groupIgnored && (p.role == roleProxy || p.role == roleWebServer) && slices.Contains(p.needs(), s.Name)
	})
}

// maxConfig bounds what is read of a file that might be a proxy's configuration.
const maxConfig = 256 << 10

// configsOf are the texts that a service mounts from its directory.
func (g *guesser) configsOf(s *service) []string {
	var texts []string
	read := func(name string) {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Size() <= maxConfig {
			if data, err := os.ReadFile(name); err == nil {
				texts = append(texts, string(data))
			}
		}
	}
	for _, m := range s.Volumes {
		rel, local := g.inside(m.Source)
		if m.Type != types.VolumeTypeBind || !local || rel == "." {
			continue
		}
		full := filepath.Join(g.Dir, rel)
		read(full)
		files, _ := filepath.Glob(filepath.Join(full, "*")) // the pattern is well formed
		for _, f := range files {
			read(f)
		}
	}
	for _, c := range s.Configs {
		texts = append(texts, g.Project.Configs[c.Source].Content)
	}
	return texts
}

// isFront tells whether a service passes on what others answer.
func isFront(s *service) bool {
	return s.role == roleWebServer || proxyName.MatchString(s.Name)
}

var (
	proxyName  = regexp.MustCompile(`(?i)(^|[-_.])(nginx|proxy|gateway|caddy|haproxy|webserver|ingress|lb|loadbalancer|load-balancer)($|[-_.])`)
	frontName  = regexp.MustCompile(`(?i)^(web|www|app|site|server|frontend|front|ui|client|nginx|proxy|gateway|portal|http|webserver|dashboard)$|[-_](web|www|app|server|frontend|ui|nginx|webserver)$|^(web|app|frontend|front)[-_]`)
	backName   = regexp.MustCompile(`(?i)^(api|backend|back|rails|django|flask|php|node|express|laravel|django|wordpress)$|[-_](api|backend)$`)
	workerName = regexp.MustCompile(`(?i)worker|sidekiq|celery|queue|consumer|job|runner|backup|exporter|agent|init|setup|migrat|scheduler|beat|cron|machine-?learning|resque|horizon`)
)

// weight says how likely a service is what people come for.
func (g *guesser) weight(s *service) int {
	w := 0
	add := func(points int, when bool) {
		if when {
			w += points
		}
	}
	same := func(name string) bool { return validName(name, "") == g.p.App && name != "" }
	add(8, labelled(s))
	add(6, isFront(s))
	add(5, same(s.Name) || same(s.image.name) || same(s.ContainerName))
	add(4, len(tcpPorts(s)) > 0)
	add(3, s.publishes(80, 443))
	add(3, frontName.MatchString(s.Name))
	add(2, backName.MatchString(s.Name))
	add(2, s.Build != nil)
	add(1, len(s.needs()) > 0)
	add(-6, workerName.MatchString(s.Name) || workerName.MatchString(s.line()))
	add(-1, s.Build == nil && len(s.data) > 0 && !same(s.image.name))
	add(-3, g.endsItself(s))
	for _, other := range g.active() { // a frontend waits for its backend
		add(-1, other.role == roleWebServer && other.Name != s.Name && slices.Contains(other.needs(), s.Name))
	}
	return w
}

// alsoReached tells whether a service needs a route beside the app's first one.
func (g *guesser) alsoReached(first, s *service) bool {
	switch {
	case labelled(s):
		return true
	case g.endsItself(s), workerName.MatchString(s.Name) && !sameProgram(first, s):
		return false
	case first.role == roleWebServer && len(first.needs()) == 0, isFront(first) && g.reaches(first.Name, s.Name):
		return false // people come through the web server
	case len(slices.DeleteFunc(slices.Clone(s.data), disposable)) > 0 && !sameProgram(first, s) && s.Build == nil:
		return false // something else, with data of its own
	}
	return slices.ContainsFunc(tcpPorts(s), func(p port) bool { return !notHTTP(p.number) })
}

// speaksHTTP tells whether a service can answer Nginx at all: PHP-FPM and uWSGI's own
// protocol need a web server before them.
func speaksHTTP(s *service) bool {
	fpm := strings.Contains(s.image.tag+s.base.tag, "fpm") || strings.Contains(s.Name, "fpm") || strings.Contains(s.line(), "php-fpm")
	return !fpm || slices.ContainsFunc(tcpPorts(s), func(p port) bool { return p.number != 9000 })
}

// route says how Nginx reaches a service.
func (g *guesser) route(s *service) Route {
	r := Route{Name: routeName(s.Name), Service: s.Name}
	if m := colorName.FindStringSubmatch(s.Name); m != nil && g.hasGreen(m[1]) {
		r.Name = validName(m[1], "app")
	}
	for _, done := range g.p.Routes {
		if done.Name == r.Name {
			r.Name = validName(r.Name+"-"+itoa(len(g.p.Routes)+1), "app")
		}
	}
	g.healthOf(&r, s)
	g.portOf(&r, s)
	return r
}

func routeName(service string) string { return validName(service, "web") }

func (g *guesser) hasGreen(name string) bool {
	return slices.ContainsFunc(g.p.Ignore, func(c Choice) bool {
		m := colorName.FindStringSubmatch(c.Name)
		return m != nil && m[1] == name
	})
}
