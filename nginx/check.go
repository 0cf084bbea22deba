package nginx

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tandem/reconciler/deploy"
)

// Check tells whether Prepare has anything to do, and changes nothing. While nothing
// changed and the running Nginx answers with this generation, it asks one question over
// loopback and runs no program. What Prepare would say once all is as it should be, it
// says, too. Beside an error Due tells that Prepare does what can be done about that.
func (p *Proxy) Check(ctx context.Context, app deploy.App) (deploy.RenderState, error) {
	called := time.Now()
	if err := p.loading.Acquire(ctx, 1); err != nil {
		return deploy.RenderState{}, err
	}
	defer p.loading.Release(1)
	p.forgetTestResult()
	w, err := p.diff(ctx, app, deploy.NoColor, called)
	if err != nil {
		return deploy.RenderState{}, err
	}
	if err := ctx.Err(); err != nil {
		return deploy.RenderState{}, err
	}
	p.watch.refresh(app.Name)
	stopped := w.environment.stopped != ""
	switch {
	case len(w.changes) > 0 && !(stopped && len(w.missing()) == 0), p.unfinished(w):
		return p.due(ctx, w)
	case stopped:
		return deploy.RenderState{}, p.doesNotRun(w.environment)
	case !w.inForce():
		return p.checkLoaded(ctx, w)
	}
	reload, err := p.checkSite(ctx, w)
	if err == nil && !reload {
		err = w.outdated(app)
	}
	return deploy.RenderState{Due: reload}, err
}

// unfinished tells whether something lies beside the files that Prepare would put right.
func (p *Proxy) unfinished(w appDiff) bool {
	has := func(name string) bool { _, err := os.Lstat(p.path(name)); return err == nil }
	return has(untested) || !has("live") || !has("log") || !w.hasBackup && has(backupName(w.app)) ||
		p.mode == SwitchFlip && w.fromReload
}

// checkLoaded is for files that are as they should be, and that Nginx does not run with.
func (p *Proxy) checkLoaded(ctx context.Context, w appDiff) (deploy.RenderState, error) {
	configuration, err := p.test(ctx)
	if err != nil {
		return deploy.RenderState{}, p.explainDuplicate(w, err)
	}
	if !w.includesFiles(configuration) {
		return deploy.RenderState{}, p.notIncluded(w, httpLine, configuration)
	}
	return p.due(ctx, w)
}

// due is the answer of Check where there is something to do: with the lines that a person
// has to write before it can be of use, and why Nginx does not answer.
func (p *Proxy) due(ctx context.Context, w appDiff) (deploy.RenderState, error) {
	todo := deploy.RenderState{Due: true}
	unknown := errors.Is(w.asked, errUnknownApp)
	if w.asked == nil || w.environment.stopped != "" || !unknown && !errors.Is(w.asked, syscall.ECONNREFUSED) {
		return todo, nil
	}
	configuration, err := p.test(ctx)
	switch {
	case err != nil && !w.needsFile(err):
		return todo, err
	case !unknown && !p.runs(ctx, w.environment, configuration):
		return todo, w.asked
	case err == nil:
		todo.Lines = p.missingLines(w, configuration)
	}
	return todo, nil
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
