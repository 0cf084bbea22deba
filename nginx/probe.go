package nginx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"tandem/reconciler/deploy"
)

// probeMargin is how long after Health.MaxLatency a probe is given up: late enough
// that an answer which is just too slow is still seen as an answer.
const probeMargin = 100 * time.Millisecond

// ProbeLive asks the route's health path once, through the running Nginx, of whatever
// color is live. The access log has it, marked as a probe.
func (p *Proxy) ProbeLive(ctx context.Context, app deploy.App, route deploy.Route) deploy.Probe {
	limited, cancel := context.WithTimeout(ctx, route.Health.MaxLatency+probeMargin)
	defer cancel()
	began := time.Now()
	v, err := p.inspect(limited)
	answer := deploy.Probe{Err: err}
	if err == nil {
		began = time.Now()
		answer = p.probe(limited, v, app.Name, route)
	}
	answer.Took = time.Since(began)
	switch {
	case answer.Err == nil:
	case ctx.Err() != nil:
		answer.Err = ctx.Err()
	case limited.Err() != nil:
		answer.Err = errors.New("no answer in time")
	}
	return answer
}

func (p *Proxy) probe(ctx context.Context, v environment, app string, route deploy.Route) deploy.Probe {
	// An app that looks at the host's name gets the one that the gate used.
	answer := deploy.Probe{Host: route.Health.HostAt(route.Ports.Blue)}
	res, err := p.through(ctx, v, "/"+app+"/"+route.Name, route.Health, answer.Host)
	if err != nil {
		answer.Err = err
		return answer
	}
	if res.Header.Get(generationHeader) == "" {
		answer.Err = errors.New("the running Nginx knows no way to route " + route.Name + " of " + app + " yet")
		return answer
	}
	answer.Status, answer.Location = res.StatusCode, res.Header.Get("Location")
	return answer
}

// through asks the confirm server for the health path of an app, under the name of that
// host. The body of the answer is read a little and closed.
func (p *Proxy) through(ctx context.Context, v environment, place string, h deploy.Health, host string) (*http.Response, error) {
	path := place + h.Path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.dial+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask nginx for %s: %w", path, err)
	}
	req.Host = host
	req.Header.Set("User-Agent", "tandem")
	for _, x := range h.Headers {
		req.Header.Set(x.Name, x.Value)
	}
	res, err := p.prober.Do(req)
	if err != nil {
		return nil, plain(err)
	}
	// Read a little, so that the far side does not see its answer cut off.
	_, err = io.CopyN(io.Discard, res.Body, 4<<10)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return res, nil
}

// plain leaves out the address, which is not the one that people use.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s nginx: %w", op.Op, op.Err)
	}
	return err
}
