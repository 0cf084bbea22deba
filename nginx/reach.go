package nginx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/reconciler/deploy"
)

// reachedHeader has how long the stack took to answer, or "-" where nobody answered: what
// Nginx says in the place of a stack is not taken for the stack's.
const reachedHeader = "Tandem-Reached"

// reachEvery lies between two questions. Each fails at once where a name is not known yet.
const reachEvery = 50 * time.Millisecond

// reachPath is where the confirm server asks one color of a route, whatever the flag says.
func reachPath(app, route string, c deploy.Color) string {
	return "/" + app + "/" + route + "=" + string(c)
}

// reach is the part of the confirm server that answers for one color of a route.
func (s site) reach(r backend, c deploy.Color) string {
	to, head := upstreamName(s.app, r.route, c), ""
	if s.namesInVariables() {
		to, head = r.of(c), "    "+resolver
		if to == "" {
			to = s.closedName(r)
		}
	}
	return fmt.Sprintf(`
location %s/ {
    access_log off;
%s    allow all;
    auth_basic off;
    proxy_cache off;
    proxy_intercept_errors off;
    add_header %s $upstream_header_time always;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection '';
    proxy_pass http://%s$%s;
}
`, reachPath(s.app, r.route, c), head, reachedHeader, to, pathVariable)
}

// Reach waits until the running Nginx has reached the stack of that color itself, through
// every route that it may have. An Nginx in a container asks for the name of another one
// only now and then: until it has found it, people would get 502. In reload mode Nginx
// has no way to a color that is not live.
func (p *Proxy) Reach(ctx context.Context, app deploy.App, color deploy.Color) error {
	if p.mode != SwitchFlip {
		return ctx.Err()
	}
	for _, r := range app.Routes {
		if r.Access.Of(color) != deploy.AccessOpen {
			continue
		}
		if err := p.awaitReached(ctx, app, r, color); err != nil {
			return err
		}
	}
	return nil
}

func (p *Proxy) awaitReached(ctx context.Context, app deploy.App, r deploy.Route, color deploy.Color) error {
	tick := time.NewTicker(reachEvery)
	defer tick.Stop()
	var last error
	for {
		err := p.askThrough(ctx, app, r, color)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if last == nil || errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return last
		case <-tick.C:
		}
	}
}

// askThrough asks the stack once, through Nginx.
func (p *Proxy) askThrough(ctx context.Context, app deploy.App, r deploy.Route, color deploy.Color) error {
	ctx, cancel := context.WithTimeout(ctx, max(askTimeout, r.Health.MaxLatency+probeMargin))
	defer cancel()
	v, err := p.inspect(ctx)
	if err != nil {
		return err
	}
	res, err := p.through(ctx, v, reachPath(app.Name, r.Name, color), r.Health, r.Health.HostAt(r.Ports.Of(color)))
	if err != nil {
		return p.unreached(ctx, v, app, r, color, err.Error())
	}
	if took := res.Header.Get(reachedHeader); !strings.ContainsAny(took, "0123456789") {
		return p.unreached(ctx, v, app, r, color, "Nginx answers "+res.Status+" in its place")
	}
	return nil
}

func (p *Proxy) unreached(ctx context.Context, v environment, app deploy.App, r deploy.Route, color deploy.Color, why string) error {
	detail := fmt.Sprintf("Nginx does not reach %s, the route %s of %s in %s: %s; its error log says why",
		loopback(r.Ports.Of(color)), r.Name, app.Name, color, why)
	if e, err := p.inside(ctx, app, r, color); v.bridged && err == nil {
		detail = fmt.Sprintf("Nginx does not reach the container %s, the route %s of %s in %s: %s. They have to be in one Docker network; those of Nginx are %s",
			e.Host, r.Name, app.Name, color, why, strings.Join(v.networks, ", "))
	}
	return &deploy.RouterError{Reason: deploy.NotReached, Detail: detail}
}
