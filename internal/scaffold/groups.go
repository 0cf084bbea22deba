package scaffold

import (
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

var devProfile = regexp.MustCompile(`(?i)dev|test|debug|local|tool|asset|doc|lint|seed|admin|monitor|backup|e2e|ci$`)

// profiles picks those that the app needs: what COMPOSE_PROFILES says, or none if people
// can reach something without any, or all that are not for development.
func (g *guesser) profiles() {
	g.p.Profiles = slices.Clone(g.Active)
	if len(g.p.Profiles) > 0 || slices.ContainsFunc(g.active(), reachable) {
		return
	}
	for _, svc := range g.sorted {
		for _, profile := range svc.Profiles {
			if !devProfile.MatchString(profile) && !slices.Contains(g.p.Profiles, profile) {
				g.p.Profiles = append(g.p.Profiles, profile)
			}
		}
	}
}

// reachable tells whether a service might be what people reach.
func reachable(s *service) bool {
	return s.role == roleApp || s.role == roleWebServer
}

var colorName = regexp.MustCompile(`(?i)^(.*?)[-_.]?(blue|green)$`)

// colorPairs finds what people wrote to switch by hand: an app once as blue and once as
// green, and the proxy between them. tandem makes the second one itself.
func (g *guesser) colorPairs() {
	pairs := map[string]map[string]*service{}
	for _, svc := range g.active() {
		if m := colorName.FindStringSubmatch(svc.Name); m != nil && reachable(svc) {
			if pairs[m[1]] == nil {
				pairs[m[1]] = map[string]*service{}
			}
			pairs[m[1]][strings.ToLower(m[2])] = svc
		}
	}
	var blues []*service
	for _, pair := range pairs {
		blue, green := pair["blue"], pair["green"]
		if blue == nil || green == nil {
			continue
		}
		g.ignore(green, "tandem makes the second color of "+blue.Name+" itself", false)
		blues = append(blues, blue)
	}
	if len(blues) == 0 {
		return
	}
	for _, svc := range g.left() {
		if svc.role == roleWebServer {
			g.ignore(svc, "it switched between blue and green, which the Nginx of this host does now", false)
		}
	}
	slices.SortFunc(g.p.Ignore, func(a, b Choice) int { return g.all[a.Name].order - g.all[b.Name].order })
}

func (g *guesser) ignore(s *service, why string, doubt bool) {
	g.group[s.Name] = groupIgnored
	g.p.Ignore = append(g.p.Ignore, Choice{s.Name, why, doubt})
}

// outsiders ignores what is no part of the app: the host's proxies and tools, and what
// swallows mail. A tool that is all there is, is the app.
func (g *guesser) outsiders() {
	if !slices.ContainsFunc(g.left(), reachable) {
		return
	}
	for _, svc := range g.left() {
		switch {
		case g.neededByNetwork(svc):
		case svc.role == roleProxy:
			g.ignore(svc, "the Nginx of this host does its work", false)
		case svc.role == roleMail:
			g.ignore(svc, "it only catches mail: give the app a real mail server", true)
		case svc.role == roleTool:
			g.ignore(svc, "a tool, not a part of the app", false)
		case svc.role == roleWebServer && !g.partOfApp(svc):
			g.ignore(svc, "it only passes requests on, which the Nginx of this host does", true)
		}
	}
}

// neededByNetwork tells whether another service lives in this one's network, or has its
// mounts, so that it cannot be left out.
func (g *guesser) neededByNetwork(s *service) bool {
	return slices.ContainsFunc(g.active(), func(other *service) bool {
		return other.NetworkMode == "service:"+s.Name || slices.ContainsFunc(other.VolumesFrom, func(from string) bool {
			name, _, _ := strings.Cut(from, ":")
			return name == s.Name
		})
	})
}

// partOfApp tells whether a web server is the app's own: people built it, it serves files
// of the app or speaks a protocol for it that Nginx here would not, or it has its
// configuration from git and no TLS. It is none if nothing else could be reached.
func (g *guesser) partOfApp(s *service) bool {
	others := slices.DeleteFunc(g.left(), func(o *service) bool { return o.Name == s.Name || !reachable(o) })
	if len(others) == 0 || s.Build != nil {
		return true
	}
	for _, o := range others {
		if shareData(s, o) || !speaksHTTP(o) && s.mayPassTo(o) {
			return true
		}
	}
	if slices.ContainsFunc(others, func(o *service) bool { return labelled(o) }) {
		return false
	}
	tls := s.publishes(443) || slices.ContainsFunc(s.Ports, func(p types.ServicePortConfig) bool { return p.Target == 443 }) ||
		slices.ContainsFunc(s.Volumes, func(m types.ServiceVolumeConfig) bool { return strings.Contains(m.Source+m.Target, "letsencrypt") })
	config := slices.ContainsFunc(s.Volumes, func(m types.ServiceVolumeConfig) bool { return m.Type == types.VolumeTypeBind }) || len(s.Configs) > 0
	return config && !tls
}

// mayPassTo tells whether the web server is known to wait for the other, or the file does
// not say for whom it waits.
func (s *service) mayPassTo(o *service) bool {
	return len(s.needs()) == 0 || slices.Contains(s.needs(), o.Name)
}

var (
	migrateWords = regexp.MustCompile(`(?i)migrat|alembic\s+upgrade|db:(prepare|setup)|prisma\s+(db\s+push|migrate)|flyway|liquibase|goose\s+up|db-?init|initdb|setup-?db`)
	beatWords    = regexp.MustCompile(`(?i)(^|[\s/._-])(beat|scheduler?|cron|crond|supercronic|clock|clockwork|whenever|schedule:(work|run))($|[\s._-])`)
	beatName     = regexp.MustCompile(`(?i)(^|[-_.])(beat|scheduler?|cron|crons|cronjobs?|clock|timer|periodic)($|[-_.])`)
)

// oneShots finds the migration, and what must run in one place only.
func (g *guesser) oneShots() {
	var migrations []*service
	for _, svc := range g.left() {
		if svc.role != roleApp {
			continue
		}
		if (migrateWords.MatchString(svc.Name) || migrateWords.MatchString(svc.line()) || migrateWords.MatchString(svc.image.name)) && g.endsItself(svc) {
			migrations = append(migrations, svc)
			continue
		}
		if len(svc.Ports) == 0 && !g.endsItself(svc) && (beatName.MatchString(svc.Name) || beatWords.MatchString(svc.line())) {
			g.group[svc.Name] = groupSingleton
			g.p.Singletons = append(g.p.Singletons, Choice{Name: svc.Name, Why: "what it starts at a time must be started once, not once a color"})
		}
	}
	if len(migrations) == 1 {
		svc := migrations[0]
		g.group[svc.Name] = groupMigration
		g.p.Expand = Choice{Name: svc.Name, Why: "it runs once before a release starts. The version that is live works on the changed database meanwhile: change it so that it can", Doubt: true}
	}
}

// endsItself tells whether a service is meant to run once.
func (g *guesser) endsItself(s *service) bool {
	if len(s.Ports) > 0 || s.Restart == "always" || s.Restart == "unless-stopped" {
		return false
	}
	waited := slices.ContainsFunc(g.active(), func(o *service) bool {
		return o.DependsOn[s.Name].Condition == types.ServiceConditionCompletedSuccessfully
	})
	return waited || s.Restart == "no" || s.Restart == "on-failure" || migrateWords.MatchString(s.Name)
}

// stores puts every datastore beside both colors.
func (g *guesser) stores() {
	for _, svc := range g.left() {
		if svc.role == roleStore {
			what := svc.image.name
			if what == "" || svc.Build != nil {
				what = svc.base.name
			}
			g.share(svc, "a datastore ("+what+")", false)
		}
	}
}

func (g *guesser) share(s *service, why string, doubt bool) {
	g.group[s.Name] = groupShared
	g.p.Shared = append(g.p.Shared, Choice{s.Name, why, doubt})
}

// keepers decides about everything else that keeps data and is not what people reach.
func (g *guesser) keepers() {
	var routed []*service
	for _, svc := range g.active() {
		if g.group[svc.Name] == groupRouted {
			routed = append(routed, svc)
		}
	}
	for _, svc := range g.left() {
		if svc.role == roleMail || svc.role == roleTool || svc.role == roleProxy {
			continue
		}
		places := slices.DeleteFunc(slices.Clone(svc.data), disposable)
		if len(places) == 0 {
			continue
		}
		own := svc.Build != nil || slices.ContainsFunc(routed, func(r *service) bool {
			return sameProgram(svc, r) || isFront(r) && g.reaches(r.Name, svc.Name)
		})
		onApp := slices.ContainsFunc(routed, func(r *service) bool { return g.reaches(svc.Name, r.Name) || shareData(svc, r) })
		common := slices.ContainsFunc(g.active(), func(o *service) bool {
			return o.Name != svc.Name && g.group[o.Name] != groupShared && g.group[o.Name] != groupIgnored && shareData(svc, o)
		})
		switch {
		case own, g.endsItself(svc):
		case onApp:
			g.group[svc.Name] = groupSingleton
			g.p.Singletons = append(g.p.Singletons, Choice{svc.Name, "it keeps data, and works on the app: it runs beside the live color only", true})
		case common:
		default:
			g.share(svc, "it keeps data in "+places[0].key+", and is not what people come for: one for both colors", true)
		}
	}
}

var (
	disposableName = regexp.MustCompile(`(?i)(^|[-_./])(cache|caches|node_modules|node-modules|tmp|temp|static|staticfiles|assets|sock|socket|sockets|run|venv|bundle|gems|build|dist)($|[-_./])|cache$|_modules$|static(_?files)?$|socket$`)
	disposableAt   = regexp.MustCompile(`(?i)/(\.?cache|node_modules|tmp|static|staticfiles|run|\.venv|\.next)(/|$)`)
)

// disposable tells whether a volume has only what can be made again, or what belongs to one
// version: a cache, static files, sockets.
func disposable(m dataMount) bool {
	return m.volume && (disposableName.MatchString(m.key) || disposableAt.MatchString(m.target))
}

// volumes says of every place that colored services keep something in how both colors use it.
func (g *guesser) volumes() {
	users := map[string][]string{}
	var keys []dataMount
	for _, svc := range g.active() {
		if group := g.group[svc.Name]; group == groupShared || group == groupIgnored {
			continue
		}
		for _, m := range svc.data {
			if m.volume && bool(g.Project.Volumes[m.key].External) {
				continue // the file says that there is one
			}
			if !slices.Contains(users[m.key], svc.Name) {
				users[m.key] = append(users[m.key], svc.Name)
			}
			if !slices.ContainsFunc(keys, func(k dataMount) bool { return k.key == m.key }) {
				keys = append(keys, m)
			}
		}
	}
	for _, m := range keys {
		who := strings.Join(users[m.key], ", ")
		if use := g.said.Uses[m.key]; use != "" {
			g.p.Volumes = append(g.p.Volumes, Volume{m.key, use, "used by " + who, false})
			continue
		}
		if disposable(m) {
			g.p.Volumes = append(g.p.Volumes, Volume{m.key, "each", "used by " + who + "; each color has its own, because it can be made again", true})
			continue
		}
		g.p.Volumes = append(g.p.Volumes, Volume{m.key, "both", "used by " + who + "; for a minute two versions write to it at once: can they?", true})
	}
}
