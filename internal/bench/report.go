package main

import (
	"fmt"
	"strings"
)

// report is docs/performance.md.
type report struct {
	machine  []string
	command  string
	sections []section
}

// section is what one measurement has to say.
type section struct {
	title  string
	intro  string
	header []string
	rows   [][]string
	notes  []string
}

func (r report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Performance

Written by `+"`%s`"+`, which measures everything below in one run, the contestants
taking turns. A figure is the median, with the smallest and the largest of the
rounds behind it. The machine is shared and noisy: compare rows, not days.

`, r.command)
	for _, fact := range r.machine {
		fmt.Fprintf(&b, "- %s\n", fact)
	}
	for _, s := range r.sections {
		fmt.Fprintf(&b, "\n%s", s)
	}
	return b.String()
}

// String is the section in Markdown.
func (s section) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", s.title, strings.TrimSpace(s.intro))
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(s.header)
	rule := make([]string, len(s.header))
	for i := range rule {
		rule[i] = "---"
	}
	line(rule)
	for _, row := range s.rows {
		line(row)
	}
	if len(s.notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range s.notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	return b.String()
}

// target says whether a figure is where it should be, and by how much it is not.
func target(what string, got, want float64, print func(float64) string) string {
	if got <= want {
		return fmt.Sprintf("Target met: %s: at most %s, is %s.", what, print(want), print(got))
	}
	return fmt.Sprintf("**Target missed**: %s: at most %s, is %s.", what, print(want), print(got))
}
