package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"tandem/internal/lib/httpclient"
	"tandem/reconciler/deploy"
)

// answerLimit is the size in bytes up to which an answer is read: far more than
// any agent has to say.
const answerLimit = 64 << 20

// NoAgentError says that nobody listens where the agent should.
type NoAgentError struct {
	Addr string
	Err  error
}

func (e *NoAgentError) Error() string {
	return fmt.Sprintf("no agent answers on %s; is `tandem run` running?", e.Addr)
}

// Unwrap returns the cause.
func (e *NoAgentError) Unwrap() error { return e.Err }

// Client asks a running agent. Its methods may be called at once from several
// goroutines; when no agent answers, their error is a *NoAgentError.
type Client struct {
	addr      string
	tokenFile string // empty: the agent asks for no token
	http      *http.Client
}

// NewClient returns a client for the agent that listens on addr (host:port, as
// in the agent's file). A listener on every address is asked over loopback.
func NewClient(addr string) *Client {
	client := httpclient.ThisHost()
	client.Timeout = 30 * time.Second
	return &Client{addr: reachable(addr), http: client}
}

// WithToken lets the client send the token in the file, which it reads at each
// call. No token is sent when the file has no name.
func (c *Client) WithToken(file string) *Client {
	with := *c
	with.tokenFile = file
	return &with
}

func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}

// Statuses returns the status of every app.
func (c *Client) Statuses(ctx context.Context) ([]deploy.Status, error) {
	var s []deploy.Status
	err := c.do(ctx, http.MethodGet, "/api/v1/apps", &s)
	return s, err
}

// Status returns the status of one app, or an *UnknownAppError.
func (c *Client) Status(ctx context.Context, app string) (deploy.Status, error) {
	var s deploy.Status
	err := c.about(ctx, app, http.MethodGet, "", &s)
	return s, err
}

// Ready returns what the agent has not done yet since it was started, in its own
// words, and nil when it has looked at everything once.
func (c *Client) Ready(ctx context.Context) error {
	var well health
	return c.do(ctx, http.MethodGet, "/readyz", &well)
}

// Retry makes the app's rejected release worth another try.
func (c *Client) Retry(ctx context.Context, app string) error { return c.act(ctx, app, "/retry") }

// Pause stops deploys of the app until Resume.
func (c *Client) Pause(ctx context.Context, app string) error { return c.act(ctx, app, "/pause") }

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, app string) error { return c.act(ctx, app, "/resume") }

// Remove takes away what is left of an app that the repository does not have any more,
// and returns what that was. A *RefusedError says why it may not be. It takes as long
// as the app's containers need to end.
func (c *Client) Remove(ctx context.Context, app string) ([]string, error) {
	patient, asked := *c, *c.http
	asked.Timeout = 0
	patient.http = &asked
	var r removed
	err := patient.about(ctx, app, http.MethodPost, "/remove", &r)
	return r.Removed, err
}

func (c *Client) act(ctx context.Context, app, verb string) error {
	return c.about(ctx, app, http.MethodPost, verb, nil)
}

// about asks about one app, and puts its name into the error when it is unknown.
func (c *Client) about(ctx context.Context, app, method, verb string, into any) error {
	// A name of dots would otherwise climb out of the path.
	name := strings.ReplaceAll(url.PathEscape(app), ".", "%2E")
	err := c.do(ctx, method, "/api/v1/apps/"+name+verb, into)
	var unknown *UnknownAppError
	if errors.As(err, &unknown) {
		unknown.App = app
	}
	return err
}

func (c *Client) do(ctx context.Context, method, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.addr+path, nil)
	if err != nil {
		return fmt.Errorf("ask agent on %s: %w", c.addr, err)
	}
	if method == http.MethodPost {
		req.Header.Set(header, "1")
	}
	if c.tokenFile != "" {
		token, err := readSecret("API token", c.tokenFile)
		if err != nil {
			return fmt.Errorf("ask agent on %s: %w", c.addr, err)
		}
		req.Header.Set("Authorization", scheme+string(token))
	}
	res, err := c.http.Do(req)
	if err != nil {
		return c.unanswered(err)
	}
	err = c.read(res, into)
	return errors.Join(err, res.Body.Close())
}

// unanswered tells "nobody is there" from "somebody is, and it went wrong".
func (c *Client) unanswered(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" && !errors.Is(err, context.Canceled) {
		return &NoAgentError{Addr: c.addr, Err: err}
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL, which says nothing that the address does not
	}
	return fmt.Errorf("ask agent on %s: %w", c.addr, err)
}

func (c *Client) read(res *http.Response, into any) error {
	if res.StatusCode == http.StatusNoContent && into == nil {
		return nil
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return fmt.Errorf("ask agent on %s: what answers there is not a tandem agent (HTTP %d, %q)", c.addr, res.StatusCode, res.Header.Get("Content-Type"))
	}
	body := json.NewDecoder(io.LimitReader(res.Body, answerLimit))
	if res.StatusCode != http.StatusOK {
		return c.failed(res.StatusCode, body)
	}
	if err := body.Decode(into); err != nil {
		return fmt.Errorf("read answer of the agent on %s: %w", c.addr, err)
	}
	return nil
}

func (c *Client) failed(code int, body *json.Decoder) error {
	var f failure
	if err := body.Decode(&f); err != nil || f.Error == "" {
		return fmt.Errorf("agent on %s answered HTTP %d", c.addr, code)
	}
	if code == http.StatusNotFound {
		return &UnknownAppError{Known: f.Known}
	}
	if code == http.StatusConflict {
		return &RefusedError{Why: f.Error}
	}
	return errors.New(f.Error)
}
