package readme

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"tandem/internal/config"
)

// facts are what the pages are compared with.
type facts struct {
	root       string
	commands   map[string][]string // the command -> its own flags, from its help
	exitCodes  []string            // "0 done", as every help prints them
	agentFlags []string            // of the agent's file, those of what is refused left out
	common     []string            // flags of every command that are no key of the file
	targets    []string            // of the Makefile
	variables  []string            // of the Makefile, that a user may set
}

var (
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z]+) {2,}\S`)
	helpFlag    = regexp.MustCompile(`(?m)^ +(?:(-[a-z]), )?(--[a-z-]+)`)
	makeTarget  = regexp.MustCompile(`(?m)^([a-z]+):.*## `)
	makeSetting = regexp.MustCompile(`(?m)^([A-Z]+) +\?=`)
)

func newFacts(t testing.TB, root string) facts {
	t.Helper()
	golden := goldens(t, filepath.Join(root, "cmd", "tandem", "testdata", "script", "help.txtar"))
	help := golden["root.golden"]
	f := facts{root: root, commands: map[string][]string{}}
	for _, m := range helpCommand.FindAllStringSubmatch(between(help, "START\n", "FLAGS\n"), -1) {
		own := between(golden[m[1]+".golden"], "FLAGS\n", "\n\n")
		for _, flag := range helpFlag.FindAllStringSubmatch(own, -1) {
			f.commands[m[1]] = append(f.commands[m[1]], flag[1], flag[2])
		}
		f.commands[m[1]] = append(f.commands[m[1]], "--help", "-h")
	}
	// Its help is long and has no golden of its own; the script checks this flag.
	f.commands["run"] = append(f.commands["run"], "--once")
	for _, row := range strings.Split(between(help, "EXIT CODES\n", "\n\n"), "\n") {
		f.exitCodes = append(f.exitCodes, strings.Join(strings.Fields(row), " "))
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.BindFlags(flags)
	flags.VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			f.agentFlags = append(f.agentFlags, "--"+flag.Name)
		}
	})
	for _, m := range helpFlag.FindAllStringSubmatch(between(help, "AGENT FLAGS\n", "\n\n"), -1) {
		if !slices.Contains(f.agentFlags, m[2]) {
			f.common = append(f.common, m[2])
		}
	}
	makefile := read(t, root, "Makefile")
	f.targets = submatches(makeTarget, makefile)
	f.variables = submatches(makeSetting, makefile)
	for what, n := range map[string]int{
		"commands": len(f.commands), "exit codes": len(f.exitCodes), "flags of the agent": len(f.agentFlags),
		"common flags": len(f.common), "make targets": len(f.targets), "make variables": len(f.variables),
	} {
		if n < 2 {
			t.Fatalf("found %d %s: the checks would compare with nothing", n, what)
		}
	}
	return f
}

// goldens reads the files at the end of a test script.
func goldens(t testing.TB, path string) map[string]string {
	t.Helper()
	files := map[string]string{}
	name := ""
	for l := range strings.Lines(read(t, path)) {
		if rest, ok := strings.CutPrefix(l, "-- "); ok {
			name = strings.TrimSuffix(strings.TrimSpace(rest), " --")
			continue
		}
		files[name] += l
	}
	return files
}

// between returns what stands after the line from, up to the text to or the end.
func between(text, from, to string) string {
	_, rest, found := strings.Cut("\n"+text, "\n"+from)
	if !found {
		return ""
	}
	body, _, _ := strings.Cut(rest, to)
	return strings.TrimRight(body, "\n")
}

// constants returns the values of the constants of a package that have the type
// or, for an empty one, a name that begins with prefix.
func constants(t testing.TB, root, dir, typ, prefix string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				values = append(values, constant(spec.(*ast.ValueSpec), typ, prefix)...)
			}
		}
	}
	if len(values) == 0 {
		t.Fatalf("found no constant %s%s in %s", typ, prefix, dir)
	}
	return values
}

func constant(v *ast.ValueSpec, typ, prefix string) []string {
	var values []string
	is, _ := v.Type.(*ast.Ident)
	for i, name := range v.Names {
		if i >= len(v.Values) || (typ != "") != (is != nil) || is != nil && is.Name != typ || !strings.HasPrefix(name.Name, prefix) {
			continue
		}
		if literal, ok := v.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if value, err := strconv.Unquote(literal.Value); err == nil {
				values = append(values, value)
			}
		}
	}
	return values
}

func submatches(re *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

func read(t testing.TB, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
