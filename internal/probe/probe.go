package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tandem/internal/lib/httpclient"
	"tandem/reconciler/deploy"
)

// margin is how long after Health.MaxLatency a question is given up: late enough
// that an answer which is just too slow is still seen as an answer.
const margin = 50 * time.Millisecond

// Prober asks the published port of a route. It implements reconciler.Prober.
type Prober struct{ client *http.Client }

// New returns a Prober. Each question has a connection of its own.
func New() *Prober { return &Prober{httpclient.ThisHost()} }

// Probe sends one GET to 127.0.0.1 at the route's port of that color.
func (p *Prober) Probe(ctx context.Context, r deploy.Route, c deploy.Color) deploy.Probe {
	ctx, cancel := context.WithTimeout(ctx, r.Health.MaxLatency+margin)
	defer cancel()
	target := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Ports.Of(c))) + r.Health.Path
	began := time.Now()
	answer := deploy.Probe{Host: r.Health.HostAt(r.Ports.Of(c))}
	err := p.get(ctx, target, r.Health, &answer)
	answer.Took, answer.Err = time.Since(began), plain(err)
	return answer
}

func (p *Prober) get(ctx context.Context, target string, h deploy.Health, answer *deploy.Probe) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	req.Host = answer.Host
	req.Header.Set("User-Agent", "tandem")
	for _, x := range h.Headers {
		req.Header.Set(x.Name, x.Value)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return err
	}
	// Read a little, so that the far side does not see its answer cut off.
	_, err = io.CopyN(io.Discard, res.Body, 4<<10)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	answer.Status, answer.Location = res.StatusCode, res.Header.Get("Location")
	return errors.Join(err, res.Body.Close())
}

// plain shortens the client's error to what a person wants to read.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return errors.New("no answer in time")
		}
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}
