package project

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tandem/compose/policy"
	"tandem/compose/project/composefile"
	"tandem/internal/lib/plaintext"
	"tandem/internal/lib/strictyaml"
	"tandem/reconciler/deploy"
)

// A Compose file is written for one machine on which everything exists once. The
// projection makes of it, in memory, what two colors beside shared services need; the file
// goes on working for a laptop. What is changed becomes a note. What only a person can
// decide is a fault, which names the line of tandem.yaml that decides it.
type projection struct {
	*checker // of the blue stack, as the file has it; its faults are the projection's
	plain    *types.Project
	colored  map[deploy.Color]*types.Project
	shared   *types.Project                  // nil: the app has none, or only that of a file of its own
	fromFile *types.Project                  // the shared stack of a file of its own; nil: there is none
	written  map[deploy.Color]types.Services // all of the file, as it was before anything was changed
	dataDir  string                          // absolute
	notes    []deploy.Note
}

// The words that stand for what differs between colors and releases where the file is
// read for neither.
const (
	plainTag   = "tag-of-the-release"
	plainColor = "color-of-the-stack"
)

// resolvePlain resolves the file for no color, as the project of the shared stack.
func resolvePlain(ctx context.Context, f *composefile.File) (*types.Project, error) {
	variables := f.Secrets.Variables()
	maps.Copy(variables, f.App.Variables(deploy.Blue))
	variables["TAG"], variables["COLOR"] = plainTag, plainColor
	return f.Resolve(ctx, f.App.SharedProject(), variables, namedServices(f.App)...)
}

// namedServices are those that tandem.yaml names for a purpose of their own, which are
// wanted in whatever profile they are.
func namedServices(app deploy.App) []string {
	names := slices.Concat(migrationsOf(app), app.SharedServices, app.Singletons)
	for _, r := range app.Routes {
		names = append(names, r.Service)
	}
	return names
}

// project projects the colored stacks of r, which hold what the file says, and makes the
// shared stack where tandem.yaml lists its services. Faults after which nothing else can be
// told are its error.
func (r *Resolution) project(ctx context.Context, app deploy.App, f *composefile.File, host policy.Host) (deploy.Faults, error) {
	plain, err := resolvePlain(ctx, f)
	if err != nil {
		return nil, err
	}
	x := &projection{
		checker: newChecker(f, r.Colored[deploy.Blue], hostRules{}), plain: plain, colored: r.Colored, fromFile: r.Shared,
		written: map[deploy.Color]types.Services{}, dataDir: cmp.Or(app.Data, host.DataOf(app.Name)),
	}
	for color, p := range x.colored {
		x.written[color] = maps.Clone(p.Services)
	}
	if x.lists(); len(x.faults) > 0 {
		return nil, composefile.SortFaults(x.faults) // all else would follow from them
	}
	if len(app.SharedServices) > 0 {
		x.shared = x.sharedProject()
		x.sharedPorts()
	}
	x.leaveOut()
	if x.secretPlaces(); len(x.faults) > 0 {
		return nil, composefile.SortFaults(x.faults) // nothing is told of what has secrets in it
	}
	x.names()
	x.networks()
	x.ports()
	x.images()
	x.places(ctx)
	if app.Adopt != "" && !host.Policy.AllowsAdopt(app.Adopt) {
		x.appFault([]string{"adopt"}, "the Compose project %s is this app's only where the host says so: let this host's policy.allow list \"%s:%s\"", app.Adopt, policy.AllowAdopt, app.Adopt)
	}
	for color, p := range x.colored {
		r.Colored[color] = p.WithoutUnnecessaryResources()
	}
	if x.shared != nil {
		r.Shared = x.shared
	}
	if name := f.Override(); name != "" {
		x.noteApp([]string{"compose"}, "%s is not read, because nothing names it: if it is for the server, write compose: [%s, %s]", name, f.Base(), name)
	}
	r.Notes, r.groups, r.ignored = x.notes, x.groups(), map[string]string{}
	for _, name := range app.Ignore {
		r.ignored[name] = x.everyService()[name].Image
	}
	return composefile.SortFaults(x.faults), nil
}

// note tells what is made of what stands at path.
func (x *projection) note(path []string, format string, args ...any) {
	name, line := x.Locate(path...)
	x.addNote(deploy.Note{File: name, Line: line, Path: composefile.PathText(path), Text: fmt.Sprintf(format, args...)})
}

