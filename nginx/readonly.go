package nginx

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"tandem/reconciler/deploy"
)

// Peek is Live for who changes nothing. An Nginx that runs and does not know the app yet
// is not away: the color is the one that the app's files would make live, and lacks says
// what there is to do until Nginx has them. It is empty where Nginx answers.
func (p *Proxy) Peek(ctx context.Context, app deploy.App) (color deploy.Color, lacks string, err error) {
	v, err := p.inspect(ctx)
	if err != nil {
		return deploy.NoColor, "", err
	}
	a, asked := p.ask(ctx, v, app.Name)
	unknown := errors.Is(asked, errUnknownApp)
	if asked == nil || !unknown && !errors.Is(asked, syscall.ECONNREFUSED) {
		return a.color, "", asked
	}
	w := appDiff{app: app.Name, of: app, reloads: p.mode == SwitchReload, environment: v}
	configuration, err := p.test(ctx)
	if err != nil && !w.needsFile(err) {
		return deploy.NoColor, "", err
	}
	if !unknown && !p.runs(ctx, v, configuration) {
		return deploy.NoColor, "", asked
	}
	lacks = "Nginx does not know " + app.Name + " yet: the agent writes its files, and has Nginx load them"
	if err == nil {
		lacks += p.missingLines(w, configuration)
	}
	color, _, err = p.currentColor(app.Name, a, asked)
	return color, lacks, err
}

// needsFile tells whether Nginx refuses its configuration only because a file of
// tandem's that it includes was not written yet.
func (w appDiff) needsFile(refused error) bool {
	return strings.Contains(refused.Error(), `open() "`+w.environment.dir+`/`) && strings.Contains(refused.Error(), "(2: No such file")
}

// Where Nginx says in which file its main process writes its id.
var (
	pidLine   = regexp.MustCompile(`(?m)^\s*pid\s+["']?([^\s;"']+)["']?\s*;`)
	pidOption = regexp.MustCompile(`--pid-path=(\S+)`) // the default, in what -V says
)

// runs tells whether the Nginx runs that has this configuration.
func (p *Proxy) runs(ctx context.Context, v environment, configuration string) bool {
	if p.container != nil {
		return v.stopped == ""
	}
	m := pidLine.FindStringSubmatch(configuration)
	if m == nil {
		if out, err := p.run(ctx, "-V"); err == nil {
			m = pidOption.FindStringSubmatch(out.stderr + out.stdout)
		}
	}
	if m == nil {
		return false
	}
	text, err := os.ReadFile(m[1])
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return false
	}
	master, ok := readProcess("/proc", pid)
	return ok && strings.Contains(master.title, ": master process")
}

// PeekSite is Site for who changes nothing.
func (p *Proxy) PeekSite(ctx context.Context, app deploy.App) error {
	v, err := p.inspect(ctx)
	if err != nil {
		return err
	}
	configuration, err := p.test(ctx)
	if err != nil || p.passesTo(configuration, app) {
		return err
	}
	return p.unused(v, app)
}
