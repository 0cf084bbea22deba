package nginx

import (
	"context"
	"errors"
	"io/fs"
	"strings"
)

// minTimeout is the directive with which a worker that is told to finish lets idle client
// connections live a little longer: else a request that is on its way through one of them
// fails. Every mode reloads now and then.
const minTimeout = "keepalive_min_timeout"

// refusesMinTimeout tells whether Nginx refused the files for that directive: a program that
// was made from Nginx may have less than its version says. It is left out then.
func (p *Proxy) refusesMinTimeout(refused error) bool {
	if p.noMinTimeout || refused == nil || !strings.Contains(refused.Error(), `unknown directive "`+minTimeout+`"`) {
		return false
	}
	p.noMinTimeout = true
	return true
}

// wantsMinTimeout tells whether tandem.conf is to have that directive: where Nginx knows it and
// nobody else has written it, because Nginx accepts no second one. Once it is there,
// that is not asked again.
func (p *Proxy) wantsMinTimeout(ctx context.Context, nginx version, w appDiff) (bool, error) {
	if !nginx.atLeast(version{1, 27, 4}) || p.noMinTimeout {
		return false, nil
	}
	text, err := p.readOwn(ownName + confFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if has := strings.Contains(string(text), "\n"+minTimeout+" "); has || w.environment.stopped != "" {
		return has, nil
	}
	configuration, err := p.testSince(ctx, w.called)
	if err != nil {
		return false, ctx.Err() // it comes with a later change of the files
	}
	p.noMinTimeout = len(uses(configuration, minTimeout)) > 0
	return !p.noMinTimeout, nil
}
