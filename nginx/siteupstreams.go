package nginx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tandem/reconciler/deploy"
)

// Nginx takes no second upstream of a name, and none at all is as bad: then it cannot load
// anything. So tandem's is not among the files that Nginx reads by themselves as long as the
// site has its own. The site moves over when a person writes an include line in the place of
// its own group, or takes that out: see adviceOn.

// upstreamState is what is known of one name that a site passes to.
type upstreamState struct {
	name     string
	route    string
	port     int
	former   bool  // the app's file does not have it any more
	inline   bool  // <app>.conf is to have it
	declared []use // where the site has a group of that name of its own
	uses     []use // where else the site has the name
	foreign  []use // those of them that pass requests on in another protocol than HTTP
}

var (
	routeLine = regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(routeComment) + `([a-z0-9-]+)\.$`)
	groupLine = regexp.MustCompile(`(?m)^upstream (\S+) \{\n(?:    zone .*\n)?(?:    resolver.*\n)*    server (?:127\.0\.0\.1:(\d+))?`)
)

// writtenUpstreams are the names that the generated files of an app have, and all files that
// hold one or held one.
func (p *Proxy) writtenUpstreams(app string) (all []upstreamState, names []string, err error) {
	paths, err := filepath.Glob(p.path(app + ".*" + upstreamFile))
	if err != nil {
		return nil, nil, fmt.Errorf("list nginx files: %w", err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		text, err := p.readOwn(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		names = append(names, name)
		route := routeLine.FindSubmatch(text)
		if route == nil {
			continue
		}
		u := upstreamState{route: string(route[1]), former: true}
		u.name = strings.TrimSuffix(strings.TrimPrefix(name, app+"."), upstreamFile)
		if m := groupLine.FindSubmatch(text); m != nil {
			u.port = number(string(m[2]))
		}
		if deploy.ValidUpstream(u.name) {
			all = append(all, u)
		}
	}
	return all, names, nil
}

var otherProtocol = regexp.MustCompile(`\b(?:grpc|fastcgi|uwsgi|scgi|memcached)_pass\b|\bhttps://`)

// otherProtocols finds where the site passes to the name what a listener does not understand.
func otherProtocols(configuration, name string) []use {
	return slices.DeleteFunc(uses(configuration, name), func(u use) bool { return !otherProtocol.MatchString(u.text) })
}

// usesOfWritten finds where the site has the names that the files have for a route.
func (w appDiff) usesOfWritten(configuration, route string) (found []use) {
	for _, u := range w.written {
		if u.route == route {
			found = append(found, w.usesOf(configuration, u.name)...)
		}
	}
	return found
}

// usesOf finds where the site has the name, or includes its file. A group of that name of
// its own needs nothing of tandem's.
func (w appDiff) usesOf(configuration, name string) []use {
	if len(declarations(configuration, name)) > 0 {
		return nil
	}
	return append(uses(configuration, name), uses(configuration, upstreamFileName(w.app, name))...)
}

// siteUpstreams finds out what is to become of each name: those that the app has, and those
// that it had and the site still uses. Where Nginx's configuration cannot be read, the files
// stay as they are, but for what Nginx itself says.
func (p *Proxy) siteUpstreams(ctx context.Context, app deploy.App, w appDiff) ([]upstreamState, error) {
	var all []upstreamState
	for _, r := range app.Routes {
		if r.Upstream != "" {
			all = append(all, upstreamState{name: r.Upstream, route: r.Name})
		}
	}
	for _, u := range w.written {
		if !slices.ContainsFunc(all, func(has upstreamState) bool { return has.name == u.name }) {
			all = append(all, u)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	text, err := p.readOwn(app.Name + confFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	conf := string(text)
	inForce := w.asked == nil && strings.Contains(conf, generationLine(app.Name, w.running.generation))
	settled := true
	for i, u := range all {
		all[i].inline = strings.Contains(conf, "\nupstream "+u.name+" {\n")
		settled = settled && !u.former && (all[i].inline && inForce || p.included[upstreamFileName(app.Name, u.name)])
	}
	if settled || w.environment.stopped != "" {
		return all, nil
	}
	configuration, refused := p.testSince(ctx, w.called)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if refused != nil {
		for i, u := range all {
			all[i].inline = (u.inline || saysMissing(refused, u.name)) && !saysTwice(refused, u.name)
		}
		return all, nil
	}
	return slices.DeleteFunc(p.seen(all, configuration, w), func(u upstreamState) bool { return u.former && len(u.uses) == 0 }), nil
}

// seen adds what the configuration says.
func (p *Proxy) seen(all []upstreamState, configuration string, w appDiff) []upstreamState {
	reads := includes(configuration, filepath.Join(w.environment.dir, w.app+confFile))
	for i, u := range all {
		u.declared, u.foreign = declarations(configuration, u.name), otherProtocols(configuration, u.name)
		u.uses = w.usesOf(configuration, u.name)
		file := upstreamFileName(w.app, u.name)
		included := includes(configuration, filepath.Join(w.environment.dir, file))
		u.inline = !included && (!reads || len(u.declared) == 0)
		if included && reads {
			p.included[file] = true
		}
		all[i] = u
	}
	return all
}

// saysMissing and saysTwice read why Nginx refused its configuration.
func saysMissing(refused error, name string) bool {
	return strings.Contains(refused.Error(), `host not found in upstream "`+name+`"`)
}

func saysTwice(refused error, name string) bool {
	return strings.Contains(refused.Error(), `duplicate upstream "`+name+`"`)
}

// withListeners adds the ways from the site's own names. app has the routes of the site.
func (p *Proxy) withListeners(s site, app deploy.App, w appDiff) (site, error) {
	files := slices.Clone(w.upstreamFiles)
	for _, r := range app.Routes {
		l, former := listener{route: r.Name}, 0
		for _, u := range w.upstreams {
			if u.route == r.Name {
				l.upstreams = append(l.upstreams, siteUpstream{u.name, u.inline})
				files = slices.DeleteFunc(files, func(name string) bool { return name == upstreamFileName(app.Name, u.name) })
			}
		}
		for _, u := range w.written {
			if u.route == r.Name && u.port != 0 {
				former = u.port
			}
		}
		if len(l.upstreams) == 0 {
			continue
		}
		if s.mode == SwitchFlip {
			var err error
			if l.port, err = p.listenerPort(r, former, w); err != nil {
				return s, err
			}
		}
		s.listeners = append(s.listeners, l)
	}
	s.unused = files
	return s, nil
}

// ownUpstreams are the app's names for which the site has a group of its own.
func ownUpstreams(configuration string, app deploy.App) (own []upstreamState) {
	for _, r := range app.Routes {
		u := upstreamState{name: r.Upstream, route: r.Name, declared: declarations(configuration, r.Upstream), foreign: otherProtocols(configuration, r.Upstream)}
		if len(u.declared) > 0 {
			own = append(own, u)
		}
	}
	return own
}

func declarations(configuration, name string) []use {
	return slices.DeleteFunc(uses(configuration, name), func(u use) bool { return !u.declares(name) })
}

// outdatedUpstreams tells which groups of the site are in the way, and which names it has that
// the app has no more.
func (w appDiff) outdatedUpstreams(app deploy.App) (lines []string) {
	var own []upstreamState
	for _, u := range w.upstreams {
		switch {
		case u.former && len(u.uses) > 0 && hasRoute(app, u.route):
			to := Variable(app.Name, u.route)
			if i := slices.IndexFunc(app.Routes, func(r deploy.Route) bool { return r.Name == u.route && r.Upstream != "" }); i >= 0 {
				to = app.Routes[i].Upstream
			}
			lines = append(lines, fmt.Sprintf("%s has no upstream %s any more, and the site still uses it (%s): write %s in the place of %s, and reload Nginx. Until then both lead there",
				app.Name, u.name, described(u.uses), to, u.name))
		case !u.former && len(u.foreign) > 0:
			lines = append(lines, u.onlyHTTP(w.environment.dir, w.app))
		case !u.former && len(u.declared) > 0:
			own = append(own, u)
		}
	}
	switch {
	case len(own) == 0:
	case !proven(app):
		lines = append(lines, fmt.Sprintf("the site has an upstream %q of its own (%s); %s", own[0].name, places(own[0].declared), leaveTheRest))
	default:
		lines = append(lines, "requests that the site passes to its own upstream do not come to "+app.Name+": "+adviceOn(own, w.environment.dir, w.app, ""))
	}
	return lines
}

// adviceOn says how the site gets tandem's upstreams in the place of its own. first is a line
// that it lacks besides, which goes there too and has the upstreams in it; empty: none.
func adviceOn(own []upstreamState, dir, app, first string) string {
	var steps []string
	for _, u := range own {
		if len(u.foreign) > 0 {
			return u.onlyHTTP(dir, app)
		}
		line := first
		if first == "" {
			line = "include " + dir + "/" + upstreamFileName(app, u.name) + ";"
		}
		if step := fmt.Sprintf("write %q in the place of the site's own upstream %q (%s)", line, u.name, places(u.declared)); first == "" || len(steps) == 0 {
			steps = append(steps, step)
		} else {
			steps = append(steps, fmt.Sprintf("take the site's own upstream %q out (%s)", u.name, places(u.declared)))
		}
	}
	return strings.Join(steps, ", ") + ", leave what passes to it as it is, and reload Nginx"
}

// onlyHTTP says what to do where the site passes on another protocol.
func (u upstreamState) onlyHTTP(dir, app string) string {
	inHTTP, inServer := includeLines(dir, app)
	return fmt.Sprintf("what leads to routes.%s.upstream takes HTTP alone, and the site passes something else to %s (%s): leave the key out, put %q into the http block and %q into the server block, write %s in the place of %s there, and reload Nginx",
		u.route, u.name, described(u.foreign), inHTTP, inServer, Variable(app, u.route), u.name)
}

// places names lines by where they are.
func places(all []use) string {
	words := make([]string, len(all))
	for i, u := range all {
		words[i] = fmt.Sprintf("%s:%d", u.file, u.line)
	}
	return strings.Join(words, ", ")
}
