package giturl

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// The schemes that Parse returns.
const (
	File  = "file" // a path of this host
	HTTP  = "http"
	HTTPS = "https"
	SSH   = "ssh"
)

// short is git's short form of an ssh URL: no slash before the first colon.
var short = regexp.MustCompile(`^(?:([^@/:]+)@)?(\[[0-9a-fA-F:]+\]|[^@/:]+):([^:].*)$`)

// Parse takes an address apart. What has no scheme and is not the short form is a path
// of this host, as it was written. The path of the short form begins at the user's home,
// and has no slash before it then. No error repeats the address, which may hold a password.
func Parse(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("needed: https://…, ssh://…, user@host:path or a local path")
	}
	if !strings.Contains(raw, "://") {
		return parseShort(raw), nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("cannot be read as a URL")
	}
	switch {
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must not have a query or a fragment")
	case u.Scheme == File && u.Host != "" && u.Host != "localhost":
		return nil, errors.New("a file URL has no host: write file:///path")
	case u.Scheme == File:
		return u, nil
	case u.Scheme != HTTP && u.Scheme != HTTPS && u.Scheme != SSH:
		return nil, fmt.Errorf("%s:// is not supported: use https, ssh or a local path", u.Scheme)
	case u.Hostname() == "" || strings.Trim(u.Path, "/") == "":
		return nil, errors.New("needs a host and a path")
	}
	if _, has := u.User.Password(); has && u.Scheme == SSH {
		return nil, errors.New("ssh takes a key, not a password")
	}
	return u, nil
}

func parseShort(raw string) *url.URL {
	m := short.FindStringSubmatch(raw)
	if m == nil {
		return &url.URL{Scheme: File, Path: raw}
	}
	u := &url.URL{Scheme: SSH, Host: m[2], Path: m[3]}
	if m[1] != "" {
		u.User = url.User(m[1])
	}
	return u
}

// Plain tells whether what is sent to the URL can be read on the way: it is http to
// another machine.
func Plain(u *url.URL) bool { return u.Scheme == HTTP && !Loopback(u.Hostname()) }

// Loopback tells whether the host is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
