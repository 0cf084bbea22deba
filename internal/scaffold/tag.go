package scaffold

import (
	"regexp"
	"strings"
)

var (
	tagPattern     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	tagVariable    = regexp.MustCompile(`\$\{?TAG\b`)
	defaultTag     = regexp.MustCompile(`\$\{TAG:?-([^}$]*)\}`)
	variableInTag  = regexp.MustCompile(`:[^/]*\$\{?([A-Za-z_][A-Za-z0-9_]*)[^/]*$`)
	variableInside = regexp.MustCompile(`\$\{?[A-Za-z_]`)
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
	routed := g.all[g.p.Routes[0].Service]
	if routed.image.name == "" {
		for _, r := range g.p.Routes[1:] {
			if other := g.all[r.Service]; other.image.name != "" && other.Build == nil && !other.image.isOneOf(webServers) {
				routed = other
			}
		}
	}
	if routed.image.name == "" && g.p.Build {
		return // the commit is the tag
	}
	g.p.Tag = Choice{Name: routed.image.tag, Why: "of the image of " + routed.Name}
	if !tagPattern.MatchString(g.p.Tag.Name) {
		g.p.Tag = Choice{Name: "latest", Why: "the image of " + routed.Name + " names none: write the version that is to run", Doubt: true}
	} else if strings.HasPrefix(g.p.Tag.Name, "latest") {
		g.p.Tag.Doubt = true
		g.p.Tag.Why = "of the image of " + routed.Name + ": write a version, so that a push of tandem.yaml says what runs"
	}
	g.images(routed, colored)
}

// images lists the services that have the tag, where tandem would take others: the same
// repository with another tag, or another repository with the same variable as its tag.
func (g *guesser) images(routed *service, colored []*service) {
	variable := func(s *service) string {
		if m := variableInTag.FindStringSubmatch(s.asked); m != nil {
			return m[1]
		}
		return ""
	}
	unclear := false
	var with []Image
	for _, s := range colored {
		if s.image.name == "" {
			continue
		}
		sameTag := s.image.tag == routed.image.tag
		has := s == routed || sameTag && sameProgram(routed, s) || variable(s) != "" && variable(s) == variable(routed)
		would := s == routed || sameTag && s.image.owner == routed.image.owner || s.image.repository == routed.image.repository
		for _, r := range g.p.Routes {
			would = would || r.Service == s.Name
			has = has || r.Service == s.Name && s.image.owner == routed.image.owner
		}
		unclear = unclear || has != would
		if has {
			with = append(with, Image{s.Name, s.image.repository})
		}
	}
	if unclear && !variableInside.MatchString(strings.Split(routed.asked, ":")[0]) {
		g.p.Images = with
	}
}
