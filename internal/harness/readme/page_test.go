package readme

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is one Markdown file.
type page struct {
	name  string // slash-separated, relative to the module
	lines []line
}

// line is one line of a page; those that open and close a block are left out.
type line struct {
	number int
	text   string
	lang   string // of the fenced block it stands in
	code   bool   // in a block, fenced or indented
}

// block is one fenced block.
type block struct {
	where, lang, text string
}

// readPages reads all that people read first.
func readPages(t testing.TB, root string) []page {
	t.Helper()
	names := []string{"README.md", "CHANGELOG.md", unitName}
	for _, pattern := range []string{"docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("found %d pages like %s (%v)", len(found), pattern, err)
		}
		for _, f := range found {
			rel, err := filepath.Rel(root, f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(rel))
		}
	}
	var pages []page
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, newPage(name, string(text)))
	}
	return pages
}

// newPage reads the blocks of a page. A fenced block may stand in a list item;
// then its lines begin where the fence does.
func newPage(name, text string) page {
	p := page{name: name}
	fenced, lang, indent := false, "", ""
	for i, text := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(text, " ")
		if after, fence := strings.CutPrefix(trimmed, "```"); fence {
			fenced = !fenced
			lang, indent = after, text[:len(text)-len(trimmed)]
			continue
		}
		l := line{number: i + 1, text: text, code: fenced || strings.HasPrefix(text, "    ")}
		if fenced {
			l.lang, l.text = lang, strings.TrimPrefix(text, indent)
		}
		p.lines = append(p.lines, l)
	}
	return p
}

func (p page) at(l line) string { return fmt.Sprintf("%s:%d", p.name, l.number) }

// blocks returns the fenced blocks of one language.
func (p page) blocks(lang string) []block {
	var all []block
	last := -1
	for _, l := range p.lines {
		if l.lang != lang || !l.code {
			continue
		}
		if l.number != last+1 {
			all = append(all, block{where: p.at(l), lang: lang})
		}
		all[len(all)-1].text += l.text + "\n"
		last = l.number
	}
	return all
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// code returns what stands in a line as code: all of it in a block, else the
// spans between backquotes.
func (l line) codes() []string {
	if l.code {
		return []string{l.text}
	}
	return l.spans()
}

// spans returns what stands between backquotes.
func (l line) spans() []string {
	var all []string
	if !l.code {
		for _, m := range codeSpan.FindAllStringSubmatch(l.text, -1) {
			all = append(all, m[1])
		}
	}
	return all
}

// column returns the cells of the first columns of the tables whose header
// begins with one of the given names. With spans, it returns the code in them.
func (p page) column(spans bool, headers ...string) []string {
	var cells []string
	inside := false
	for _, l := range p.lines {
		first, isRow := firstCell(l)
		switch {
		case !isRow:
			inside = false
		case slices.Contains(headers, first):
			inside = true
		case !inside || strings.HasPrefix(first, "---"):
		case spans:
			cells = append(cells, (line{text: first}).spans()...)
		default:
			cells = append(cells, first)
		}
	}
	return cells
}

func firstCell(l line) (string, bool) {
	if l.code || !strings.HasPrefix(l.text, "| ") {
		return "", false
	}
	first, _, _ := strings.Cut(l.text[2:], " |")
	return strings.TrimSpace(first), true
}

// find returns the page of that name.
func find(pages []page, name string) page {
	for _, p := range pages {
		if p.name == name {
			return p
		}
	}
	return page{name: name}
}

// differences says what one list has and the other has not.
func differences(where string, got, want []string) []string {
	var findings []string
	for _, x := range want {
		if !slices.Contains(got, x) {
			findings = append(findings, fmt.Sprintf("%s lacks %q", where, x))
		}
	}
	for i, x := range got {
		switch {
		case !slices.Contains(want, x):
			findings = append(findings, fmt.Sprintf("%s has %q, which does not exist", where, x))
		case slices.Contains(got[:i], x):
			findings = append(findings, fmt.Sprintf("%s has %q twice", where, x))
		}
	}
	return findings
}
