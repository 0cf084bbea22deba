package forge

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// place is where a repository is on the web.
type place struct {
	base string // "https://git.example.com"
	path string // "acme/deploy"; more segments on GitLab
}

// scpLike is Git's short form of an ssh URL: no slash before the first colon.
var scpLike = regexp.MustCompile(`^(?:[^@/:]+@)?(\[[0-9a-fA-F:]+\]|[^@/:]+):(.+)$`)

// locate finds the place of a repository from the URL that Git uses. It never
// repeats the URL in an error: it may hold a password.
func locate(repo string) (place, error) {
	if !strings.Contains(repo, "://") {
		m := scpLike.FindStringSubmatch(repo)
		if m == nil {
			return place{}, errors.New("a local path has no commit statuses")
		}
		return placeOf("https", m[1], m[2])
	}
	u, err := url.Parse(repo)
	if err != nil {
		return place{}, errors.New("the address of the repository cannot be read")
	}
	switch u.Scheme {
	case "https", "http":
		return placeOf(u.Scheme, u.Host, u.Path)
	case "ssh":
		// The port is that of ssh, and says nothing of the web site's.
		host := u.Hostname()
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return placeOf("https", host, u.Path)
	default:
		return place{}, fmt.Errorf("%s:// has no commit statuses", u.Scheme)
	}
}

func placeOf(scheme, host, path string) (place, error) {
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.HasPrefix(segment, "~") {
			return place{}, errors.New("the address of the repository does not end with OWNER/NAME")
		}
	}
	if host == "" || !strings.Contains(path, "/") {
		return place{}, errors.New("the address of the repository does not end with OWNER/NAME")
	}
	return place{base: scheme + "://" + strings.ToLower(host), path: path}, nil
}
