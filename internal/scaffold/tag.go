package scaffold

import (
	"regexp"
	"slices"
	"strings"
)

var (
	tagPattern    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	tagVariable   = regexp.MustCompile(`\$\{?TAG\b`)
	defaultTag    = regexp.MustCompile(`\$\{TAG:?-([^}$]*)\}`)
	variableInTag = regexp.MustCompile(`:[^/]*\$\{?([A-Za-z_][A-Za-z0-9_]*)[^/]*$`)
)

// tag says which tag the app has now, and which images it belongs to.
func (g *guesser) tag() {
	defer func() {
		if g.said.Tag != "" {
			g.p.Tag = Choice{Name: g.said.Tag}
		}
	}()
	var colored []*service
	for _, s := range g.active() {
		if group := g.group[s.Name]; group != groupIgnored && group != groupShared {
			colored = append(colored, s)
		}
	}
	for _, s := range g.active() {
		if group := g.group[s.Name]; group != groupIgnored && s.Build != nil && s.image.name == "" {
			g.p.Build = true
		}
	}
	for _, s := range colored {
		if m := defaultTag.FindStringSubmatch(s.asked); m != nil && tagPattern.MatchString(m[1]) {
			g.p.Tag = Choice{Name: m[1], Why: "the default of ${TAG} in " + s.Name}
		}
	}
	for _, s := range colored {
		if tagVariable.MatchString(s.asked) {
			if g.p.Tag.Name == "" {
				g.p.Tag = Choice{Name: "latest", Why: "of ${TAG}: write the version that is to run", Doubt: true}
			}
			return
		}
	}
	if slices.ContainsFunc(colored, func(s *service) bool { return s.Build != nil && s.image.name == "" }) {
		return // the commit is the tag of what is built, and other images keep theirs
	}
	app := g.tagged(colored)
	g.p.Tag = Choice{Name: app.image.tag, Why: "of the image of " + app.Name}
	if !tagPattern.MatchString(g.p.Tag.Name) {
		g.p.Tag = Choice{Name: "latest", Why: "the image of " + app.Name + " names none: write the version that is to run", Doubt: true}
	} else if strings.HasPrefix(g.p.Tag.Name, "latest") {
		g.p.Tag.Doubt = true
		g.p.Tag.Why = "of the image of " + app.Name + ": write a version, so that a push of tandem.yaml says what runs"
	}
	g.images(app, colored)
}

// tagged is the service whose image the tag belongs to: what people reach, or the app behind
// it where that is a web server of somebody else's.
func (g *guesser) tagged(colored []*service) *service {
	first := g.all[g.p.Routes[0].Service]
	if first.role != roleWebServer || first.Build != nil {
		return first
	}
	app := first
	for _, s := range colored {
		if s.role == roleApp && g.group[s.Name] == "" && (app == first || g.weight(s) > g.weight(app)) {
			app = s
		}
	}
	return app
}

// tagVariable is the variable that an image has as its tag; empty for none.
func (s *service) tagVariable() string {
	if m := variableInTag.FindStringSubmatch(s.asked); m != nil {
		return m[1]
	}
	return ""
}

// images lists the services that have the tag, where tandem would take others: the same
// repository with another tag, another repository with the same variable as its tag, or
// what is behind a web server.
func (g *guesser) images(app *service, colored []*service) {
	unclear := false
	var with []Image
	for _, s := range colored {
		if s.image.name == "" {
			continue
		}
		routed := slices.ContainsFunc(g.p.Routes, func(r Route) bool { return r.Service == s.Name })
		sameTag := s.image.tag == app.image.tag
		has := s == app || sameTag && sameProgram(app, s) || s.tagVariable() != "" && s.tagVariable() == app.tagVariable() ||
			routed && s.image.owner == app.image.owner && s.role != roleWebServer
		takes := routed || slices.ContainsFunc(g.p.Routes, func(r Route) bool {
			return releasedWith(g.all[r.Service].image, s.image)
		})
		unclear = unclear || has != takes
		if has {
			with = append(with, Image{s.Name, s.image.repository})
		}
	}
	if unclear && !slices.ContainsFunc(with, func(i Image) bool { return strings.Contains(strings.Split(g.all[i.Service].asked, ":")[0], "$") }) {
		g.p.Images = with
	}
}

// releasedWith is tandem's own rule: images get their tags together that are of one
// repository, or of one owner with the same tag.
func releasedWith(a, b image) bool {
	tag := func(i image) string {
		if i.tag == "" {
			return "latest"
		}
		return i.tag
	}
	return a.owner+a.name == b.owner+b.name || a.owner == b.owner && tag(a) == tag(b) && !strings.HasPrefix(a.path, "library/")
}
