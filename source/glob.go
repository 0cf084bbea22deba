package source

import (
	"fmt"
	"path"
	"strings"
)

// glob is a slash-separated pattern: "**" as a whole segment stands for any
// number of segments, also none; the others are as in path.Match.
type glob []string

func parseGlob(pattern string) (glob, error) {
	if pattern == "" || strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("pattern %q: want a path relative to the repository", pattern)
	}
	segments := glob(strings.Split(pattern, "/"))
	for _, s := range segments {
		if _, err := path.Match(s, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if s == "" || s == "." || s == ".." {
			return nil, fmt.Errorf("pattern %q: no segment may be empty, . or .. here", pattern)
		}
	}
	return segments, nil
}

func parseGlobs(patterns []string) ([]glob, error) {
	globs := make([]glob, 0, len(patterns))
	for _, p := range patterns {
		g, err := parseGlob(p)
		if err != nil {
			return nil, err
		}
		globs = append(globs, g)
	}
	return globs, nil
}

// match tells whether the whole path fits the pattern.
func (g glob) match(name string) bool { return g.matchSegments(strings.Split(name, "/")) }

func (g glob) matchSegments(name []string) bool {
	for len(g) > 0 {
		if g[0] == "**" {
			for i := range len(name) + 1 {
				if g[1:].matchSegments(name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		// The pattern was tried when it was parsed, so there is no error left.
		if ok, _ := path.Match(g[0], name[0]); !ok {
			return false
		}
		g, name = g[1:], name[1:]
	}
	return len(name) == 0
}

func matchAny(globs []glob, name string) bool {
	for _, g := range globs {
		if g.match(name) {
			return true
		}
	}
	return false
}
