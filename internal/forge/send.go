package forge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"tandem/internal/lib/plaintext"
)

// errAgain marks what may go better later.
var errAgain = errors.New("try again")

type againError struct{ err error }

func (e againError) Error() string        { return e.err.Error() }
func (e againError) Unwrap() error        { return e.err }
func (e againError) Is(target error) bool { return target == errAgain }

// post sends one status. An error that is errAgain is worth another try.
func (p *Poster) post(ctx context.Context, what post) error {
	token, err := readToken(p.token)
	if err != nil {
		return againError{err} // whoever mends the file wants no restart
	}
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	req, err := p.site.request(ctx, what, token)
	if err != nil {
		return fmt.Errorf("post to %s: %s", p.site.api, redact(err.Error(), token))
	}
	res, err := p.client.Do(req)
	if err != nil {
		return againError{fmt.Errorf("post to %s: %s", p.site.api, redact(cause(err), token))}
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	// What cannot be read of an answer changes nothing about its status.
	said, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	return checkResponse(p.site, res, redact(string(said), token))
}

// checkResponse tells what an answer means.
func checkResponse(s site, res *http.Response, said string) error {
	status := res.StatusCode
	err := fmt.Errorf("%s answers %d %s: %s", s.api, status, http.StatusText(status), said)
	switch {
	case status >= 200 && status < 300:
		return nil
	case s.kind == GitLab && status == http.StatusBadRequest && strings.Contains(said, "Cannot transition status"):
		return nil // an older GitLab says so when the commit has that state already
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout,
		status == http.StatusForbidden && res.Header.Get("X-RateLimit-Remaining") == "0": // GitHub's way to say so
		return againError{err}
	default:
		return err
	}
}

// cause leaves out the method and the URL that net/http begins with.
func cause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

// redact makes a site's words fit for one line of a log, without the token that a
// careless one may repeat.
func redact(text, token string) string {
	return plaintext.Clip(plaintext.Line(strings.ReplaceAll(text, token, "xxxxx")), 200)
}
