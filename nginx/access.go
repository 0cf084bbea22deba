package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"tandem/reconciler/deploy"
)

// applyAccess leaves out of the site what Nginx must not send requests to: see
// deploy.Access. What it has already is read from the generated files, so that
// neither a new process nor a lost memory takes a port away from it that it uses.
// color is the one that is live, or is to be.
func (p *Proxy) applyAccess(s site, app deploy.App, w appDiff, color deploy.Color) (site, error) {
	leads, err := p.present(s, app, w)
	if err != nil {
		return site{}, err
	}
	backup, err := p.backupRaised(app.Name, w)
	if err != nil {
		return site{}, err
	}
	return s.only(app, func(b backend, c deploy.Color, a deploy.Access) bool {
		switch a {
		case deploy.AccessOpen:
			return true
		case deploy.AccessAsItIs:
			return leads(b, c)
		case deploy.AccessTaken:
			return leads(b, c) && c != w.currentColor && c != color && !backup
		default:
			return false
		}
	}), nil
}

// only is the site with the addresses that may be used.
func (s site) only(app deploy.App, may func(backend, deploy.Color, deploy.Access) bool) site {
	routes := make([]backend, len(s.routes))
	for i, b := range s.routes {
		access := app.Routes[i].Access
		routes[i] = b
		if !may(b, deploy.Blue, access.Blue) {
			routes[i].blue = ""
		}
		if !may(b, deploy.Green, access.Green) {
			routes[i].green = ""
		}
	}
	s.routes = routes
	return s
}

// present returns what tells whether Nginx has the address of a route in one color
// now. Where somebody removed the files, the generation of the running Nginx says it.
func (p *Proxy) present(s site, app deploy.App, w appDiff) (leads func(backend, deploy.Color) bool, err error) {
	var texts [2]string
	for i, name := range []string{app.Name + confFile, app.Name + varsFile} {
		text, err := p.readOwn(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		texts[i] = string(text)
	}
	if texts[0] != "" || w.asked != nil {
		return func(b backend, c deploy.Color) bool { return s.leads(texts[0], texts[1], b, c) }, nil
	}
	whole := s.only(app, func(_ backend, _ deploy.Color, a deploy.Access) bool { return a != deploy.AccessClosed })
	_, generation, err := render(whole)
	if err != nil {
		return nil, err
	}
	return func(backend, deploy.Color) bool { return generation == w.running.generation }, nil
}

// leads tells whether generated files lead a route's requests to its address in one
// color. They may be those of another mode.
func (s site) leads(conf, vars string, b backend, c deploy.Color) bool {
	if s.namesInVariables() {
		return strings.Contains(vars, s.assignment(b)) && !strings.Contains(vars, s.closedAssignment(b, c))
	}
	if m := colorLine.FindStringSubmatch(conf); m != nil && m[1] == string(c) {
		return firstMember(conf, upstreamName(s.app, b.route, deploy.NoColor)) == b.of(c)
	}
	return firstMember(conf, upstreamName(s.app, b.route, c)) == b.of(c)
}

// firstMember is the address of a group's first member, empty where it is down.
func firstMember(conf, group string) string {
	_, rest, _ := strings.Cut(conf, "\nupstream "+group+" {\n")
	body, _, _ := strings.Cut(rest, "\n}")
	for line := range strings.Lines(body) {
		words := strings.Fields(strings.TrimRight(line, ";\n"))
		if len(words) < 2 || words[0] != "server" {
			continue
		}
		if words[len(words)-1] == "down" {
			return ""
		}
		return words[1]
	}
	return ""
}

// backupRaised tells whether requests may come to the color that is not live.
func (p *Proxy) backupRaised(app string, w appDiff) (bool, error) {
	_, err := os.Stat(p.path(backupName(app)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read flag: %w", err)
	}
	return err == nil || w.running.backup, nil
}

// closedName is the group without an address, for a route whose variable holds
// the names under which containers are reached.
func (s site) closedName(b backend) string {
	return upstreamName(s.app, b.route, deploy.NoColor) + "_closed"
}

// assignment sets a route's variable.
func (s site) assignment(b backend) string {
	return fmt.Sprintf("set $%s %s;\n", routeVariable(s.app, b.route), s.target(b, colorVariable(s.app)))
}

// closedAssignment sends the requests of a route to nobody in one color, where the variable
// holds a container's name.
func (s site) closedAssignment(b backend, c deploy.Color) string {
	return fmt.Sprintf("if ($%s = %s) { set $%s %s; }\n", colorVariable(s.app), c, routeVariable(s.app, b.route), s.closedName(b))
}

// closedColors are those in which the route has no address.
func (b backend) closedColors() []deploy.Color {
	var closed []deploy.Color
	for _, c := range deploy.Colors() {
		if b.of(c) == "" {
			closed = append(closed, c)
		}
	}
	return closed
}
