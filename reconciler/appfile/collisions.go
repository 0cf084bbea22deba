package appfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tandem/reconciler/deploy"
)

// Origin is where an app was taken from last, as far as that is known.
type Origin struct {
	Dir   string // in the repository
	Tree  string // App.Tree of the release that is live
	Ports []int  // of its routes
}

// Collisions finds what two apps of one revision must not share: a name, a port, an upstream. The
// app that had it before keeps it: origins says, by name, where each came from. Where
// that is not known, all that want it are refused: a file that sorts first, such as an
// old copy of the app's directory, must not take the place of what is live. The result
// is keyed by App.File and has no entry for an app that collides with none.
//
// App.Name may be empty for an app that has faults of its own.
func Collisions(apps []deploy.App, origins map[string]Origin) map[string]deploy.Faults {
	sorted := slices.Clone(apps)
	slices.SortStableFunc(sorted, func(a, b deploy.App) int {
		return cmp.Or(strings.Compare(a.Dir, b.Dir), strings.Compare(a.File, b.File))
	})
	c := collisions{origins: origins, out: map[string]deploy.Faults{}}
	c.names(sorted)
	c.ports(sorted)
	c.upstreams(sorted)
	c.projects(sorted)
	return c.out
}

// claim is a name or a port that an app wants, and where its file says so.
type claim struct {
	app  deploy.App
	path string
}

type collisions struct {
	origins map[string]Origin
	out     map[string]deploy.Faults
}

func (c *collisions) fault(x claim, format string, args ...any) {
	c.out[x.app.File] = append(c.out[x.app.File], deploy.Fault{File: x.app.File, Path: x.path, Text: fmt.Sprintf(format, args...)})
}

// grouped are the claims on each thing, both in the order of the files.
type grouped[K comparable] struct {
	keys   []K
	claims map[K][]claim
}

func (g *grouped[K]) add(key K, x claim) {
	if g.claims == nil {
		g.claims = map[K][]claim{}
	}
	if _, known := g.claims[key]; !known {
		g.keys = append(g.keys, key)
	}
	g.claims[key] = append(g.claims[key], x)
}

func (c *collisions) names(apps []deploy.App) {
	var all grouped[string]
	for _, app := range apps {
		if app.Name != "" {
			all.add(app.Name, claim{app, "app"})
		}
	}
	for _, name := range all.keys {
		claims := all.claims[name]
		keeper := c.cameFrom(claims)
		for _, x := range claims {
			switch {
			case len(claims) == 1 || x.app.File == keeper:
			case keeper != "":
				c.fault(x, "%s is the app in %s, which keeps the name; give this one another name", name, keeper)
			default:
				c.fault(x, "%s is the app in %s as well; give one of them another name: until then what is live stays, and neither is deployed anew", name,
					others(x, claims, func(o claim) string { return o.app.File }))
			}
		}
	}
}

// ports lets an app that has the same port twice pass: ParseApp refuses that.
func (c *collisions) ports(apps []deploy.App) {
	var all grouped[int]
	for _, app := range apps {
		for _, r := range app.Routes {
			for _, color := range deploy.Colors() {
				if port := r.Ports.Of(color); port != 0 {
					all.addOnce(port, claim{app, fmt.Sprintf("routes.%s.ports.%s", r.Name, color)})
				}
			}
		}
	}
	refuse(c, all, "take another port", func(o Origin, port int) bool { return slices.Contains(o.Ports, port) })
}

// upstreams finds the names that the sites of two apps pass to: Nginx has one group of a
// name, whether in large letters or small ones.
func (c *collisions) upstreams(apps []deploy.App) {
	var all grouped[string]
	for _, app := range apps {
		for _, r := range app.Routes {
			if r.Upstream != "" {
				all.addOnce(strings.ToLower(r.Upstream), claim{app, fmt.Sprintf("routes.%s.upstream", r.Name)})
			}
		}
	}
	refuse(c, all, "the site of each passes to a name of its own", func(Origin, string) bool { return false })
}

// addOnce is add, but for what the app has claimed already.
func (g *grouped[K]) addOnce(key K, x claim) {
	if !slices.ContainsFunc(g.claims[key], func(has claim) bool { return has.app.File == x.app.File }) {
		g.add(key, x)
	}
}

// refuse tells all that want a thing but the one that had it. had tells what is known
// of that beside where an app came from.
func refuse[K comparable](c *collisions, all grouped[K], advice string, had func(Origin, K) bool) {
	for _, key := range all.keys {
		claims := all.claims[key]
		before := slices.DeleteFunc(slices.Clone(claims), func(x claim) bool { return !had(c.origins[x.app.Name], key) })
		if len(before) == 0 {
			before = claims
		}
		keeper := c.cameFrom(before)
		for _, x := range claims {
			if len(claims) > 1 && x.app.File != keeper {
				c.fault(x, "%v is %s, too; %s", key, others(x, claims, func(o claim) string { return o.path + " in " + o.app.File }), advice)
			}
		}
	}
}

// projects lets no app adopt a project that is another one's, or that another one adopts.
func (c *collisions) projects(apps []deploy.App) {
	for _, app := range apps {
		if app.Adopt == "" {
			continue
		}
		for _, other := range apps {
			theirs := []string{other.Project(deploy.Blue), other.Project(deploy.Green), other.SharedProject()}
			if other.File != app.File && slices.Contains(theirs, app.Adopt) {
				c.fault(claim{app, "adopt"}, "the Compose project %s is that of the app in %s: remove it here, or there", app.Adopt, other.File)
				break
			}
		}
	}
}

// cameFrom returns the file of the one app among the claims that is where it was before;
// empty: that is not known, or they are several.
func (c *collisions) cameFrom(claims []claim) string {
	for _, there := range []func(deploy.App, Origin) bool{
		func(a deploy.App, o Origin) bool { return a.Dir == o.Dir },
		func(a deploy.App, o Origin) bool { return a.Tree != "" && a.Tree == o.Tree }, // moved, or taken before directories were noted
	} {
		found := slices.DeleteFunc(slices.Clone(claims), func(x claim) bool {
			o, known := c.origins[x.app.Name]
			return !known || !there(x.app, o)
		})
		switch len(found) {
		case 0:
		case 1:
			return found[0].app.File
		default:
			return ""
		}
	}
	return ""
}

// others says which the other claims are.
func others(x claim, claims []claim, say func(claim) string) string {
	var words []string
	for _, other := range claims {
		if other.app.File != x.app.File {
			words = append(words, say(other))
		}
	}
	return strings.Join(words, " and ")
}
