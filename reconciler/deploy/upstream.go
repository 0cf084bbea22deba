package deploy

import "regexp"

var (
	upstreamPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)
	upstreamLetter  = regexp.MustCompile(`[A-Za-z]`)
	ownGroup        = regexp.MustCompile(`^(?:[a-z][a-z0-9-]*_[a-z][a-z0-9-]*_(?:blue|green|closed)(?:_backup)?(?:_ws)?|tandem_.*)$`)
)

// ValidUpstream tells whether a site can pass requests to the name, which is that of an
// Nginx upstream: letters, digits and ._-, and no address.
func ValidUpstream(name string) bool {
	return upstreamPattern.MatchString(name) && upstreamLetter.MatchString(name)
}

// OwnUpstream tells whether the name is one that tandem gives to the upstreams of a stack.
func OwnUpstream(name string) bool { return ownGroup.MatchString(name) }
