package scaffold

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tandem/reconciler/deploy"
)

// Proposal is what a tandem.yaml would say, each part with a reason for the person who
// reads it.
type Proposal struct {
	App        string
	Compose    []string // empty: found by itself
	Profiles   []string
	Tag        Choice // Name is the tag; empty with Build
	Build      bool
	Images     []Image
	Shared     []Choice
	Volumes    []Volume
	Ignore     []Choice
	Singletons []Choice
	Expand     Choice // the migration
	Routes     []Route
	Adopt      string   // the Compose project that runs; empty: none
	Data       string   // where its services keep what they write beside the files; empty: nowhere
	Kept       []string // directories below Data that are mounted
	Colored    []string // the services that no other part names, and those of the routes
}

// Choice is a name, and why it was chosen. A choice that Doubt is said of is one that a
// person should look at.
type Choice struct {
	Name  string
	Why   string
	Doubt bool
}

// Volume says how a volume or a directory of colored services is used.
type Volume struct {
	Key, Use, Why string
	Doubt         bool
}

// Image says that the tag belongs to the image of a service.
type Image struct{ Service, Repository string }

// Route is where people reach the app.
type Route struct {
	Name    string
	Service string
	Port    int // 0: the one that the file publishes or exposes
	PortWhy string
	Path    string // of the health check
	Status  string // empty: tandem's own default
	Why     string // of the path
	Doubt   bool
	// Upstream is the one of Nginx's site that leads there now; empty: none.
	Upstream string
	TLS      bool // the container's own port speaks TLS alone
}

// Propose guesses what a person would write, where the answers do not say it. It asks
// nobody, and gives the same proposal each time.
func Propose(s *Source, answers Answers) (*Proposal, error) {
	g := &guesser{survey: newSurvey(s), p: &Proposal{App: appName(s)}, group: map[string]string{}, said: answers}
	if s.Named {
		g.p.Compose = s.Files
	}
	g.profiles()
	for _, name := range answers.Shared {
		if svc := g.all[name]; svc != nil && !slices.Contains(answers.Routes, name) {
			g.share(svc, "as you said", false)
		}
	}
	g.colorPairs()
	g.outsiders()
	if err := g.routed(); err != nil {
		return nil, err
	}
	g.oneShots()
	if answers.Shared == nil {
		g.stores()
		g.keepers()
	}
	g.volumes()
	g.tag()
	g.takeOver()
	for _, svc := range g.active() {
		if g.group[svc.Name] == "" || g.group[svc.Name] == groupRouted {
			g.p.Colored = append(g.p.Colored, svc.Name)
		}
	}
	return g.p, nil
}

// The groups that services are sorted into. What is in none is colored.
const (
	groupRouted    = "routed"
	groupShared    = "shared"
	groupIgnored   = "ignored"
	groupSingleton = "singleton"
	groupMigration = "migration"
)

// guesser makes a Proposal, one step after the other.
type guesser struct {
	*survey
	p     *Proposal
	group map[string]string // service -> group
	said  Answers
}

// active are the services that the proposal's profiles make part of the app.
func (g *guesser) active() []*service {
	return slices.DeleteFunc(slices.Clone(g.sorted), func(s *service) bool {
		return len(s.Profiles) > 0 && !slices.ContainsFunc(s.Profiles, func(p string) bool { return slices.Contains(g.p.Profiles, p) })
	})
}

// left are the active services that are in no group yet.
func (g *guesser) left() []*service {
	return slices.DeleteFunc(g.active(), func(s *service) bool { return g.group[s.Name] != "" })
}

var notInNames = regexp.MustCompile(`[^a-z0-9-]+`)

// validName makes a name of a text as apps and routes have them.
func validName(text, otherwise string) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
	name = strings.TrimLeft(name, "0123456789-")
	name = strings.TrimRight(name[:min(len(name), 40)], "-")
	if !deploy.ValidName(name) || name == "tandem" {
		return otherwise
	}
	return name
}

// appName is what the file calls its project, or the directory's name.
func appName(s *Source) string {
	name := s.Name
	if name == "" || strings.Contains(name, "$") {
		name = filepath.Base(s.Dir)
	}
	return validName(name, "app")
}

func itoa(n int) string { return strconv.Itoa(n) }
