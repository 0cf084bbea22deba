package source

import (
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"tandem/internal/lib/giturl"
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
	u, err := giturl.Parse(raw)
	if err != nil {
		return address{}, fmt.Errorf("url: %w", err)
	}
	switch u.Scheme {
	case giturl.File:
		path, err := filepath.Abs(u.Path)
		if err != nil {
			return address{}, fmt.Errorf("url: %w", err)
		}
		return address{scheme: schemeLocal, path: path}, nil
	case giturl.SSH:
		path := u.Path
		if strings.HasPrefix(path, "/~") { // ssh://host/~/path means a path below the home directory
			path = path[1:]
		}
		host := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "22"))
		return address{scheme: schemeSSH, user: cmp.Or(u.User.Username(), "git"), host: host, path: path}, nil
	default:
		a := address{scheme: schemeHTTP, user: u.User.Username(), plain: giturl.Plain(u)}
		a.password, _ = u.User.Password()
		u.User = nil
		u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
		a.url = u.String()
		return a, nil
	}
}
