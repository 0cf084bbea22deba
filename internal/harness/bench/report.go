package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"tandem/internal/lib/atomicfile"
)

// pageHead begins docs/performance.md.
const pageHead = `# Performance

Written by ` + "`make bench`" + `. Each section says when, with which command, of which commit and
on which machine it was measured. What a section compares was measured in one run, the
candidates taking turns. A figure is the median, with the smallest and the largest
behind it. The machine is shared and noisy: compare rows, not days.
`

// section is what one measurement has to say.
type section struct {
	title  string
	where  string // and when, and with which command
	intro  string
	header []string
	rows   [][]string
	notes  []string
}

// String is the section in Markdown.
func (s section) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n\n%s\n\n%s\n\n", titleMark, s.title, s.where, strings.TrimSpace(s.intro))
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

const titleMark = "## "

// page is docs/performance.md: the text of each section, by its title.
type page map[string]string

// readPage takes an existing page apart, so that a run of some measurements keeps
// what the others found.
func readPage(file string) (page, error) {
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	p := page{}
	_, text, found := strings.Cut(string(data), "\n"+titleMark)
	for found {
		var one string
		one, text, found = strings.Cut(text, "\n"+titleMark)
		title, _, _ := strings.Cut(one, "\n")
		p[title] = titleMark + strings.TrimRight(one, "\n") + "\n"
	}
	return p, nil
}

// write replaces the page. The sections are in the order of the titles; one whose
// title is not among them is of a measurement that is gone, and goes, too.
func (p page) write(file string, titles []string) error {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, title := range titles {
		if text, found := p[title]; found {
			b.WriteString("\n" + text)
		}
	}
	return atomicfile.Write(file, []byte(b.String()), 0o644)
}

// target says whether a figure is where it should be, and by how much it is not.
func target(what string, got, want float64, print func(float64) string) string {
	return verdict(what, "at most", got <= want, got, want, print)
}

// targetAtLeast is the same for a figure that should be large.
func targetAtLeast(what string, got, want float64, print func(float64) string) string {
	return verdict(what, "at least", got >= want, got, want, print)
}

func verdict(what, bound string, met bool, got, want float64, print func(float64) string) string {
	word := "Target met"
	if !met {
		word = "**Target missed**"
	}
	return fmt.Sprintf("%s: %s: %s %s, is %s.", word, what, bound, print(want), print(got))
}
