package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// httpDialer talks Git's smart protocol over http. go-git itself takes care that
// no credential follows a redirect to another server.
type httpDialer struct {
	address   address
	auth      Auth
	sanitizer *errSanitizer
	client    transport.Transport
}

func newHTTPDialer(a address, auth Auth, b *errSanitizer) *httpDialer {
	b.add(a.password)
	if a.password == "" {
		b.add(a.user) // some servers take a token as the name
	}
	rt := http.DefaultTransport
	if t, ok := rt.(*http.Transport); ok {
		rt = t.Clone()
	}
	return &httpDialer{
		address: a, auth: auth, sanitizer: b,
		client: githttp.NewClient(&http.Client{Transport: shortErrors{rt}}),
	}
}

func (d *httpDialer) fetch(context.Context) (transport.UploadPackSession, error) {
	ep, auth, err := d.endpoint()
	if err != nil {
		return nil, err
	}
	s, err := d.client.NewUploadPackSession(ep, auth)
	if err != nil {
		return nil, err
	}
	return httpFetch{s, d}, nil
}

func (d *httpDialer) push(context.Context) (transport.ReceivePackSession, error) {
	ep, auth, err := d.endpoint()
	if err != nil {
		return nil, err
	}
	s, err := d.client.NewReceivePackSession(ep, auth)
	if err != nil {
		return nil, err
	}
	return httpPush{s, d}, nil
}

// endpoint reads the token anew: it may have been renewed since.
func (d *httpDialer) endpoint() (*transport.Endpoint, transport.AuthMethod, error) {
	ep, err := transport.NewEndpoint(d.address.url)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case d.auth.TokenFile != "":
		data, err := os.ReadFile(d.auth.TokenFile)
		if err != nil {
			return nil, nil, kindf(ErrCredentials, "auth.token_file: %v", err)
		}
		token := strings.TrimSpace(string(data))
		if token == "" {
			return nil, nil, kindf(ErrCredentials, "auth.token_file: %s is empty", d.auth.TokenFile)
		}
		d.sanitizer.add(token)
		return ep, &githttp.BasicAuth{Username: d.auth.Username, Password: token}, nil
	case d.address.user != "" || d.address.password != "":
		return ep, &githttp.BasicAuth{Username: d.address.user, Password: d.address.password}, nil
	default:
		return ep, nil, nil
	}
}

// explain says which file to look at when the server refuses.
func (d *httpDialer) explain(err error) error {
	asked := errors.Is(err, transport.ErrAuthenticationRequired)
	switch {
	case err == nil:
		return nil
	case (asked || errors.Is(err, transport.ErrAuthorizationFailed)) && d.auth.TokenFile != "":
		return kindf(ErrCredentials, "the server refuses the token in %s (as user %q): %v", d.auth.TokenFile, d.auth.Username, err)
	case asked && d.address.user == "":
		return kindf(ErrCredentials, "the server asks for credentials: set auth.token_file: %v", err)
	case asked, errors.Is(err, transport.ErrAuthorizationFailed):
		return kindf(ErrCredentials, "the server refuses the credentials: %v", err)
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return fmt.Errorf("there is no repository there, or the credentials may not see it: %w", err)
	default:
		return err
	}
}

// explainPush also says that the server lets nobody with these credentials push,
// where they are good for reading.
func (d *httpDialer) explainPush(err error) error {
	nobody := d.auth.TokenFile == "" && d.address.user == "" && d.address.password == ""
	if errors.Is(err, transport.ErrAuthorizationFailed) || nobody && errors.Is(err, transport.ErrAuthenticationRequired) {
		return kindf(errForbidden, "%v", d.explain(err))
	}
	return d.explain(err)
}

// httpFetch and httpPush are go-git's sessions with errors that explain.
type httpFetch struct {
	transport.UploadPackSession
	dialer *httpDialer
}

func (s httpFetch) AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error) {
	adv, err := s.UploadPackSession.AdvertisedReferencesContext(ctx)
	return adv, s.dialer.explain(err)
}

type httpPush struct {
	transport.ReceivePackSession
	dialer *httpDialer
}

func (s httpPush) AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error) {
	adv, err := s.ReceivePackSession.AdvertisedReferencesContext(ctx)
	return adv, s.dialer.explainPush(err)
}

func (s httpPush) ReceivePack(ctx context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	report, err := s.ReceivePackSession.ReceivePack(ctx, req)
	return report, s.dialer.explainPush(err)
}

// shortErrors bounds the page that comes with an error: go-git reads all of it.
type shortErrors struct{ next http.RoundTripper }

func (t shortErrors) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(req)
	if err == nil && res.StatusCode >= 300 {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, 4<<10), res.Body}
	}
	return res, err
}
