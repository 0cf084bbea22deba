package appfile

import (
	"strings"

	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// upstream reads the name that an unchanged site passes to. taken holds the names of the
// routes before it: Nginx does not tell large letters from small ones there.
func (p appParser) upstream(n strictyaml.Node, to *string, taken map[string]strictyaml.Node) {
	var name string
	if !n.Present() || !n.Text(&name) {
		return
	}
	switch first, twice := taken[strings.ToLower(name)]; {
	case strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://"):
		n.Fault("want the name alone, without what is before and behind it in the site's proxy_pass; write upstream: app_backend for \"proxy_pass http://app_backend;\", got %s", quoted(name))
	case strings.HasPrefix(name, "$"):
		n.Fault("%s is a variable; leave the key out, and have the site pass to the variable of the route", quoted(name))
	case !deploy.ValidUpstream(name):
		n.Fault("want the name of an upstream of the site, as in \"proxy_pass http://app_backend;\" (letters, digits and ._-, at most 63), got %s", quoted(name))
	case deploy.OwnUpstream(name):
		n.Fault("%s is the name of an upstream that tandem makes for itself; give the site's another name", quoted(name))
	case twice:
		n.Fault("%s is %s already (line %d); a name leads to one route", quoted(name), first.Path, first.Line)
	default:
		taken[strings.ToLower(name)] = n
		*to = name
	}
}
