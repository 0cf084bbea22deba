package readme

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	tandemCall = regexp.MustCompile(`(?:^|[\s/])tandem ([a-z]+)((?: [^\s|&;#,]+)*)`)
	anyFlag    = regexp.MustCompile(`^--?[a-z]`)
	ownFlag    = regexp.MustCompile(`^(?:--[a-z-]+|-o)$`)
	makeCall   = regexp.MustCompile(`(?:^|[\s"])make ([a-z]+)((?: [A-Z]+=\S*)*)`)
	goTest     = regexp.MustCompile(`go test (\./\S+)(?: -run '([^']+)')?`)
	oneTest    = regexp.MustCompile(`^(?:Test|Fuzz)[A-Z]\w*$`)
)

// prose are the languages of blocks in which no command stands.
var prose = []string{"yaml", "nginx", "diff"}

// eachCode visits what stands as code, in blocks and in text.
func eachCode(pages []page, visit func(where, code string, span bool)) {
	for _, p := range pages {
		for _, l := range p.lines {
			if slices.Contains(prose, l.lang) {
				continue
			}
			for _, code := range l.codes() {
				code, _, _ = strings.Cut(code, " # ") // a shell's comment
				visit(p.at(l), code, !l.code)
			}
		}
	}
}

// checkCommands looks for commands and flags of tandem that there are not, and
// for commands that the README's table lacks.
func checkCommands(_ testing.TB, f facts, pages []page) []string {
	var findings []string
	shared := slices.Concat(f.agentFlags, f.common)
	calls := 0
	eachCode(pages, func(where, code string, span bool) {
		for _, m := range tandemCall.FindAllStringSubmatch(code, -1) {
			calls++
			own, known := f.commands[m[1]]
			if !known {
				findings = append(findings, fmt.Sprintf("%s: there is no command tandem %s", where, m[1]))
				continue
			}
			for word := range strings.FieldsSeq(m[2]) {
				flag, _, _ := strings.Cut(word, "=")
				if anyFlag.MatchString(flag) && !slices.Contains(own, flag) && !slices.Contains(shared, flag) {
					findings = append(findings, fmt.Sprintf("%s: tandem %s has no flag %s", where, m[1], flag))
				}
			}
		}
		if flag := strings.Fields(code); span && len(flag) > 0 && ownFlag.MatchString(flag[0]) && !anywhere(f, flag[0]) {
			findings = append(findings, fmt.Sprintf("%s: no command has the flag %s", where, flag[0]))
		}
	})
	if calls == 0 {
		findings = append(findings, "no page names a command of tandem")
	}
	var shown []string
	for _, span := range find(pages, "README.md").column(true, "command") {
		if rest, ok := strings.CutPrefix(span, "tandem "); ok {
			shown = append(shown, strings.Fields(rest)[0])
		}
	}
	var all []string
	for name := range f.commands {
		if name != "help" && name != "completion" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return append(findings, differences("README.md: the table of commands", shown, all)...)
}

func anywhere(f facts, flag string) bool {
	for _, own := range f.commands {
		if slices.Contains(own, flag) {
			return true
		}
	}
	return slices.Contains(f.agentFlags, flag) || slices.Contains(f.common, flag)
}

func checkMake(_ testing.TB, f facts, pages []page) []string {
	var findings []string
	calls := 0
	eachCode(pages, func(where, code string, _ bool) {
		for _, m := range makeCall.FindAllStringSubmatch(code, -1) {
			calls++
			if !slices.Contains(f.targets, m[1]) {
				findings = append(findings, fmt.Sprintf("%s: the Makefile has no target %s", where, m[1]))
			}
			for setting := range strings.FieldsSeq(m[2]) {
				if name, _, _ := strings.Cut(setting, "="); !slices.Contains(f.variables, name) {
					findings = append(findings, fmt.Sprintf("%s: the Makefile has no variable %s", where, name))
				}
			}
		}
	})
	if calls == 0 {
		findings = append(findings, "no page names a target of the Makefile")
	}
	return findings
}

// checkTests looks for packages and tests that a `go test` line names, and for
// tests that stand alone in the text.
func checkTests(t testing.TB, f facts, pages []page) []string {
	t.Helper()
	var findings []string
	calls, all := 0, allTests(t, f.root)
	eachCode(pages, func(where, code string, span bool) {
		if span && oneTest.MatchString(code) && !strings.Contains(all, "\nfunc "+code) {
			findings = append(findings, fmt.Sprintf("%s: no test begins with %s", where, code))
		}
		for _, m := range goTest.FindAllStringSubmatch(code, -1) {
			calls++
			files, err := filepath.Glob(filepath.Join(f.root, m[1], "*_test.go"))
			if err != nil || len(files) == 0 {
				findings = append(findings, fmt.Sprintf("%s: there are no tests in %s", where, m[1]))
				continue
			}
			for _, name := range strings.Split(m[2], "|") {
				if !slices.ContainsFunc(files, func(file string) bool { return strings.Contains(read(t, file), "\nfunc "+name) }) {
					findings = append(findings, fmt.Sprintf("%s: no test in %s begins with %s", where, m[1], name))
				}
			}
		}
	})
	if calls == 0 {
		findings = append(findings, "no page names a test")
	}
	return findings
}

// allTests is the text of every file of tests.
func allTests(t testing.TB, root string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") && entry.Type().IsRegular() {
			all.WriteString(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func exists(root, path string) bool {
	_, err := os.Stat(filepath.Join(root, path))
	return err == nil
}
