package httpclient

import "net/http"

// NoRedirects returns a client to which a redirect is an answer. Following it would ask
// somebody else, perhaps with a token.
func NoRedirects() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ThisHost returns such a client for servers of this machine: it asks no proxy, whatever
// HTTP_PROXY says, and makes a connection for each request. A kept one could go on
// answering for a container that takes no new ones, would always ask the same worker, and
// may be closed under a request.
func ThisHost() *http.Client {
	c := NoRedirects()
	c.Transport = &http.Transport{DisableKeepAlives: true}
	return c
}
