package nginx

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"tandem/reconciler/deploy"
)

// missingLines says which include lines a person still has to write.
func (p *Proxy) missingLines(w appDiff, configuration string) string {
	has := func(name string) bool { return includes(configuration, filepath.Join(w.environment.dir, name)) }
	switch {
	case !has(ownName + confFile):
		return w.missingLine(httpLine, configuration)
	case p.mode == SwitchFlip && needsServerLine(w.of) && !has(w.app+serverFile) && !has(ownName+serverFile):
		return w.missingLine(serverLine, configuration)
	default:
		return ""
	}
}

var (
	mainFile    = regexp.MustCompile(`(?m)^# configuration file (.*):$`) // of `nginx -T`, the first one
	comment     = regexp.MustCompile(`(?m)#.*$`)
	includeLine = regexp.MustCompile(`\binclude\s+["']?([^\s;"']+)["']?\s*;`)
)

// includes tells whether a line of the configuration includes the file, whether it
// exists or not.
func includes(configuration, file string) bool {
	root := ""
	if m := mainFile.FindStringSubmatch(configuration); m != nil {
		root = filepath.Dir(m[1])
	}
	for _, m := range includeLine.FindAllStringSubmatch(comment.ReplaceAllString(configuration, ""), -1) {
		pattern := m[1]
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(root, pattern)
		}
		if match, err := filepath.Match(pattern, file); err == nil && match {
			return true
		}
	}
	return false
}

// includesFiles tells whether the configuration that Nginx would load has the
// files that belong at http level.
func (w appDiff) includesFiles(configuration string) bool {
	return strings.Contains(configuration, w.text(ownName+confFile)) && strings.Contains(configuration, w.text(w.app+confFile))
}

// checkSite looks, once in the life of the process, whether the user's site
// includes the app's variables: everything else could be right, and a flip
// would still change nothing for the user. A line that was added since has to be loaded.
func (p *Proxy) checkSite(ctx context.Context, w appDiff) (reload bool, err error) {
	included, looked := p.sites[w.app]
	if p.mode == SwitchReload || included || !needsServerLine(w.of) {
		return false, nil
	}
	configuration, err := p.testSince(ctx, w.called)
	if err != nil && looked {
		return false, err // whether the line is there now cannot be told
	}
	if err != nil {
		// Something else in the user's configuration is broken. Ours is loaded
		// and works, so this is no reason to stop.
		p.sites[w.app] = true
		p.log.Warn("nginx configuration is broken, and would keep nginx from starting", "app", w.app, "err", err)
		return false, nil
	}
	if looked && w.includesSite(configuration) {
		return true, nil
	}
	return false, p.siteIncluded(w, configuration)
}

func (w appDiff) includesSite(configuration string) bool {
	return strings.Contains(configuration, w.text(w.app+serverFile)) || strings.Contains(configuration, w.text(ownName+serverFile))
}

func (p *Proxy) siteIncluded(w appDiff, configuration string) error {
	if p.mode == SwitchReload || !needsServerLine(w.of) {
		return nil
	}
	if p.sites[w.app] = w.includesSite(configuration); !p.sites[w.app] {
		return p.notIncluded(w, serverLine, configuration)
	}
	return nil
}

const (
	httpLine   = "http"
	serverLine = "server"
)

func (p *Proxy) notIncluded(w appDiff, which, configuration string) error {
	return &deploy.RouterError{Reason: deploy.NotIncluded, Detail: w.missingLine(which, configuration)}
}

// missingLine says which include line is missing, and where it belongs.
func (w appDiff) missingLine(which, configuration string) string {
	inHTTP, inServer := includeLines(w.environment.dir, w.app)
	if which == httpLine {
		return fmt.Sprintf("Nginx's configuration lacks the line %q: ", inHTTP) + w.whereInHTTP(configuration)
	}
	detail := fmt.Sprintf("Nginx's configuration lacks the line %q: put it into the server block that serves %s, %s",
		inServer, w.app, w.then(passLines(w.of, targetsOf(w.of))))
	if other := w.otherSite(configuration); other != "" {
		detail += fmt.Sprintf("; in a server block that includes %s already, write %q in the place of that line, and not beside it", other, severalLine(w.environment.dir))
	}
	return detail
}

// otherSite is the file of another app that a server block includes, empty without one.
func (w appDiff) otherSite(configuration string) string {
	read := regexp.MustCompile(`(?m)^# configuration file (` + regexp.QuoteMeta(w.environment.dir) + `/([a-z0-9-]+)\` + serverFile + `):$`)
	for _, m := range read.FindAllStringSubmatch(configuration, -1) {
		if app := m[2]; app != w.app && app != ownName {
			return m[1]
		}
	}
	return ""
}

// whereInHTTP says what to do with the line for the http block.
func (w appDiff) whereInHTTP(configuration string) string {
	where := "put it into the http block, before every server block, "
	file, name := duplicateUpstream(configuration, w.of)
	own := ownUpstreams(configuration, w.of)
	inHTTP, inServer := includeLines(w.environment.dir, w.app)
	switch {
	case len(own) > 0 && !proven(w.of):
		return notYet(own[0].name, places(own[0].declared))
	case len(own) > 0:
		return adviceOn(own, w.environment.dir, w.app, inHTTP)
	case !w.reloads && !needsServerLine(w.of):
		return where + w.then(passLines(w.of, targetsOf(w.of)))
	case !w.reloads && includes(configuration, filepath.Join(w.environment.dir, w.app+serverFile)):
		return where + w.then("")
	case !w.reloads:
		return where + fmt.Sprintf("and the line %q into the server block that serves %s, %s", inServer, w.app, w.then(passLines(w.of, targetsOf(w.of))))
	case name == "":
		return where + w.then(passLines(w.of, liveGroups(w.of)[:len(w.of.Routes)]))
	case !proven(w.of):
		return notYet(name, file)
	default:
		return where + fmt.Sprintf("take the site's own upstream %q out of %s, leave what passes to it as it is, and reload Nginx once all of that is written", name, file)
	}
}

func notYet(name, where string) string {
	return fmt.Sprintf("it is not to be written yet, because the site has an upstream %q of its own (%s); %s", name, where, leaveTheRest)
}

// then is how an instruction goes on: a stack that is not proven gets no requests.
func (w appDiff) then(pass string) string {
	switch {
	case !proven(w.of):
		return "and reload Nginx; " + leaveTheRest
	case pass == "":
		return "and reload Nginx"
	default:
		return "write " + pass + " in the place of the site's own, and reload Nginx"
	}
}

// IncludeLines returns the two lines that connect a site to the generated files:
// one for the http block, before every server block, and one for the server
// block that serves the app. In reload mode the second is only needed for the
// access log. The paths are those that Nginx sees.
func (p *Proxy) IncludeLines(ctx context.Context, app string) (httpLine, serverLine string, err error) {
	v, err := p.inspect(ctx)
	if err != nil {
		return "", "", err
	}
	httpLine, serverLine = includeLines(v.dir, app)
	return httpLine, serverLine, nil
}

func includeLines(dir, app string) (httpLine, serverLine string) {
	return "include " + dir + "/*.conf;", "include " + dir + "/" + app + ".server;"
}

// severalLine is for a server block that serves several apps.
func severalLine(dir string) string { return "include " + dir + "/" + ownName + serverFile + ";" }