// noteApp is note for what stands, or might stand, in tandem.yaml.
func (x *projection) noteApp(path []string, format string, args ...any) {
	x.addNote(deploy.Note{File: x.App.File, Path: composefile.PathText(path), Text: fmt.Sprintf(format, args...)})
}

func (x *projection) addNote(n deploy.Note) {
	n.Text = plaintext.WithoutEscapes([]byte(x.Secrets.Hide(n.Text)))
	if !slices.Contains(x.notes, n) {
		x.notes = append(x.notes, n)
	}
}

// lists checks that the services that tandem.yaml lists exist, and are wanted for one thing.
func (x *projection) lists() {
	owner := map[string]string{}
	check := func(key string, names []string) {
		for _, name := range names {
			where := []string{key, "~" + name}
			switch other := owner[name]; {
			case other != "":
				x.appFault(where, "%s is listed under %s, too: it can be one of them, remove it from the other", name, other)
			case x.unknownService(where, name):
			case x.routeTo(name) != "" && key == "shared":
				x.appFault(where, "%s answers the route %s, so that there is one a color: remove it from shared; if the route is for another service, write its name under routes.%s.service", name, x.routeTo(name), x.routeTo(name))
			case x.routeTo(name) != "":
				x.appFault(where, "%s answers the route %s: remove it from %s, or remove the route", name, x.routeTo(name), key)
			}
			owner[name] = key
		}
	}
	check("shared", x.App.SharedServices)
	check("ignore", x.App.Ignore)
	for _, name := range slices.Concat(x.App.Singletons, migrationsOf(x.App)) {
		if key := owner[name]; key != "" {
			x.appFault([]string{key, "~" + name}, "%s is among the singletons or migrations, too: remove it from one of them", name)
		}
	}
	for _, name := range x.App.Profiles {
		if !slices.ContainsFunc(slices.Collect(maps.Values(x.everyService())), func(s types.ServiceConfig) bool { return slices.Contains(s.Profiles, name) }) {
			x.appFault([]string{"profiles", "~" + name}, "no service of %s is in the profile %s: correct the name, or remove it", x.Name(), name)
		}
	}
	for name := range x.App.Images {
		x.unknownService([]string{"images", name}, name)
	}
}

// everyService is what the file has, in active profiles or not.
func (x *projection) everyService() types.Services {
	all := maps.Clone(x.plain.Services)
	maps.Copy(all, x.plain.DisabledServices)
	return all
}

// unknownService adds a fault when the file has no such service, in whatever profile. To
// leave out what is not active is no mistake.
func (x *projection) unknownService(where []string, name string) bool {
	all := x.everyService()
	if _, ok := all[name]; ok {
		return false
	}
	names := sortedKeys(all)
	if meant := strictyaml.Suggest(name, names); meant != "" {
		x.appFault(where, "%s has no service %q; did you mean %s?", x.Name(), name, meant)
	} else {
		x.appFault(where, "%s has no service %q: write one of %s", x.Name(), name, strings.Join(names, ", "))
	}
	return true
}

// secretPlaces finds secrets where others can read them, in what the file says: some of it
// is replaced.
func (x *projection) secretPlaces() {
	projects := []*types.Project{x.colored[deploy.Blue], x.colored[deploy.Green]}
	if x.shared != nil {
		projects = append(projects, x.shared)
	}
	for _, p := range projects {
		c := newChecker(x.File, p, hostRules{})
		c.secretPlaces()
		x.faults = append(x.faults, c.faults...)
	}
}

// eachColored replaces every service of both colors by what do makes of it.
func (x *projection) eachColored(do func(color deploy.Color, name string, s types.ServiceConfig) types.ServiceConfig) {
	for _, color := range deploy.Colors() {
		p := x.colored[color]
		for _, name := range p.ServiceNames() {
			p.Services[name] = do(color, name, p.Services[name])
		}
	}
}

// sameInBoth tells whether the file has the same value of a service for both colors, so that
// two containers would have it.
func (x *projection) sameInBoth(name string, of func(types.ServiceConfig) string) bool {
	return of(x.written[deploy.Blue][name]) == of(x.written[deploy.Green][name])
}
