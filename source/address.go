package source

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// scheme is how a repository is reached.
type scheme string

const (
	schemeLocal scheme = "local"
	schemeHTTP  scheme = "http"
	schemeSSH   scheme = "ssh"
)

// address is where the repository is, taken apart so that a credential in the
// URL is never printed with it.
type address struct {
	scheme   scheme
	url      string // for http: without userinfo
	host     string // for ssh: host:port
	path     string // for ssh and local
	user     string // from the URL
	password string // from the URL, http only
	plain    bool   // http without TLS to another machine
}

// scpLike is git's short form of an ssh URL: no slash before the first colon.
var scpLike = regexp.MustCompile(`^(?:([^@/:]+)@)?(\[[0-9a-fA-F:]+\]|[^@/:]+):(.+)$`)

// String is the address as people may see it.
func (a address) String() string {
	switch a.scheme {
	case schemeHTTP:
		return a.url
	case schemeSSH:
		return "ssh://" + a.user + "@" + strings.TrimSuffix(a.host, ":22") + "/" + strings.TrimPrefix(a.path, "/")
	default:
		return a.path
	}
}

// parseAddress never repeats its input in an error: it may hold a password.
func parseAddress(raw string) (address, error) {
	if raw == "" {
		return address{}, errors.New("url: needed: https://…, ssh://…, user@host:path or a local path")
	}
	if !strings.Contains(raw, "://") {
		if m := scpLike.FindStringSubmatch(raw); m != nil {
			return sshAddress(m[1], strings.Trim(m[2], "[]"), "", m[3]), nil
		}
		return localAddress(raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return address{}, errors.New("url: cannot be read as a URL; escape special characters of a password as %XX")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return address{}, errors.New("url: must not have a query or a fragment")
	}
	switch u.Scheme {
	case "http", "https":
		return httpAddress(u)
	case "ssh", "git+ssh", "ssh+git":
		if _, has := u.User.Password(); has {
			return address{}, errors.New("url: ssh takes a key, not a password: set auth.ssh_key")
		}
		if u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
			return address{}, errors.New("url: needs a host and a path")
		}
		return sshAddress(u.User.Username(), u.Hostname(), u.Port(), u.Path), nil
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return address{}, errors.New("url: a file URL has no host: write file:///path")
		}
		return localAddress(u.Path)
	default:
		return address{}, fmt.Errorf("url: %s:// is not supported: use https, ssh or a local path", u.Scheme)
	}
}

func httpAddress(u *url.URL) (address, error) {
	if u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
		return address{}, errors.New("url: needs a host and a path")
	}
	a := address{scheme: schemeHTTP, user: u.User.Username()}
	a.password, _ = u.User.Password()
	ip := net.ParseIP(u.Hostname())
	a.plain = u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
	clean := *u
	clean.User = nil
	clean.Path, clean.RawPath = strings.TrimRight(clean.Path, "/"), ""
	a.url = clean.String()
	return a, nil
}

func sshAddress(user, host, port, path string) address {
	if user == "" {
		user = "git"
	}
	if port == "" {
		port = "22"
	}
	// ssh://host/~/path means a path below the home directory.
	if strings.HasPrefix(path, "/~") {
		path = path[1:]
	}
	return address{scheme: schemeSSH, user: user, host: net.JoinHostPort(host, port), path: path}
}

func localAddress(path string) (address, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return address{}, fmt.Errorf("url: %w", err)
	}
	return address{scheme: schemeLocal, path: abs}, nil
}
