package nginx

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// ownReload is for how long a person who has changed the site is given to reload Nginx.
const ownReload = 10 * time.Second

// awaitedSite is an app whose site was seen not to pass any request to it.
type awaitedSite struct {
	since   time.Time // when that was seen first
	written time.Time // when it was seen to be changed; zero: it is not
}

// Site tells whether the site passes requests to the app, and that Nginx has loaded what it
// says: requests have come or, where nobody asks for anything, it was reloaded. It changes
// nothing. reload tells that a person has changed the site and not had it loaded for
// ownReload: see LoadSite.
func (p *Proxy) Site(ctx context.Context, app deploy.App) (reload bool, err error) {
	called := time.Now()
	if err := p.loading.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer p.loading.Release(1)
	v, err := p.inspect(ctx)
	if err != nil {
		return false, err
	}
	configuration, err := p.testSince(ctx, called)
	if err != nil {
		return false, err
	}
	was, waited := p.awaited[app.Name]
	if !p.passesTo(configuration, app) {
		if !waited {
			p.awaited[app.Name] = awaitedSite{since: called}
		} else if !was.written.IsZero() {
			p.awaited[app.Name] = awaitedSite{since: was.since}
		}
		return false, p.unused(v, app, configuration)
	}
	if !waited || p.asked(ctx, app, was.since) {
		delete(p.awaited, app.Name)
		return false, nil
	}
	if was.written.IsZero() {
		was.written = called
		p.awaited[app.Name] = was
	}
	return time.Since(was.written) >= ownReload, &deploy.RouterError{Reason: deploy.NotIncluded, Detail: fmt.Sprintf(
		"the site passes requests to %s now, and none has come: reload Nginx; else tandem does so in %s", app.Name, ownReload)}
}

// asked tells whether people's requests came to the app since the moment.
func (p *Proxy) asked(ctx context.Context, app deploy.App, since time.Time) bool {
	for _, c := range deploy.Colors() {
		if t, err := p.Traffic(ctx, app, c, since); err == nil && t.Requests > 0 {
			return true
		}
	}
	return false
}

// LoadSite puts the site in force that stands on the disk.
func (p *Proxy) LoadSite(ctx context.Context, app deploy.App) error {
	if err := p.loading.Acquire(ctx, 1); err != nil {
		return err
	}
	defer p.loading.Release(1)
	v, err := p.inspect(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	p.oldWorkers.note(v)
	if err := p.reload(ctx); err != nil {
		return err
	}
	if err := p.await(ctx, v, app.Name, afterReload, func(answer) bool { return true }); err != nil {
		return err
	}
	delete(p.awaited, app.Name)
	return nil
}

// passesTo tells whether a file of the site names a variable of the app's routes, an upstream
// of theirs that is not the site's own or, in reload mode, one of its groups. How it is used is the site's own business: with any of
// the directives that pass requests on, in a map, or in another variable.
func (p *Proxy) passesTo(configuration string, app deploy.App) bool {
	names := variablesOf(app)
	if p.mode == SwitchReload {
		names = append(names, liveGroups(app)...)
	}
	for _, r := range app.Routes {
		if r.Upstream != "" && len(declarations(configuration, r.Upstream)) == 0 {
			names = append(names, r.Upstream)
		}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(uses(configuration, name), func(u use) bool { return !u.declares(name) })
	})
}

// liveGroups are the groups of reload mode.
func liveGroups(app deploy.App) []string {
	var names []string
	for _, r := range app.Routes {
		names = append(names, upstreamName(app.Name, r.Name, deploy.NoColor))
	}
	if len(app.Routes) == 1 {
		names = append(names, upstreamName(app.Name, "backend", deploy.NoColor))
	}
	return names
}

// proven tells whether requests may come to one of the app's stacks. Before, a site that
// passes to it would serve nobody.
func proven(app deploy.App) bool {
	return slices.ContainsFunc(app.Routes, func(r deploy.Route) bool {
		return r.Access.Blue == deploy.AccessOpen || r.Access.Green == deploy.AccessOpen
	})
}

