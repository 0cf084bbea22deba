package forge

import (
	"errors"
	"fmt"
	"strings"

	"tandem/internal/lib/giturl"
)

// place is where a repository is on the web.
type place struct {
	base string // "https://git.example.com"
	path string // "acme/deploy"; more segments on GitLab
}

// locate finds the place of a repository from the URL that Git uses. It never
// repeats the URL in an error: it may hold a password.
func locate(repo string) (place, error) {
	u, err := giturl.Parse(repo)
	if err != nil {
		return place{}, fmt.Errorf("the address of the repository: %w", err)
	}
	switch u.Scheme {
	case giturl.File:
		return place{}, errors.New("a local path has no commit statuses")
	case giturl.SSH:
		// The port is that of ssh, and says nothing of the web site's.
		return placeOf(giturl.HTTPS, strings.TrimSuffix(u.Host, ":"+u.Port()), u.Path)
	default:
		return placeOf(u.Scheme, u.Host, u.Path)
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
