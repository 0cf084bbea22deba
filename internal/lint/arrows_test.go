package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const module = "tandem/"

// tools are the small packages that know nothing of tandem and that everyone
// may use. To add one, write its name here; it must not import the module.
var tools = []string{"internal/atomicfile", "internal/containerexec", "internal/listening", "internal/plaintext", "internal/rootfile", "internal/strictyaml", "internal/verify"}

// adapters speak the domain's types and their own library's.
var adapters = []string{"source", "compose", "nginx"}

// arrows say what each part of the house may import of the module, tools and
// itself aside. The first row whose name is the package, or a parent of it,
// counts, so that the narrow rows stand before the wide ones.
var arrows = []struct {
	part string
	may  []string
}{
	{"internal/atomicfile", nil},
	{"internal/containerexec", nil},
	{"internal/listening", nil},
	{"internal/plaintext", nil},
	{"internal/rootfile", nil},
	{"internal/strictyaml", nil},
	{"internal/verify", nil},
	{"reconciler", nil},
	{"source", []string{"reconciler"}},
	{"compose", []string{"reconciler"}},
	{"nginx", []string{"reconciler"}},
	{"internal/agent", []string{"reconciler", "source", "compose", "nginx", "internal"}},
	{"internal/demo", []string{"reconciler", "internal", "examples"}},
	{"internal/bench", []string{"reconciler", "internal", "examples"}},
	{"internal/soak", []string{"reconciler", "internal"}},
	{"internal/e2e", []string{"reconciler", "source", "compose", "nginx", "internal"}},
	// What the demo and the end-to-end tests play on.
	{"internal/stage", []string{"reconciler", "nginx", "internal/config", "internal/testbed", "examples"}},
	{"internal/secrets", []string{"reconciler", "internal/sops"}},
	{"internal", []string{"reconciler"}}, // config, dashboard, notify, metrics, …
	{"cmd", []string{"reconciler", "internal"}},
	{"examples", nil},
}

// heartLibraries is all from outside the standard library that the reconciler
// may need, directly or not.
var heartLibraries = []string{"github.com/goccy/go-yaml", "github.com/robfig/cron/v3"}

// heartTools are the tools that it may use.
var heartTools = []string{"internal/plaintext", "internal/rootfile", "internal/strictyaml"}

// checkArrows finds imports of the module that point the wrong way, in the
// packages and in their tests.
func checkArrows(_ testing.TB, h house) []string {
	var findings []string
	for _, p := range h.packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		may, known := allowed(name)
		if !known {
			findings = append(findings, fmt.Sprintf("%s: no row of the arrows names it: decide what it may import, and add it to internal/lint/arrows_test.go", name))
			continue
		}
		for _, imported := range ownImports(p.Imports) {
			if !permits(name, may, imported) {
				findings = append(findings, fmt.Sprintf("%s imports %s: the arrows point cmd -> internal/agent -> {source, compose, nginx, internal/*} -> reconciler; "+
					"declare a small interface where it is used and let internal/agent wire it", name, imported))
			}
		}
		for _, imported := range ownImports(slices.Concat(p.TestImports, p.XTestImports)) {
			if forbiddenToTest(name, imported) {
				findings = append(findings, fmt.Sprintf("the tests of %s import %s: test the two together in internal/agent or internal/e2e", name, imported))
			}
		}
	}
	return findings
}

// checkHeart finds what the reconciler needs beyond the standard library.
func checkHeart(t testing.TB, h house) []string {
	t.Helper()
	var findings []string
	std := strings.Fields(run(t, h.root, "go", "list", "std"))
	for _, p := range h.packages {
		if p.ImportPath != module+"reconciler" {
			continue
		}
		for _, dep := range p.Deps {
			own := slices.Contains(heartTools, strings.TrimPrefix(dep, module))
			library := slices.ContainsFunc(heartLibraries, func(l string) bool { return within(dep, l) })
			if own || library || slices.Contains(std, dep) || strings.HasPrefix(dep, "vendor/") {
				continue
			}
			findings = append(findings, fmt.Sprintf("reconciler needs %s: it must run without Git, Docker and Nginx; move what needs it into an adapter, behind a port", dep))
		}
		return findings
	}
	return []string{"there is no package reconciler: the rule that guards it checks nothing"}
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
	if within(imported, part(name)) {
		return true
	}
	if slices.Contains(tools, imported) {
		return !slices.Contains(tools, name)
	}
	// Only cmd runs these; nothing is built upon them.
	if within(imported, "internal/demo") || within(imported, "internal/e2e") {
		return within(name, "cmd")
	}
	return slices.ContainsFunc(may, func(m string) bool { return within(imported, m) })
}

// forbiddenToTest is milder than permits: tests may use any helper, but an
// adapter's tests stay clear of the other adapters and of what wires them.
func forbiddenToTest(name, imported string) bool {
	if name != "reconciler" && !slices.Contains(adapters, part(name)) || within(imported, part(name)) {
		return false
	}
	outer := append([]string{"cmd", "internal/agent", "internal/demo"}, adapters...)
	return slices.ContainsFunc(outer, func(o string) bool { return within(imported, o) })
}

// part is the row's name under which a package lives; below internal each
// directory is a part of its own, whether a row names it or not.
func part(name string) string {
	for _, row := range arrows {
		if row.part != "internal" && within(name, row.part) {
			return row.part
		}
	}
	if rest, ok := strings.CutPrefix(name, "internal/"); ok {
		top, _, _ := strings.Cut(rest, "/")
		return "internal/" + top
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