// leaveTheRest is what is said of a site as long as nothing is proven.
const leaveTheRest = "leave all else of the site as it is, its own proxy_pass too, until the release has passed its gate"

func (p *Proxy) unused(v environment, app deploy.App, configuration string) error {
	detail := fmt.Sprintf("no site of Nginx passes requests to %s yet: ", app.Name)
	_, line := includeLines(v.dir, app.Name)
	own := ownUpstreams(configuration, app)
	switch {
	case !proven(app):
		detail += leaveTheRest
	case len(own) > 0:
		detail += "it has passed its gate, so " + adviceOn(own, v.dir, app.Name, "")
	case p.mode == SwitchFlip && !needsServerLine(app):
		detail += fmt.Sprintf("it has passed its gate, so write %s in the place of the site's own, and reload Nginx", passLines(app, targetsOf(app)))
	case p.mode == SwitchReload:
		detail += fmt.Sprintf("it has passed its gate, so write %s in the place of the site's own, and reload Nginx", passLines(app, liveGroups(app)[:len(app.Routes)]))
	default:
		detail += fmt.Sprintf("it has passed its gate, so write %s in the place of the site's own, in the server block with %q, and reload Nginx", passLines(app, targetsOf(app)), line)
	}
	return &deploy.RouterError{Reason: deploy.NotIncluded, Detail: detail}
}

func variablesOf(app deploy.App) []string {
	var all []string
	for _, r := range app.Routes {
		all = append(all, Variable(app.Name, r.Name))
	}
	return all
}

// targetsOf is what a site is to pass requests to, one a route.
func targetsOf(app deploy.App) []string {
	all := variablesOf(app)
	for i, r := range app.Routes {
		if r.Upstream != "" {
			all[i] = r.Upstream
		}
	}
	return all
}

// needsServerLine tells whether a route is reached by its variable, which the site includes.
func needsServerLine(app deploy.App) bool {
	return slices.ContainsFunc(app.Routes, func(r deploy.Route) bool { return r.Upstream == "" })
}

// passLines are the lines with which a site passes requests to the routes.
func passLines(app deploy.App, targets []string) string {
	lines := make([]string, len(targets))
	for i, t := range targets {
		lines[i] = fmt.Sprintf("%q", "proxy_pass http://"+t+";")
		if len(targets) > 1 {
			lines[i] += " for route " + app.Routes[i].Name
		}
	}
	return strings.Join(lines, ", ")
}

// duplicateUpstream is the file of the site with a group of its own that has the name of one of the
// app's, and that name.
func duplicateUpstream(configuration string, app deploy.App) (file, name string) {
	for _, name := range liveGroups(app) {
		for _, u := range uses(configuration, name) {
			if u.declares(name) {
				return u.file, name
			}
		}
	}
	return "", ""
}

var duplicatePattern = regexp.MustCompile(`duplicate upstream "([^"]+)"(?: in (\S+))?`)

// explainDuplicate is what Nginx said to new files, or that the site has a group of the same name.
func (p *Proxy) explainDuplicate(w appDiff, refused error) error {
	var said *deploy.RouterError
	if p.mode != SwitchReload || !errors.As(refused, &said) {
		return refused
	}
	m := duplicatePattern.FindStringSubmatch(said.Detail)
	if m == nil || !slices.Contains(liveGroups(w.of), m[1]) {
		return refused
	}
	detail := fmt.Sprintf("the site has an upstream %q of its own (%s), and tandem's would be a second one: ", m[1], strings.TrimSuffix(m[2], ","))
	if proven(w.of) {
		detail += "take that one out, leave what passes to it as it is, and do not reload Nginx: tandem does so within seconds, and until then `nginx -t` does not find that host"
	} else {
		detail += leaveTheRest
	}
	return &deploy.RouterError{Reason: deploy.NotIncluded, Detail: detail, Err: refused}
}
