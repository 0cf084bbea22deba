package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const module = "tandem/"

// The parts that have a meaning of their own in the rules.
const (
	lib     = "internal/lib"     // tools that know nothing of tandem; everyone may use them
	harness = "internal/harness" // what proves tandem; nothing of the product knows it
	heart   = "reconciler/deploy"
)

// everything is all of the product.
var everything = []string{"reconciler", "source", "compose", "nginx", "internal"}

// arrows say what each part of the house may import of the module, lib and itself aside.
// The first row whose name is the package, or a parent of it, counts, so that the narrow
// rows stand before the wide ones.
var arrows = []struct {
	part string
	may  []string
}{
	{lib, nil},
	{heart, nil},
	{"reconciler/appfile", []string{heart}},
	{"reconciler", []string{heart, "reconciler/appfile"}},
	{"source", []string{heart}},
	{"compose/policy", nil},
	{"compose/project", []string{heart, "compose/policy"}},
	{"compose/guard", []string{heart, "compose/policy", "compose/project"}},
	{"compose", []string{heart, "compose/policy", "compose/project", "compose/guard"}},
	{"nginx/accesslog", []string{heart}},
	{"nginx", []string{heart, "nginx/accesslog"}},
	{"internal/agent", everything},
	{harness, append([]string{"examples"}, everything...)},
	{"internal/config", []string{heart, "reconciler/appfile"}},
	{"internal/validate", []string{heart, "reconciler/appfile", "compose/project", "internal/secrets"}},
	{"internal/scaffold", []string{heart, "reconciler/appfile", "compose/project"}},
	{"internal", []string{heart}}, // api, forge, metrics, notify, secrets, …
	{"cmd/tandem-demo", []string{harness + "/demo"}},
	{"cmd", []string{heart, "internal"}},
	{"examples", nil},
}

// checkArrows finds imports of the module that point the wrong way, in the
// packages and in their tests.
func checkArrows(_ testing.TB, h house) []string {
	var findings []string
	for _, p := range h.packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		may, known := allowed(name)
		if !known {
			findings = append(findings, fmt.Sprintf("%s: no row of the arrows names it: decide what it may import, and add it to internal/harness/lint/arrows_test.go", name))
			continue
		}
		for _, imported := range ownImports(p.Imports) {
			if !permits(name, may, imported) {
				findings = append(findings, fmt.Sprintf("%s imports %s: the arrows point cmd/tandem -> internal/agent -> {reconciler, source, compose, nginx, internal/*} -> reconciler/deploy; "+
					"declare a small interface where it is used and let internal/agent wire it", name, imported))
			}
		}
		for _, imported := range ownImports(slices.Concat(p.TestImports, p.XTestImports)) {
			if !permits(name, slices.Concat(may, forTests(name)), imported) {
				findings = append(findings, fmt.Sprintf("the tests of %s import %s: test the two together in internal/agent or %s/e2e", name, imported, harness))
			}
		}
	}
	return findings
}

// checkHeart finds what the heart needs beyond the standard library.
func checkHeart(t testing.TB, h house) []string {
	t.Helper()
	return needs(t, h, heart, "the standard library", func(string) bool { return false })
}

// checkValidate finds a Docker client behind what `tandem validate` runs.
func checkValidate(t testing.TB, h house) []string {
	t.Helper()
	permitted := func(dep string) bool {
		return !within(dep, "github.com/docker/docker") && !within(dep, "github.com/moby/moby")
	}
	return append(needs(t, h, "compose/project", "no engine", permitted), needs(t, h, "internal/validate", "no engine", permitted)...)
}

// needs finds what a package has, directly or not, that is neither of the standard library
// nor permitted.
func needs(t testing.TB, h house, name, words string, permitted func(dep string) bool) []string {
	t.Helper()
	std := strings.Fields(run(t, h.root, "go", "list", "std"))
	for _, p := range h.packages {
		if p.ImportPath != module+name {
			continue
		}
		var findings []string
		for _, dep := range p.Deps {
			if permitted(dep) || slices.Contains(std, dep) || strings.HasPrefix(dep, "vendor/") {
				continue
			}
			findings = append(findings, fmt.Sprintf("%s needs %s: it is to need %s; move what needs more to where it is used", name, dep, words))
		}
		return findings
	}
	return []string{"there is no package " + name + ": the rule that guards it checks nothing"}
}

// allowed returns what a package may import, and whether any row names it.
func allowed(name string) (may []string, known bool) {
	for _, row := range arrows {
		if within(name, row.part) {
			return row.may, true
		}
	}
	return nil, false
}

// permits tells whether the package may import another one of the module.
func permits(name string, may []string, imported string) bool {
	switch {
	case within(imported, part(name)):
		return true
	case within(imported, lib):
		return true
	case within(imported, harness) && !slices.ContainsFunc(may, func(m string) bool { return within(m, harness) }):
		return false
	}
	return slices.ContainsFunc(may, func(m string) bool { return within(imported, m) })
}

// forTests is what the tests of a package may import besides: what they are tried on, and
// for the examples all that reads them.
func forTests(name string) []string {
	if name == "examples" {
		return append([]string{harness}, everything...)
	}
	return []string{harness, "examples"}
}

// part is the row's name under which a package lives; below internal, lib and cmd each
// directory is a part of its own, whether a row names it or not.
func part(name string) string {
	for _, parent := range []string{lib, "internal", "cmd"} {
		rest, ok := strings.CutPrefix(name, parent+"/")
		if ok && !within(name, harness) {
			top, _, _ := strings.Cut(rest, "/")
			return parent + "/" + top
		}
	}
	for _, row := range arrows {
		if within(name, row.part) {
			return row.part
		}
	}
	return name
}

// ownImports returns the packages of this module, without its name.
func ownImports(paths []string) []string {
	var own []string
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, module); ok && !slices.Contains(own, rest) {
			own = append(own, rest)
		}
	}
	return own
}

// within tells whether a path is the parent or lies under it.
func within(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}
