package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"tandem/internal/config"
	"tandem/internal/harness/load"
)

// candidate is one way to deploy the same app behind an Nginx of its own.
type candidate interface {
	Name() string
	URL() string
	// Build makes the image of a release, which is then in a registry only.
	Build(ctx context.Context, tag string, env ...string) error
	// Deploy asks for a release and returns as soon as that is done; it may come later.
	Deploy(ctx context.Context, tag string) error
	// Asked is the release that was asked for last.
	Asked() string
	Close(ctx context.Context) error
}

// newPair sets up tandem and the script, and returns what ends both; that is to be
// called with an error, too.
func (b *bench) newPair(ctx context.Context) (t *tandem, c *script, end func() error, err error) {
	end = func() error {
		var errs []error
		if t != nil {
			errs = append(errs, t.Close(context.WithoutCancel(ctx)))
		}
		if c != nil {
			errs = append(errs, c.Close(context.WithoutCancel(ctx)))
		}
		return errors.Join(errs...)
	}
	if t, err = b.newTandem(ctx, config.SwitchFlip, ""); err == nil {
		c, err = newScript(ctx, deployScript, "the script", name("script"))
	}
	return t, c, end, err
}

// releases are the two between which a candidate switches.
var releases = [2]string{"1.0.0", "1.1.0"}

// turn makes a candidate switch so many times under load, and tells what the load saw.
func turn(ctx context.Context, c candidate, connections, switches int) (load.Report, error) {
	o := load.Options{URL: c.URL(), Connections: connections, PostEvery: 4, Rate: 1000, WebSockets: 5}
	traffic, err := load.Run(ctx, o)
	if err != nil {
		return load.Report{}, err
	}
	defer traffic.Stop()
	for range switches {
		if _, err := switched(ctx, c); err != nil {
			return load.Report{}, err
		}
	}
	return traffic.Stop(), nil
}

// switched goes to the other of the two releases, and tells how long that took. It
// goes by what was asked for: after a reload the former workers may still answer.
func switched(ctx context.Context, c candidate) (time.Duration, error) {
	if c.Asked() == releases[0] {
		return deployed(ctx, c, releases[1])
	}
	return deployed(ctx, c, releases[0])
}

// deployed deploys a release and waits until a new connection is answered by it.
// The time is from the moment at which it was asked for.
func deployed(ctx context.Context, c candidate, tag string) (time.Duration, error) {
	began, end, err := timed(ctx, c, tag, func() error { return c.Deploy(ctx, tag) })
	return end.Sub(began), err
}

// timed asks for a release and tells when it did and when the first answer of it came.
func timed(ctx context.Context, c candidate, tag string, ask func() error) (began, end time.Time, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of who waits for an answer, when there will be none
	seen := make(chan error, 1)
	began = time.Now()
	go func() {
		err := answeredBy(ctx, c.URL(), tag)
		end = time.Now()
		seen <- err
	}()
	if err := ask(); err != nil {
		return began, began, fmt.Errorf("%s: ask for %s: %w", c.Name(), tag, err)
	}
	if err := <-seen; err != nil {
		return began, began, fmt.Errorf("%s: %w", c.Name(), err)
	}
	return began, end, nil
}

// askEvery is how exactly the first answer of a release is known.
const askEvery = 2 * time.Millisecond

// answerTime is far more than any of the candidates takes.
const answerTime = 2 * time.Minute

// answeredBy waits until a new connection is answered by a release.
func answeredBy(ctx context.Context, url, tag string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, fmt.Errorf("no answer of release %s within %s", tag, answerTime))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ticks := time.NewTicker(askEvery)
	defer ticks.Stop()
	for {
		if got, err := askedFor(ctx, client, url); err == nil && got == tag {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
	}
}

// askedFor is the release that answers.
func askedFor(ctx context.Context, client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/", nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.Header.Get("X-Tag"), errors.Join(err, res.Body.Close())
}
