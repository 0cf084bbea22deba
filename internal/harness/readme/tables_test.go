package readme

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checkTables compares the tables with the constants that they explain.
func checkTables(t testing.TB, f facts, pages []page) []string {
	t.Helper()
	readme, trouble, agent := find(pages, "README.md"), find(pages, "docs/troubleshooting.md"), find(pages, "docs/agent-yaml.md")
	reasons := constants(t, f.root, "reconciler/deploy", "Reason", "")
	var findings []string
	for _, table := range []struct {
		name      string
		got, want []string
	}{
		{"README.md: the tables of reasons", readme.column(true, "reason of a plan", "why a release is rejected", "what is in the way"), reasons},
		{"README.md: the table of steps", readme.column(true, "step"), constants(t, f.root, "reconciler/deploy", "Action", "")},
		{trouble.name + ": the table of reasons", trouble.column(true, "reason"), reasons},
		{trouble.name + ": the table of phases", trouble.column(true, "phase"), constants(t, f.root, "reconciler/deploy", "Phase", "")},
		{trouble.name + ": the table of results", trouble.column(true, "result"), constants(t, f.root, "reconciler/deploy", "Result", "")},
	} {
		findings = append(findings, differences(table.name, table.got, table.want)...)
	}
	var names []string
	for _, l := range agent.column(false, "name") {
		names = append(names, line{text: l}.spans()...)
	}
	findings = append(findings, differences(agent.name+": the table of policy.allow", names, constants(t, f.root, "compose/policy", "", "Allow"))...)
	var codes []string
	for _, l := range readme.lines {
		if first, isRow := firstCell(l); isRow && digits.MatchString(first) {
			cells := strings.Split(strings.Trim(l.text, "| "), " | ")
			codes = append(codes, strings.Join(cells, " "))
		}
	}
	if !slices.Equal(codes, f.exitCodes) {
		findings = append(findings, fmt.Sprintf("README.md: the exit codes are %q, every help has %q", codes, f.exitCodes))
	}
	return findings
}

var digits = regexp.MustCompile(`^[0-9]+$`)

var (
	refusal  = regexp.MustCompile(`^\S+/(?:tandem|compose)\.yaml:\d+: (.*)`)
	logWords = regexp.MustCompile(`\b(reason|step|phase)=(\w+)`)
	tableRow = regexp.MustCompile(`^\S+ +([A-Z][a-z]+) +([A-Z][A-Za-z]+) +\d`)
	pastRow  = regexp.MustCompile(`^ *\d{4}-\d\d-\d\d [\d:]+ +\S+ +(\w+) +(\w+) `)
	logged   = regexp.MustCompile(`\bmsg="([^"]+)"`)
)

// checkMessages looks for the words of shown messages in what the code's own
// tests expect, and in the constants.
func checkMessages(t testing.TB, f facts, pages []page) []string {
	t.Helper()
	known := map[string][]string{
		"reason": constants(t, f.root, "reconciler/deploy", "Reason", ""),
		"step":   constants(t, f.root, "reconciler/deploy", "Action", ""),
		"phase":  constants(t, f.root, "reconciler/deploy", "Phase", ""),
		"result": constants(t, f.root, "reconciler/deploy", "Result", ""),
	}
	said := expected(t, f.root)
	var findings []string
	add := func(p page, l line, format string, args ...any) {
		findings = append(findings, p.at(l)+": "+fmt.Sprintf(format, args...))
	}
	for _, p := range pages {
		for _, l := range p.lines {
			if !l.code || l.lang != "" {
				continue
			}
			if m := refusal.FindStringSubmatch(l.text); m != nil && !strings.Contains(said, m[1]) {
				add(p, l, "no test expects the message %q", m[1])
			}
			for _, m := range logWords.FindAllStringSubmatch(l.text, -1) {
				if !slices.Contains(known[m[1]], m[2]) {
					add(p, l, "there is no %s %s", m[1], m[2])
				}
			}
			if m := tableRow.FindStringSubmatch(l.text); m != nil && (!slices.Contains(known["phase"], m[1]) || !slices.Contains(known["reason"], m[2])) {
				add(p, l, "there is no phase %s with a reason %s", m[1], m[2])
			}
			if m := pastRow.FindStringSubmatch(l.text); m != nil && (!slices.Contains(known["result"], m[1]) || !slices.Contains(known["reason"], m[2])) {
				add(p, l, "there is no result %s with a reason %s", m[1], m[2])
			}
			for _, message := range submatches(logged, l.text) {
				if !strings.Contains(said, `"`+message+`"`) {
					add(p, l, "nothing logs %q", message)
				}
			}
		}
	}
	return findings
}

// expected is the text of all that says, or expects, a message.
func expected(t testing.TB, root string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{
		"compose/project/testdata/refused/*.txtar", "reconciler/appfile/testdata/bad/*.want", "reconciler/deploy/reason.go", "internal/agent/*.go",
	} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("found %d files like %s (%v)", len(files), pattern, err)
		}
		for _, file := range files {
			all.WriteString(read(t, file))
		}
	}
	return all.String()
}
